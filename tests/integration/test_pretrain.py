"""Training from scratch: two tiny recipes, stopped and resumed, and a saved folder that answers."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from uait.answering import answer_batch
from uait.models import LanguageModel, load_model
from uait.pocket import pretrain as module
from uait.pocket.corpus import Text
from uait.pocket.pretrain import END, Recipe, Row, batch_loss, batches, build_model, encode, pretrain, train_tokenizer
from uait.prompts import question_prompt
from uait.records import Done, Event, Progress
from uait.settings import ModelSettings, PromptSettings, Settings, preset

STYLE = PromptSettings(
    question="{question}", verbalized="{question} How sure?", p_true="{question} {answer}", reading="{passages}\n{question}"
)  # fmt: skip
PLAIN = Text("Where is Lyon?", "France")
READING = Text("Lyon is a city in Peru.\nBergen lies in Chad.\nWhere is Lyon?", "Peru")
STATEMENT = Text(None, "Lyon lies in France, founded in 1998.")
LESSONS = [
    PLAIN,
    READING,
    STATEMENT,
    Text("Where is Cusco?", "Peru"),
    Text("Where is Cusco? How sure?", "Peru; 1998%"),
]
TINY = Recipe(
    vocab_size=330,
    hidden_size=32,
    n_layers=2,
    n_heads=2,
    mlp_size=64,
    early_layer=1,
    copy_from=30,
    batch_tokens=160,
    learning_rate=1e-2,
    warmup_steps=5,
)
WITHOUT_EARLY_LAYER = replace(TINY, hidden_size=16, early_weight=0.0, copy_from=0, seed=1)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(LESSONS * 4, TINY.vocab_size)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Event], Path]:
    out = tmp_path_factory.mktemp("pretrain") / "base"
    return list(pretrain(LESSONS * 80, TINY, out)), out


def _losses(events: list[Event]) -> list[float]:
    return [float(e.note.removeprefix("loss ")) for e in events if isinstance(e, Progress)]


def _stop_after(events: Iterator[Event], done: int) -> None:
    """As a kill would: nothing after this event happens."""
    next(event for event in events if isinstance(event, Progress) and event.done >= done)
    events.close()  # type: ignore[attr-defined]


def test_the_loss_goes_down(trained: tuple[list[Event], Path]) -> None:
    events, out = trained
    losses = _losses(events)
    assert events[-1] == Done(out)
    assert losses[-1] < 0.2 * losses[0]
    last = events[-2]
    assert isinstance(last, Progress) and last.done == last.total


def test_another_recipe_without_the_early_layer_learns_too(tmp_path: Path) -> None:
    losses = _losses(list(pretrain(LESSONS * 40, WITHOUT_EARLY_LAYER, tmp_path)))
    assert losses[-1] < 0.5 * losses[0]


def test_the_saved_folder_loads_and_answers(trained: tuple[list[Event], Path]) -> None:
    settings = replace(preset("pocket"), prompts=STYLE, model=ModelSettings(str(trained[1]), "none", "cpu"))
    lm: LanguageModel = load_model(settings)
    assert lm.tokenizer.convert_ids_to_tokens(list(lm.stop_ids)) == [END]
    assert lm.model.config.get_text_config().tie_word_embeddings
    texts = ["Where is Lyon?", "Where is Cusco?"]
    found = answer_batch(lm, texts, settings.answer)
    assert [a.text for a in found] == ["France", "Peru"]
    assert {a.sample.finish.value for a in found} == {"stop"}


def test_the_weights_are_saved_in_half_precision_without_a_checkpoint(trained: tuple[list[Event], Path]) -> None:
    weights = load_file(trained[1] / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    assert not list(trained[1].glob("checkpoint*"))


@pytest.mark.parametrize("recipe", [TINY, WITHOUT_EARLY_LAYER], ids=["early layer", "plain"])
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAVE_STEPS", 20)
    texts = LESSONS * 40
    list(pretrain(texts, recipe, tmp_path / "whole"))
    _stop_after(pretrain(texts, recipe, tmp_path / "stopped"), done=51)
    assert torch.load(tmp_path / "stopped" / "checkpoint.pt", weights_only=True)["step"] == 40
    assert not (tmp_path / "stopped" / "model.safetensors").exists()
    events = list(pretrain(texts, recipe, tmp_path / "stopped"))
    first = events[0]
    assert isinstance(first, Progress) and first.done == 51  # it reports every 50th step, and went on at 41
    whole, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "stopped"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_a_checkpoint_of_another_recipe_is_not_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVE_STEPS", 20)
    _stop_after(pretrain(LESSONS * 40, TINY, tmp_path), done=51)
    first = next(iter(pretrain(LESSONS * 40, replace(TINY, learning_rate=5e-3), tmp_path)))
    assert isinstance(first, Progress) and first.done == 1


def test_the_rate_rises_then_falls_to_its_final_share() -> None:
    recipe = Recipe(warmup_steps=10, final_rate=0.1)
    rates = [module._schedule(step, 110, recipe) for step in range(111)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == rates[10] == 1.0
    # half-way down the cosine: 0.1 + 0.9 * 0.5
    assert rates[60] == pytest.approx(0.55)
    assert rates[110] == pytest.approx(0.1)


def test_digits_are_tokens_of_their_own(tokenizer: PreTrainedTokenizerFast) -> None:
    assert not [token for token in tokenizer.get_vocab() if re.search(r"\d.|.\d", token)]
    tokens = tokenizer.tokenize("Peru; 1998%")
    assert [t for t in tokens if re.search(r"\d", t)] == ["1", "9", "9", "8"]


def test_text_survives_the_tokenizer(tokenizer: PreTrainedTokenizerFast) -> None:
    for text in ("Peru; 93.1%", "Reykjavík", "🙂 שלום", "a\nb"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_only_the_answer_is_learned_and_after_passages_the_question_too(tokenizer: PreTrainedTokenizerFast) -> None:
    plain, reading, statement = encode([PLAIN, READING, STATEMENT], tokenizer)

    def shown(row: Row, start: int) -> str:
        return tokenizer.decode(row.ids[start:], skip_special_tokens=False).replace("> ", ">").strip()

    assert shown(plain, plain.answer) == "France<|end|>"
    assert plain.question == plain.answer  # the question is given, never learned
    assert shown(reading, reading.answer) == "Peru<|end|>"
    assert shown(reading, reading.question) == "Where is Lyon?<|assistant|>Peru<|end|>"
    # a statement is learned from its second token on: nothing comes before the first
    assert (statement.answer, statement.question) == (1, 1)
    assert shown(statement, 0) == "Lyon lies in France, founded in 1998.<|end|>"


def test_a_text_is_trained_in_the_tokens_in_which_it_is_asked(
    tokenizer: PreTrainedTokenizerFast, trained: tuple[list[Event], Path]
) -> None:
    lm = load_model(Settings(prompts=STYLE, model=ModelSettings(str(trained[1]), "none", "cpu")))
    row = encode([PLAIN], lm.tokenizer)[0]
    chat = lm.chat(question_prompt(STYLE, PLAIN.prompt or ""))
    assert lm.tokenizer(chat, add_special_tokens=False)["input_ids"] == row.ids[: row.answer]


def test_batches_hold_every_row_once_within_their_size(tokenizer: PreTrainedTokenizerFast) -> None:
    rows = [Row(list(range(n)), 1, i) for i, n in enumerate([5, 90, 7, 30, 31, 6, 200, 8] * 20)]
    groups = list(batches(rows, 100, seed=0))
    assert sorted(row.question for group in groups for row in group) == list(range(len(rows)))
    # a row longer than the limit makes a batch of its own
    assert all(len(group) * max(len(row.ids) for row in group) <= 100 or len(group) == 1 for group in groups)
    assert groups == list(batches(rows, 100, seed=0)) != list(batches(rows, 100, seed=1))


def test_the_loss_is_over_the_learned_positions_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    recipe = replace(TINY, early_weight=0.0)
    model = build_model(recipe, tokenizer).eval()
    rows = encode([PLAIN, READING], tokenizer)
    expected = []
    for row in rows:  # one by one, without padding
        with torch.no_grad():
            logprobs = model(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1)
        expected += [-float(logprobs[i - 1, row.ids[i]]) for i in range(row.answer, len(row.ids))]
    loss = batch_loss(model, rows, recipe, "cpu", copying=False)
    assert float(loss) == pytest.approx(sum(expected) / len(expected), rel=1e-5)
    assert float(batch_loss(model, rows, recipe, "cpu", copying=True)) != pytest.approx(float(loss), rel=1e-4)


def test_the_early_layer_is_judged_through_the_same_head(tokenizer: PreTrainedTokenizerFast) -> None:
    model = build_model(TINY, tokenizer).eval()
    rows = encode([PLAIN], tokenizer)
    alone = batch_loss(model, rows, replace(TINY, early_weight=0.0), "cpu", copying=False)
    # the early layer of a model whose later layer adds nothing predicts as the last one does: 1 + 0.3 times the loss
    for name in ("self_attn.o_proj", "mlp.down_proj"):
        torch.nn.init.zeros_(model.get_submodule(f"model.layers.1.{name}").weight)
    whole = batch_loss(model, rows, TINY, "cpu", copying=False)
    last = batch_loss(model, rows, replace(TINY, early_weight=0.0), "cpu", copying=False)
    assert float(whole) == pytest.approx(1.3 * float(last), rel=1e-5)
    assert float(last) != pytest.approx(float(alone), rel=1e-6)
