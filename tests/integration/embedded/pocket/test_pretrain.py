"""Training from scratch: two tiny recipes, stopped and resumed, and a saved folder that answers."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from uait.data.catalogue import preset
from uait.embedded.pocket import pretrain as module
from uait.embedded.pocket.batches import Plan, Row, batches, encode, plan_batches
from uait.embedded.pocket.corpus import Curriculum, Text
from uait.embedded.pocket.pretrain import batch_loss, learning_rate, pretrain, train_again
from uait.embedded.pocket.recipe import END, Recipe, build_model, train_tokenizer
from uait.method.prompts import question_prompt
from uait.models.confidence import answer_batch
from uait.models.loading import LanguageModel, load_model
from uait.records import Done, Event, Progress
from uait.settings import ModelSettings, PromptSettings, Settings

STYLE = PromptSettings(
    question="{question}",
    verbalized="{question} How sure?",
    p_true="{question} {answer}",
    reading="{passages}\n{question}",
)
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
SCHOOL = [Text("Bergen lies in Chad.\nRepeat.", "Bergen is a city in Chad.")] * 40
LOOKUPS = [READING] * 40
TINY = Recipe(
    vocab_size=330,
    hidden_size=32,
    n_layers=2,
    n_heads=2,
    mlp_size=64,
    early_layer=1,
    copy_from=20,
    school_from=30,
    lookups_from=50,
    batch_tokens=80,
    learning_rate=1e-2,
    late_rate=5e-3,
    warmup_steps=5,
)
WITHOUT_EARLY_LAYER = replace(
    TINY, hidden_size=16, early_weight=0.0, copy_from=0, school_from=0, lookups_from=30, seed=1
)


MARKED = [Text("Where is Lyon?", "yes", given="France;"), Text("Where is Lyon?", "no", given="Peru;")]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(LESSONS * 4, TINY.vocab_size)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Event], Path]:
    out = tmp_path_factory.mktemp("pretrain") / "base"
    return list(pretrain(_curriculum(200), TINY, out)), out


def _curriculum(n: int) -> Curriculum:
    """Each lesson `n` times, with a few texts of the other terms."""
    return Curriculum(LESSONS * n, SCHOOL, LOOKUPS, LESSONS * 10)


def _losses(events: list[Event]) -> list[float]:
    return [float(e.note.removeprefix("loss ")) for e in events if isinstance(e, Progress)]


def _loss(model: Any, rows: list[Row], recipe: Recipe, *, copying: bool = False) -> float:
    with torch.no_grad():
        return float(batch_loss(model, rows, recipe, "cpu", copying=copying))


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
    losses = _losses(list(pretrain(_curriculum(60), WITHOUT_EARLY_LAYER, tmp_path)))
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
    curriculum = _curriculum(60)
    list(pretrain(curriculum, recipe, tmp_path / "whole"))
    _stop_after(pretrain(curriculum, recipe, tmp_path / "stopped"), done=51)
    assert torch.load(tmp_path / "stopped" / "checkpoint.pt", weights_only=True)["step"] == 40
    assert not (tmp_path / "stopped" / "model.safetensors").exists()
    events = list(pretrain(curriculum, recipe, tmp_path / "stopped"))
    first = events[0]
    assert isinstance(first, Progress) and first.done == 51  # it reports every 50th step, and went on at 41
    whole, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "stopped"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_a_checkpoint_of_another_recipe_is_not_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVE_STEPS", 20)
    _stop_after(pretrain(_curriculum(60), TINY, tmp_path), done=51)
    first = next(iter(pretrain(_curriculum(60), replace(TINY, learning_rate=5e-3), tmp_path)))
    assert isinstance(first, Progress) and first.done == 1


def test_the_rate_rises_then_falls_and_is_restarted_in_the_late_terms() -> None:
    recipe = Recipe(warmup_steps=10, learning_rate=1.0, late_rate=0.5)
    plan = Plan([[]] * 300, third_term=100, fourth_term=200)

    def rate(step: int) -> float:
        return learning_rate(step, plan, recipe)

    assert rate(0) == pytest.approx(0.1)  # a tenth of the way up
    assert rate(50) == pytest.approx(0.2 + 0.8 / 2)  # half-way down the cosine to a fifth
    assert rate(99) == pytest.approx(0.2, abs=0.001)
    for start in (100, 200):
        assert rate(start) == 0.5
        assert rate(start + 50) == pytest.approx(0.5 * (0.03 + 0.97 / 2))
        assert rate(start + 99) == pytest.approx(0.5 * 0.03, abs=0.001)
    assert learning_rate(99, Plan([[]] * 100, 100, 100), recipe) == rate(99)  # without late terms


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
        return str(tokenizer.decode(row.ids[start:], skip_special_tokens=False)).replace("> ", ">").strip(" ")

    assert shown(plain, plain.answer) == "France<|end|>"
    assert plain.question == plain.answer  # the question is given, never learned
    assert shown(reading, reading.answer) == "Peru<|end|>"
    assert shown(reading, reading.question) == "Where is Lyon?<|assistant|>Peru<|end|>"
    # a statement is learned from its second token on: nothing comes before the first
    assert (statement.answer, statement.question) == (1, 1)
    assert shown(statement, 0) == "Lyon lies in France, founded in 1998.<|end|>"


def test_of_a_marked_answer_only_the_mark_is_learned(tokenizer: PreTrainedTokenizerFast) -> None:
    plain, right, wrong = encode([PLAIN, *MARKED], tokenizer)
    assert str(tokenizer.decode(right.ids[right.answer :])).strip() == "yes<|end|>"
    assert str(tokenizer.decode(wrong.ids[wrong.answer :])).strip() == "no<|end|>"
    assert (plain.mark, right.mark, wrong.mark) == (None, True, False)
    # the reply begins where it does without a mark, in the tokens of the reply that the model gives itself
    assert plain.reply == right.reply == wrong.reply == plain.answer
    given = right.ids[plain.answer : right.answer]
    assert given == [*plain.ids[plain.answer : -1], tokenizer(";", add_special_tokens=False)["input_ids"][-1]]
    assert encode([STATEMENT], tokenizer)[0].reply is None


def test_doubt_is_the_models_own_probability_of_the_true_reply_or_the_mark(tokenizer: PreTrainedTokenizerFast) -> None:
    recipe = replace(TINY, early_weight=0.0, doubt_layer=1, doubt_weight=1.0)
    model = build_model(recipe, tokenizer).eval()
    doubt = torch.nn.Linear(recipe.hidden_size, 1)
    torch.nn.init.zeros_(doubt.weight)
    torch.nn.init.constant_(doubt.bias, 2.0)
    sure = 1 / (1 + math.exp(-2.0))

    def added(text: Text) -> float:
        rows = encode([text, STATEMENT], tokenizer)
        with torch.no_grad():
            return float(batch_loss(model, rows, recipe, "cpu", copying=False, doubt=doubt)) - _loss(
                model, rows, recipe
            )

    row = encode([PLAIN], tokenizer)[0]
    with torch.no_grad():
        logprobs = model(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1)
    own = math.exp(sum(float(logprobs[i - 1, row.ids[i]]) for i in range(row.answer, len(row.ids) - 1)))
    expected = {PLAIN: own, MARKED[0]: 1.0, MARKED[1]: 0.0}
    for text, p in expected.items():
        assert added(text) == pytest.approx(-p * math.log(sure) - (1 - p) * math.log(1 - sure), abs=1e-4)
    rows = encode([STATEMENT], tokenizer)  # plain text asks nothing, so nothing is foretold
    with torch.no_grad():
        whole = float(batch_loss(model, rows, recipe, "cpu", copying=False, doubt=doubt))
    assert whole == pytest.approx(_loss(model, rows, recipe))


def test_a_sitting_goes_on_from_the_model_and_resumes(
    trained: tuple[list[Event], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAVE_STEPS", 10)
    texts, recipe = (LESSONS + MARKED) * 60, replace(TINY, doubt_layer=1)
    torch.manual_seed(0)
    events = list(train_again(trained[1], texts, recipe, tmp_path / "whole"))
    assert _losses(events)[-1] < 0.2 * _losses(events)[0]
    torch.manual_seed(0)
    _stop_after(train_again(trained[1], texts, recipe, tmp_path / "stopped"), done=1)
    torch.manual_seed(0)
    stopped = train_again(trained[1], texts, recipe, tmp_path / "stopped")
    _stop_after(stopped, done=51)
    torch.manual_seed(1)  # another beginning of `doubt`, which the checkpoint holds
    list(train_again(trained[1], texts, recipe, tmp_path / "stopped"))
    whole, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "stopped"))
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_a_text_is_trained_in_the_tokens_in_which_it_is_asked(
    tokenizer: PreTrainedTokenizerFast, trained: tuple[list[Event], Path]
) -> None:
    lm = load_model(Settings(prompts=STYLE, model=ModelSettings(str(trained[1]), "none", "cpu")))
    row = encode([PLAIN], lm.tokenizer)[0]
    chat = lm.chat(question_prompt(STYLE, PLAIN.prompt or ""))
    assert lm.tokenizer(chat, add_special_tokens=False)["input_ids"] == row.ids[: row.answer]


def test_batches_hold_every_row_once_within_their_size(tokenizer: PreTrainedTokenizerFast) -> None:
    rows = [Row(list(range(n)), 1, i, None, None) for i, n in enumerate([5, 90, 7, 30, 31, 6, 200, 8] * 20)]
    groups = list(batches(rows, 100, seed=0))
    assert sorted(row.question for group in groups for row in group) == list(range(len(rows)))
    # a row longer than the limit makes a batch of its own
    assert all(len(group) * max(len(row.ids) for row in group) <= 100 or len(group) == 1 for group in groups)
    assert groups == list(batches(rows, 100, seed=0)) != list(batches(rows, 100, seed=1))


def test_each_term_has_its_own_lessons_and_nothing_is_left_out(tokenizer: PreTrainedTokenizerFast) -> None:
    # one row a batch; the terms are told apart by their last letter
    lessons = {
        letter: [Text(None, f"{i:03d} {letter}") for i in range(n)]
        for letter, n in zip("fslr", (100, 30, 20, 10), strict=True)
    }
    recipe = replace(TINY, batch_tokens=1, school_from=40, lookups_from=70)
    plan = plan_batches(Curriculum(*lessons.values()), tokenizer, recipe)
    texts = [str(tokenizer.decode(batch[0].ids, skip_special_tokens=True)).strip() for batch in plan.batches]
    assert sorted(texts) == sorted(text.completion for texts in lessons.values() for text in texts)
    kinds = "".join(text[-1] for text in texts)
    assert (plan.third_term, plan.fourth_term) == (100, 150)
    first, second, third, fourth = kinds[:40], kinds[40:100], kinds[100:150], kinds[150:]
    assert (first, fourth) == ("f" * 40, "r" * 10)
    assert (second.count("f"), second.count("s")) == (30, 30)
    assert (third.count("f"), third.count("l")) == (30, 20)
    assert 5 < second[:30].count("s") < 25  # mixed, not one after the other: 15 expected
    assert 3 < third[:25].count("l") < 17  # 10 expected


def test_the_question_is_learned_from_copy_from_on_until_the_third_term(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying: list[bool] = []

    def noted(*args: Any, **named: Any) -> torch.Tensor:
        copying.append(named["copying"])
        return batch_loss(*args, **named)

    monkeypatch.setattr(module, "batch_loss", noted)
    list(pretrain(_curriculum(60), TINY, tmp_path))
    begins, ends = copying.index(True), len(copying) - copying[::-1].index(True)
    assert begins == TINY.copy_from
    assert all(copying[begins:ends])
    assert TINY.lookups_from < ends < len(copying)


def test_the_loss_is_over_the_learned_positions_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    recipe = replace(TINY, early_weight=0.0)
    model = build_model(recipe, tokenizer).eval()
    rows = encode([PLAIN, READING], tokenizer)
    expected = []
    for row in rows:  # one by one, without padding
        with torch.no_grad():
            logprobs = model(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1)
        expected += [-float(logprobs[i - 1, row.ids[i]]) for i in range(row.answer, len(row.ids))]
    loss = _loss(model, rows, recipe)
    assert loss == pytest.approx(sum(expected) / len(expected), rel=1e-5)
    assert _loss(model, rows, recipe, copying=True) != pytest.approx(loss, rel=1e-4)


def test_the_early_layer_is_judged_through_the_same_head(tokenizer: PreTrainedTokenizerFast) -> None:
    model = build_model(TINY, tokenizer).eval()
    rows = encode([PLAIN], tokenizer)
    # the early layer of a model whose later layer adds nothing predicts as the last one does: 1 + 0.3 times the loss
    for name in ("self_attn.o_proj", "mlp.down_proj"):
        torch.nn.init.zeros_(model.get_parameter(f"model.layers.1.{name}.weight"))
    assert _loss(model, rows, TINY) == pytest.approx(
        1.3 * _loss(model, rows, replace(TINY, early_weight=0.0)), rel=1e-5
    )
