"""Tuning an adapter that hears itself: the number is learned, the answer is the base's, and a stop loses nothing."""

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from uait.models.adapters import WEIGHTS
from uait.models.confidence import answer_batch
from uait.models.language_model import LanguageModel
from uait.records import Adapter, DistilledSet, Done, Progress, Question, TrainingExample
from uait.records.errors import ModelError, TrainingError
from uait.settings import AnswerSettings, Settings, TuneSettings
from uait.tuning import heard
from uait.tuning.examples import collate
from uait.tuning.heard import SAID, encode_heard, hearing_of, listen, targets_of
from uait.tuning.losses import number_loss
from uait.tuning.trainer import train_adapter

TUNE = TuneSettings(
    recipe="hearing", rank=8, alpha=16, targets="all-linear", learning_rate=0.02, batch_size=4, epochs=60.0,
    dropout=0.0, save_steps=1000,
)  # fmt: skip
SETTINGS = Settings(tune=TUNE, answer=AnswerSettings(max_new_tokens=24))
TEXTS = ("What is the capital of France?", "What is the capital of Peru?")


def _distilled(*confidences: float) -> DistilledSet:
    """The first question is answered rightly, the second wrongly."""
    pairs = enumerate(zip(TEXTS, confidences, strict=True))
    train = (TrainingExample(Question(f"q{i}", text), "Paris", c, i == 0) for i, (text, c) in pairs)
    return DistilledSet(tuple(train), (), {}, {}, (), 0.0)


def _train(settings: Settings, lm: LanguageModel, distilled: DistilledSet, out: Path) -> Adapter:
    *_, last = train_adapter(settings, lm, distilled, out)
    assert isinstance(last, Done)
    return last.record


@pytest.mark.parametrize(("recipe", "wanted"), [("hearing", (0.75, 0.25)), ("told", (0.99, 0.01))])
def test_the_number_becomes_the_label_or_the_truth_and_the_answer_stays(
    recipe: str, wanted: tuple[float, float],
    taught_lm: LanguageModel, taught_folder: Path, load: Callable[..., LanguageModel], tmp_path: Path,
) -> None:  # fmt: skip
    # until it has settled: after 60 steps the likeliest number can be far from the mean that is learned
    settings = replace(SETTINGS, tune=replace(TUNE, recipe=recipe, epochs=150.0))
    adapter = _train(settings, taught_lm, _distilled(0.75, 0.25), tmp_path / "adapter")
    tuned = load(taught_folder, adapter=adapter.path)
    assert tuned.hears is not None and tuned.hears.edges == adapter.level_edges
    alone, replies = (answer_batch(lm, TEXTS, SETTINGS.answer) for lm in (taught_lm, tuned))
    assert [reply.sample.text for reply in replies] == [reply.sample.text for reply in alone]
    assert [reply.spoken for reply in replies] == pytest.approx(list(wanted), abs=0.1)


def test_what_is_learned_behind_is_what_answering_reads_there(taught_lm: LanguageModel, tmp_path: Path) -> None:
    distilled = _distilled(0.9, 0.9)
    said = _listened(taught_lm, distilled, tmp_path)
    hears = hearing_of(taught_lm, distilled.train, said)
    tuned = replace(taught_lm, hears=hears)
    rows = encode_heard(tuned, hears, distilled.train, said, {"q0": 0.9, "q1": 0.9})
    assert len(rows[0]["said"]) != len(rows[1]["said"])  # one is filled up
    together = number_loss(tuned, collate(rows, tuned.tokenizer.pad_token_id))
    each = [number_loss(tuned, collate([row], tuned.tokenizer.pad_token_id)).item() for row in rows]
    assert together.item() == pytest.approx(sum(each) / 2, abs=1e-4)
    for row, answer in zip(rows, answer_batch(taught_lm, TEXTS, SETTINGS.answer), strict=True):
        prompt = taught_lm.tokenizer(answer.prompt, add_special_tokens=False)["input_ids"]
        assert row["input_ids"] == prompt
        assert row["said"][: len(answer.sample.token_ids)] == list(answer.sample.token_ids)


def _listened(lm: LanguageModel, distilled: DistilledSet, folder: Path) -> dict[str, heard.Said]:
    return _result(listen(SETTINGS, lm, distilled, folder / SAID), "listen")


def _result(events: Generator[Progress, None, Any], stage: str) -> Any:
    while True:
        try:
            assert next(events).stage == stage
        except StopIteration as stop:
            return stop.value


@pytest.mark.parametrize("told", [False, True])
def test_a_target_is_read_off_the_answers_about_other_facts(
    told: bool, taught_lm: LanguageModel, tmp_path: Path
) -> None:
    texts = [*TEXTS, *(f"What is the capital of {name}?" for name in ("Chile", "Ghana", "Nepal", "Spain"))]

    def targets(first: float, n_dev: int = 0) -> dict[str, float]:
        examples = [
            TrainingExample(Question(f"q{i}", text), "Paris", i / 10 if i else first, bool(i % 2 if i else first))
            for i, text in enumerate(texts)
        ]
        distilled = DistilledSet(tuple(examples[n_dev:]), tuple(examples[:n_dev]), {}, {}, (), 0.0)
        said = _listened(taught_lm, distilled, tmp_path)
        return _result(targets_of(taught_lm, distilled, said, told=told), "read")

    sure, unsure = targets(1.0), targets(0.0)
    assert set(sure) == {f"q{i}" for i in range(len(texts))}
    assert all(0 < target < 1 for target in sure.values())
    assert sure["q0"] == pytest.approx(unsure["q0"], abs=1e-6)
    assert sure["q3"] != pytest.approx(unsure["q3"], abs=1e-6)
    assert targets(1.0, n_dev=1) == pytest.approx(targets(0.0, n_dev=1), abs=1e-6)  # what is kept apart teaches nothing


def test_a_question_is_asked_once_however_often_the_tuning_stops(
    taught_lm: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distilled, short = _distilled(0.7, 0.2), replace(SETTINGS, tune=replace(TUNE, epochs=4.0, dropout=0.1))
    whole = _train(short, taught_lm, distilled, tmp_path / "whole")
    monkeypatch.setattr(heard, "BATCH", 1)
    events = train_adapter(short, taught_lm, distilled, tmp_path / "stopped")
    assert next(event for event in events if isinstance(event, Progress) and event.done == 1).stage == "listen"
    events.close()  # one of two has been asked
    again = train_adapter(short, taught_lm, distilled, tmp_path / "stopped")
    assert next(event for event in again if isinstance(event, Progress) and event.done == 2).stage == "tune"
    again.close()
    monkeypatch.setattr(heard, "answer_batch", None)
    made = _train(short, taught_lm, distilled, tmp_path / "stopped")
    assert made.level_edges == whole.level_edges
    weights = [load_file(Path(adapter.path) / WEIGHTS) for adapter in (made, whole)]
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-6) for name in weights[0])


def test_the_card_counts_the_examples_that_taught(taught_lm: LanguageModel, tmp_path: Path) -> None:
    answers = answer_batch(taught_lm, TEXTS, SETTINGS.answer)
    short, long = sorted(len(answer.sample.token_ids) for answer in answers)
    assert short < long
    cut = replace(SETTINGS, answer=AnswerSettings(max_new_tokens=short + 1))
    made = _train(cut, taught_lm, _distilled(0.7, 0.2), tmp_path)
    assert made.metrics["n_train"] == 1


def test_answers_that_never_end_teach_nothing(taught_lm: LanguageModel, tmp_path: Path) -> None:
    cut = replace(SETTINGS, answer=AnswerSettings(max_new_tokens=1))
    with pytest.raises(TrainingError, match=r"None of the 2 answers .* raise answer\.max_new_tokens"):
        _train(cut, taught_lm, _distilled(0.7, 0.2), tmp_path)


def test_a_vocabulary_without_single_digits_is_refused_in_a_sentence(taught_lm: LanguageModel, tmp_path: Path) -> None:
    class Joined:
        def get_vocab(self) -> dict[str, int]:
            return {"93": 1}

    with pytest.raises(ModelError, match=r"no token for the digit 0 .* set tune\.recipe to 'paper'"):
        heard.Hearing.of(Joined(), [0.5] * 99)
