"""Tuning a tiny model: what is learnt, what is left on disk, and how it goes on after a stop."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaForCausalLM, PreTrainedTokenizerFast

from uait.models.adapters import Weights
from uait.models.confidence import answer_batch
from uait.models.decoding import sample_answers
from uait.models.language_model import LanguageModel
from uait.records import Adapter, DistilledSet, Done, Progress, Question, ThresholdChoice, TrainingExample
from uait.records.errors import DataError, ModelError, TrainingError
from uait.settings import SamplingSettings, Settings, TuneSettings
from uait.tuning import trainer as training
from uait.tuning.card import _model_card, read_card, save_threshold
from uait.tuning.examples import IGNORED, collate, encode
from uait.tuning.trainer import read_log, train_adapter

FRANCE = ("What is the capital of France?", "Paris", 0.931)
PERU = ("What is the capital of Peru?", "Lima", 0.47)
FAUST = ("Who wrote Faust?", "Goethe", 0.085)
TUNE = TuneSettings(
    rank=8, alpha=16, targets="all-linear", learning_rate=0.02, batch_size=4, epochs=2.0, dropout=0.1, save_steps=2
)
SETTINGS = Settings(tune=TUNE)


Lesson = tuple[str, str, float]  # question, answer, confidence


def _examples(*lessons: Lesson) -> tuple[TrainingExample, ...]:
    rows = enumerate(lessons)
    return tuple(TrainingExample(Question(f"q{i}", text), answer, c, True) for i, (text, answer, c) in rows)


def _distilled(*lessons: Lesson, dev: tuple[Lesson, ...] = ()) -> DistilledSet:
    unseen = tuple(replace(e, question=replace(e.question, id=f"dev-{e.question.id}")) for e in _examples(*dev))
    return DistilledSet(_examples(*lessons), unseen, {}, {}, (), 0.0)


TWELVE = _distilled(*[FRANCE, PERU, FAUST] * 4)  # 3 steps an epoch, 6 in all


def _train(settings: Settings, lm: LanguageModel, distilled: DistilledSet, out: Path) -> tuple[list[Progress], Adapter]:
    *steps, last = train_adapter(settings, lm, distilled, out)
    assert isinstance(last, Done)
    assert all(isinstance(step, Progress) and step.stage == "tune" for step in steps)
    return steps, last.record  # type: ignore[return-value]


def _weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "adapter_model.safetensors")


def _same(some: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> bool:
    return some.keys() == others.keys() and all(torch.allclose(some[key], others[key], atol=1e-6) for key in some)


def _logits(lm: LanguageModel) -> torch.Tensor:
    return lm.forward(input_ids=torch.tensor([[5, 6, 7]])).logits


def _stop(lm: LanguageModel, step: int, out: Path) -> None:
    """Starts to tune on TWELVE, and closes the iterator when this step has been made."""
    events = train_adapter(SETTINGS, lm, TWELVE, out)
    assert any(isinstance(event, Progress) and event.done == step for event in events)
    events.close()


@pytest.fixture(scope="module")
def tuned(random_lm: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tuning that ran through without a stop."""
    out = tmp_path_factory.mktemp("tuned") / "adapter"
    _train(SETTINGS, random_lm, TWELVE, out)
    return out


def test_it_learns_an_example_by_heart_and_the_adapter_reloads(
    taught_lm: LanguageModel, taught_folder: Path, load: Callable[..., LanguageModel], tmp_path: Path
) -> None:
    before = _logits(taught_lm)
    lesson = (FRANCE[0], *PERU[1:])  # it says "Paris; 93.1%" before
    settings = replace(SETTINGS, tune=replace(TUNE, epochs=30.0, dropout=0.0, save_steps=1000))
    steps, adapter = _train(settings, taught_lm, _distilled(*[lesson] * 4, dev=(lesson,)), tmp_path / "adapter")

    log = read_log(tmp_path / "adapter" / "log.jsonl")
    assert [row["step"] for row in log] == list(range(1, 31))  # 4 examples in one batch, 30 epochs
    assert [step.done for step in steps] == list(range(31)) and {step.total for step in steps} == {30}
    assert log[0]["loss"] > 0.5 and log[-1]["loss"] < 0.1
    assert f"loss {log[-1]['loss']:.3f}, on dev" in steps[-1].note and "learning rate" in steps[-1].note
    assert adapter.metrics["train_loss"] == log[-1]["loss"]  # the last epoch has one step
    assert adapter.metrics["eval_loss"] == log[-1]["eval_loss"] < 0.1
    assert (adapter.metrics["n_train"], adapter.metrics["n_dev"], adapter.metrics["n_steps"]) == (4, 1, 30)

    assert torch.equal(_logits(taught_lm), before), "tuning changed the model that others are asking"
    reloaded = load(taught_folder, adapter=adapter.path)
    (reply,) = answer_batch(reloaded, [FRANCE[0]], replace(SETTINGS.answer, max_new_tokens=24))
    assert (reply.text.strip(), reply.spoken) == ("Lima", 0.47)
    assert torch.equal(_logits(reloaded.without_adapter()), before)


def test_kept_answers_stay_as_the_base_models_and_only_the_number_is_learned(
    taught_lm: LanguageModel, taught_folder: Path, load: Callable[..., LanguageModel], tmp_path: Path
) -> None:
    lesson = (FRANCE[0], "Parix", 0.47)  # it says "Paris; 93.1%" before
    tune = replace(TUNE, epochs=30.0, dropout=0.0, save_steps=1000, answers="base")
    _, adapter = _train(replace(SETTINGS, tune=tune), taught_lm, _distilled(*[lesson] * 4, dev=(lesson,)), tmp_path)
    assert adapter.metrics["eval_loss"] < 0.1
    reloaded = load(taught_folder, adapter=adapter.path)
    (reply,) = answer_batch(reloaded, [FRANCE[0]], replace(SETTINGS.answer, max_new_tokens=24))
    assert (reply.text.strip(), reply.spoken) == ("Paris", 0.47)


def _step(lm: LanguageModel, tune: TuneSettings, n: int) -> tuple[float, list[torch.Tensor]]:
    """The loss and the gradients of five examples of different lengths, `n` at once."""
    tuned = training._with_lora(lm, replace(tune, dropout=0.0))
    for weight in tuned.adapter_weights().values():
        weight.data.normal_(std=0.1, generator=torch.Generator().manual_seed(weight.numel()))
    rows = encode(lm, _examples(FRANCE, PERU, FAUST, ("Why?", "Because it is what it is", 0.5), FAUST))
    value = training._mean_loss(tuned, training._paper_loss(tune), rows, n, learns=True)
    return value, [weight.grad for weight in tuned.adapter_weights().values() if weight.grad is not None]


@pytest.mark.parametrize("answers", ["examples", "base"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_gradient_of_parts_is_that_of_the_whole_batch(taught_lm: LanguageModel, answers: Any, n: int) -> None:
    tune = replace(TUNE, answers=answers)
    (value, gradients), (in_parts, summed) = _step(taught_lm, tune, 5), _step(taught_lm, tune, n)
    assert in_parts == pytest.approx(value, rel=1e-5) and len(gradients) == len(summed) > 0
    for whole, parts in zip(gradients, summed, strict=True):
        assert torch.allclose(whole, parts, rtol=1e-3, atol=1e-6)


def test_a_tuning_that_runs_out_of_memory_takes_fewer_at_once_and_learns_the_same(
    taught_lm: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(SETTINGS, tune=replace(TUNE, dropout=0.0, epochs=1.0))
    distilled = _distilled(*[FRANCE, PERU, FAUST] * 4, dev=(FRANCE, PERU, FAUST))
    _, whole = _train(settings, taught_lm, distilled, tmp_path / "whole")
    tried: list[tuple[int, bool]] = []
    real = training.completion_loss

    def short_of_memory(lm: LanguageModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        tried.append((len(batch["labels"]), lm.model.is_gradient_checkpointing))
        if len(batch["labels"]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(lm, batch)

    monkeypatch.setattr(training, "completion_loss", short_of_memory)
    _, parts = _train(settings, taught_lm, distilled, tmp_path / "parts")
    assert tried[:5] == [(4, False), (4, True), (2, True), (1, True), (1, True)]
    assert not taught_lm.model.is_gradient_checkpointing  # others may tune it behind a cache
    assert parts.metrics["train_loss"] == pytest.approx(whole.metrics["train_loss"], rel=1e-4)
    assert parts.metrics["eval_loss"] == pytest.approx(whole.metrics["eval_loss"], rel=1e-4)
    for name, weight in _weights(tmp_path / "whole").items():
        assert torch.allclose(_weights(tmp_path / "parts")[name], weight, atol=1e-4)


def test_an_example_too_much_for_the_memory_is_a_sentence_and_fewer_at_once_go_on_in_the_same_folder(
    random_lm: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch, pytest.raises(ModelError, match=r"too small for one .*; lower tune\.rank"):
        patch.setattr(training, "completion_loss", none_left)
        _train(SETTINGS, random_lm, TWELVE, tmp_path)
    steps, _ = _train(replace(SETTINGS, tune=replace(TUNE, micro_batch=2)), random_lm, TWELVE, tmp_path)
    assert steps[-1].done == 6


def test_the_learning_rate_rises_then_falls_as_a_cosine(random_lm: LanguageModel, tmp_path: Path) -> None:
    settings = replace(SETTINGS, tune=replace(TUNE, warmup=0.25, epochs=1.0, max_steps=4))
    _train(settings, random_lm, TWELVE, tmp_path)
    rates = [row["learning_rate"] / TUNE.learning_rate for row in read_log(tmp_path / "log.jsonl")]
    # one step of warm-up, then (1 + cos(pi * k / 3)) / 2 for k = 0, 1, 2
    assert rates == pytest.approx([0.0, 1.0, 0.75, 0.25])


def test_the_labels_are_the_completion_and_its_end_alone(taught_lm: LanguageModel) -> None:
    (row,) = encode(taught_lm, _examples(FRANCE))
    taught = [token for token in row["labels"] if token != IGNORED]
    assert taught_lm.tokenizer.decode(taught) == "Paris; 93.1%<|end|>"
    assert row["labels"][-len(taught) :] == row["input_ids"][-len(taught) :] == taught
    assert row["attention_mask"] == [1] * len(row["input_ids"])


def test_the_prompt_is_the_one_that_sampling_sends(taught_lm: LanguageModel) -> None:
    (example,) = _examples(FRANCE)
    (row,) = encode(taught_lm, [example])
    (samples,) = sample_answers(
        taught_lm, [example.question], SamplingSettings(n_samples=1, max_new_tokens=1), style=taught_lm.prompts
    )
    prompt = [token for token, label in zip(row["input_ids"], row["labels"], strict=True) if label == IGNORED]
    assert prompt == taught_lm.tokenizer(samples.prompt, add_special_tokens=False)["input_ids"]


def test_the_taught_ids_are_those_that_the_model_generates(taught_lm: LanguageModel) -> None:
    (row,) = encode(taught_lm, _examples(FRANCE))
    (reply,) = answer_batch(taught_lm, [FRANCE[0]], replace(SETTINGS.answer, max_new_tokens=24))
    taught = [token for token in row["labels"] if token != IGNORED]
    assert taught == [*reply.sample.token_ids, taught_lm.tokenizer.eos_token_id]


@pytest.mark.parametrize("kind", ["sentencepiece", "byte-level with a prefix space", "byte-level"])
def test_joined_ids_are_the_prompts_and_read_as_the_completion(taught_lm: LanguageModel, kind: str) -> None:
    metaspace, byte_level = pre_tokenizers.Metaspace(prepend_scheme="first"), pre_tokenizers.ByteLevel
    before, decoder = {
        "sentencepiece": (metaspace, decoders.Metaspace()),
        "byte-level with a prefix space": (byte_level(add_prefix_space=True), decoders.ByteLevel()),
        "byte-level": (byte_level(add_prefix_space=False), decoders.ByteLevel()),
    }[kind]
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer, backend.decoder = before, decoder
    special = ["<pad>", "<|end|>", "<|user|>", "<|assistant|>"]
    texts = [FRANCE[0], "Paris; 93.1%", PERU[0], "Lima; 47.0%"] * 3
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    backend.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>", pad_token="<pad>")
    tokenizer.chat_template = taught_lm.tokenizer.chat_template
    lm = replace(taught_lm, tokenizer=tokenizer)

    (row,) = encode(lm, _examples(FRANCE))
    prompt = tokenizer(lm.chat(FRANCE[0]), add_special_tokens=False)["input_ids"]
    assert row["input_ids"][: len(prompt)] == prompt
    assert row["labels"][: len(prompt)] == [IGNORED] * len(prompt)
    assert str(tokenizer.decode(row["labels"][len(prompt) :])).strip() == "Paris; 93.1%<|end|>"
    kept = [token for token, is_answer in zip(row["input_ids"], row["is_answer"], strict=True) if is_answer]
    # this tokenizer has merged "Paris" with the ";" behind it: learned rather than kept
    assert str(tokenizer.decode(kept)).strip() == ("" if kind == "sentencepiece" else "Paris")
    first = tokenizer.convert_ids_to_tokens(row["labels"][len(prompt)])
    assert first[0] == {"sentencepiece": "\u2581", "byte-level with a prefix space": "\u0120", "byte-level": "P"}[kind]


def test_padding_carries_neither_loss_nor_attention() -> None:
    rows = [
        {"input_ids": [4, 5, 6], "attention_mask": [1, 1, 1], "labels": [-100, 5, 6], "is_answer": [0, 1, 0]},
        {"input_ids": [7], "attention_mask": [1], "labels": [7], "is_answer": [0]},
    ]
    batch = {key: value.tolist() for key, value in collate(rows, pad_id=9).items()}
    assert batch == {
        "input_ids": [[4, 5, 6], [7, 9, 9]],
        "attention_mask": [[1, 1, 1], [1, 0, 0]],
        "labels": [[-100, 5, 6], [7, -100, -100]],
        "is_answer": [[0, 1, 0], [0, 0, 0]],
    }


@pytest.mark.parametrize("step", [2, 3, 5], ids=["in the first epoch", "between two epochs", "in the last epoch"])
def test_a_stopped_tuning_goes_on_and_ends_as_if_never_stopped(
    random_lm: LanguageModel, tuned: Path, tmp_path: Path, step: int
) -> None:
    _stop(random_lm, step, tmp_path)
    assert not (tmp_path / "card.json").exists()

    steps, adapter = _train(SETTINGS, random_lm, TWELVE, tmp_path)
    assert [event.done for event in steps] == list(range(step, 7))
    assert steps[0].note == f"going on after step {step}" and steps[-1].total == 6
    log, whole = read_log(tmp_path / "log.jsonl"), read_log(tuned / "log.jsonl")
    assert [row["step"] for row in log] == [1, 2, 3, 4, 5, 6]
    assert [row["loss"] for row in log] == pytest.approx([row["loss"] for row in whole], rel=1e-4)
    assert [row["seconds"] for row in log] == sorted(row["seconds"] for row in log)
    assert adapter.metrics["train_loss"] == pytest.approx(sum(row["loss"] for row in whole[3:]) / 3, rel=1e-4)
    assert _same(_weights(tmp_path), _weights(tuned))


def test_a_checkpoint_that_cannot_be_read_is_made_again(random_lm: LanguageModel, tuned: Path, tmp_path: Path) -> None:
    _stop(random_lm, 2, tmp_path)
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    steps, _ = _train(SETTINGS, random_lm, TWELVE, tmp_path)
    assert [event.done for event in steps] == list(range(7))
    assert [row["step"] for row in read_log(tmp_path / "log.jsonl")] == [1, 2, 3, 4, 5, 6]  # steps 1, 2 were made twice
    assert _same(_weights(tmp_path), _weights(tuned))


def test_a_kill_between_the_last_step_and_the_card_costs_no_step(
    random_lm: LanguageModel, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "publish", killed)
        _train(SETTINGS, random_lm, TWELVE, tmp_path)
    steps, adapter = _train(SETTINGS, random_lm, TWELVE, tmp_path)
    assert steps == [] and adapter.metrics["n_steps"] == 6
    assert _same(_weights(tmp_path), _weights(tuned))


def test_a_probe_sees_the_model_change_and_does_not_change_the_tuning(
    random_lm: LanguageModel, tuned: Path, tmp_path: Path
) -> None:
    seen: dict[int, torch.Tensor] = {}

    def probe(lm: LanguageModel, step: int) -> None:
        torch.rand(100)  # draws of its own must not shift the dropout
        seen[step] = _logits(lm)

    list(train_adapter(SETTINGS, random_lm, TWELVE, tmp_path, probe))
    assert list(seen) == [0, 1, 2, 3, 4, 5, 6]
    assert torch.equal(seen[0], _logits(random_lm)) and (seen[6] - seen[0]).abs().max() > 0.01
    assert _same(_weights(tmp_path), _weights(tuned))


def test_a_finished_tuning_is_not_made_again(random_lm: LanguageModel, tuned: Path) -> None:
    steps, adapter = _train(SETTINGS, random_lm, TWELVE, tuned)
    assert steps == [] and adapter == read_card(tuned)


def test_other_examples_are_refused(random_lm: LanguageModel, tuned: Path) -> None:
    with pytest.raises(TrainingError, match=r"holds a tuning with other examples: .* choose another folder\."):
        _train(SETTINGS, random_lm, _distilled(FRANCE), tuned)


def test_other_settings_are_refused_and_named(random_lm: LanguageModel, tuned: Path) -> None:
    other = replace(SETTINGS, tune=replace(TUNE, rank=4))
    with pytest.raises(TrainingError, match=r"another tune\.rank: it is 8, not 4\. Use the same"):
        _train(other, random_lm, TWELVE, tuned)


def test_a_folder_with_somebody_elses_adapter_is_refused(random_lm: LanguageModel, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(TrainingError, match="holds an adapter of unknown making"):
        _train(SETTINGS, random_lm, TWELVE, tmp_path)
    with pytest.raises(TrainingError, match="is a file; tuning needs a folder"):
        _train(SETTINGS, random_lm, TWELVE, tmp_path / "card.json")


def test_a_tuned_model_is_tuned_afresh_from_its_base(
    random_folder: Path, load: Callable[..., LanguageModel], tuned: Path, tmp_path: Path
) -> None:
    adapted = load(random_folder, adapter=str(tuned))
    before = _logits(adapted)
    _train(SETTINGS, adapted, TWELVE, tmp_path)
    assert _same(_weights(tmp_path), _weights(tuned))
    assert torch.equal(_logits(adapted), before)


def test_a_tuning_adds_its_adapter_to_the_base_that_others_are_asking(
    random_folder: Path, random_lm: LanguageModel, make_lora: Callable[..., Path], tmp_path: Path
) -> None:
    others = [random_lm.with_adapter(make_lora(tmp_path / str(seed), random_folder, seed)) for seed in (1, 2)]
    expected = [_logits(lm) for lm in (random_lm, *others)]
    bases: set[int] = set()

    def probe(tuning: LanguageModel, step: int) -> None:
        bases.add(tuning.model.lm_head.weight.data_ptr())
        assert all(map(torch.equal, map(_logits, (random_lm, *others)), expected))

    list(train_adapter(SETTINGS, others[0], TWELVE, tmp_path / "out", probe))
    assert bases == {random_lm.model.lm_head.weight.data_ptr()}


def test_the_folder_holds_the_adapter_and_its_card_and_no_checkpoint(tuned: Path, random_folder: Path) -> None:
    names = {path.name for path in tuned.iterdir()}
    assert names == {
        "adapter_model.safetensors",
        "adapter_config.json",
        "card.json",
        "README.md",
        "run.json",
        "log.jsonl",
    }
    config = json.loads((tuned / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(random_folder) and config["r"] == 8
    card = json.loads((tuned / "card.json").read_text())
    assert card["threshold"] is None and card["settings"]["tune"]["rank"] == 8 and card["package_version"]
    assert str(tuned) not in (tuned / "card.json").read_text() + (tuned / "README.md").read_text()


def test_peft_alone_loads_and_merges_the_adapter_and_the_card_says_how(
    tuned: Path, random_folder: Path, random_lm: LanguageModel
) -> None:
    base = LlamaForCausalLM.from_pretrained(random_folder)
    merged = PeftModel.from_pretrained(base, tuned).merge_and_unload()  # pyright: ignore[reportCallIssue]
    ours = _logits(random_lm.with_adapter(tuned))
    with torch.inference_mode():
        theirs = merged(input_ids=torch.tensor([[5, 6, 7]])).logits
    assert torch.allclose(theirs, ours, atol=1e-4)
    assert not torch.allclose(theirs, _logits(random_lm), atol=1e-2)
    card = (tuned / "README.md").read_text()
    assert "merge_and_unload()" in card and "hf upload" in card


@pytest.mark.parametrize("recipe", ["paper", "hearing", "told"])
def test_only_an_adapter_that_speaks_the_answer_too_is_said_to_be_merged(recipe: str, tuned: Path) -> None:
    adapter = read_card(tuned)
    tune = {**adapter.settings["tune"], "recipe": recipe}
    told = _model_card(replace(adapter, settings={**adapter.settings, "tune": tune}))
    assert ("merge_and_unload" in told, "merged, it would change the answers" in told) == (
        recipe == "paper",
        recipe != "paper",
    )


def test_the_embedded_models_adapter_names_no_path(random_lm: LanguageModel, tmp_path: Path) -> None:
    pocket = replace(random_lm, model_id="pocket")
    settings = replace(SETTINGS, tune=replace(TUNE, max_steps=1, targets="attention"))
    settings = replace(settings, model=replace(settings.model, model=str(tmp_path), adapter=str(tmp_path)))
    _, adapter = _train(settings, pocket, TWELVE, tmp_path / "adapter")
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"] == "pocket"
    assert adapter.settings["model"]["model"] == adapter.base_model_id == "pocket"
    for name in ("adapter_config.json", "card.json", "README.md", "run.json"):
        assert str(tmp_path) not in (tmp_path / "adapter" / name).read_text()
    layers = {key.split(".")[-3] for key in _weights(tmp_path / "adapter")}
    assert layers == {"q_proj", "k_proj", "v_proj", "o_proj"}


def test_the_layers_below_the_first_one_stay_as_they_were(random_lm: LanguageModel, tmp_path: Path) -> None:
    upper = replace(SETTINGS, tune=replace(TUNE, max_steps=1, first_layer=1))
    _train(upper, random_lm, TWELVE, tmp_path / "upper")
    assert random_lm.model.config.num_hidden_layers == 2
    assert {key.split(".layers.")[1][0] for key in _weights(tmp_path / "upper")} == {"1"}
    too_high = replace(SETTINGS, tune=replace(TUNE, first_layer=2))
    with pytest.raises(TrainingError, match=r"tune\.first_layer is 2, but .* has 2 layers; choose a lower one"):
        _train(too_high, random_lm, TWELVE, tmp_path / "too-high")


def test_no_example_is_a_sentence(random_lm: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no example to tune on"):
        _train(SETTINGS, random_lm, _distilled(), tmp_path)


def test_an_example_that_is_too_long_is_named(random_lm: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"Question 'q0' .* this model reads 256"):
        _train(SETTINGS, random_lm, _distilled(("Why? " * 200, "So", 0.05)), tmp_path)


def test_a_loss_that_is_no_number_ends_the_tuning(random_lm: LanguageModel, tmp_path: Path) -> None:
    broken = GPT2LMHeadModel(GPT2Config(vocab_size=600, n_embd=16, n_layer=1, n_head=2))
    broken.transformer.ln_f.weight.data.fill_(float("nan"))
    lm = replace(random_lm, weights=Weights(broken))
    with pytest.raises(TrainingError, match=r"The loss is nan at step 1: .* lower tune\.learning_rate \(now 0\.02\)"):
        _train(SETTINGS, lm, TWELVE, tmp_path / "all-linear")


def test_a_disk_that_refuses_is_a_sentence(
    random_lm: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("torch.save", full)
    with pytest.raises(TrainingError, match=r"No space left on device.*it goes on from its last checkpoint"):
        _train(SETTINGS, random_lm, TWELVE, tmp_path)


def test_a_threshold_is_added_to_the_card_with_what_it_was_chosen_by(tuned: Path, tmp_path: Path) -> None:
    card = json.loads((tuned / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps(card))
    (tmp_path / "README.md").touch()
    choice = ThresholdChoice(0.7, "dev questions", 40, 21, 0.9)
    saved = save_threshold(tmp_path, choice, {"outside": 0.9})
    assert saved == read_card(tmp_path)
    assert (saved.threshold, saved.chosen) == (0.7, choice) and saved.metrics == {**card["metrics"], "outside": 0.9}
    assert "Trusted from 70.0% on, chosen by 40 answers (dev questions)" in (tmp_path / "README.md").read_text()
    none = save_threshold(tmp_path, ThresholdChoice(None, "dev questions", 3, 2, reason="too few"))
    assert none.threshold is None and "No threshold was chosen: too few." in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"base_model_id": 3}'])
def test_a_broken_card_is_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "card.json").write_text(content)
    with pytest.raises(DataError, match=r"card\.json is no .*(restore|Restore) it from a copy"):
        read_card(tmp_path)


def test_a_missing_card_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no card\.json; name a folder where tuning finished"):
        read_card(tmp_path)


def test_nothing_is_printed(random_lm: LanguageModel, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings = replace(SETTINGS, tune=replace(TUNE, max_steps=2))
    list(itertools.islice(train_adapter(settings, random_lm, TWELVE, tmp_path), 10))
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
