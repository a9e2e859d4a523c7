"""Tuning in two rounds: labels that pull two ways, a number that is spoken as their mean, and a stop in between."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from uait.data.files import read_json
from uait.data.json import from_json
from uait.models.confidence import answer_batch
from uait.models.loading import LanguageModel
from uait.records import Answer, DistilledSet, Done, Progress, Question, TrainingExample
from uait.records.errors import TrainingError
from uait.settings import AnswerSettings, LabelSettings, ModelSettings, Settings, TuneSettings
from uait.tuning import rounds
from uait.tuning.rounds import AGAIN, FIRST, read_steps, tune

FRANCE = "What is the capital of France?"
TWO_WAYS = (0.1, 0.1, 0.1, 0.9, 0.9)  # three times of five unsure, twice sure: 42 % on average


@pytest.fixture
def settings(taught_folder: Path, taught_lm: LanguageModel) -> Settings:
    tuning = TuneSettings(
        rank=8, alpha=16, targets="all-linear", learning_rate=0.02, batch_size=8, epochs=40.0, dropout=0.0, rounds=2
    )
    model = ModelSettings(model=str(taught_folder), adapter="none", device="cpu")
    return Settings(prompts=taught_lm.prompts, model=model, tune=tuning, answer=AnswerSettings(max_new_tokens=24))


def _distilled() -> DistilledSet:
    train = tuple(
        TrainingExample(Question(f"q{i}", FRANCE, ("Paris",)), "Paris", c, True) for i, c in enumerate(TWO_WAYS)
    )
    return DistilledSet(train, (), {"right": 5, "wrong": 0}, {}, (), 0.0)


def _again(out: Path) -> DistilledSet:
    return from_json(DistilledSet, read_json(out / FIRST / AGAIN)["distilled"])


def _reply(load: Callable[..., LanguageModel], folder: Path, adapter: Path, settings: Settings) -> Answer:
    return answer_batch(load(folder, adapter=str(adapter)), [FRANCE], settings.answer)[0]


def test_the_second_round_says_what_the_first_could_only_expect(
    settings: Settings,
    taught_lm: LanguageModel,
    taught_folder: Path,
    load: Callable[..., LanguageModel],
    tmp_path: Path,
) -> None:
    looked: list[int] = []
    *steps, last = tune(settings, taught_lm, _distilled(), tmp_path, probe=lambda _, step: looked.append(step))
    assert isinstance(last, Done)
    progress = [step for step in steps if isinstance(step, Progress)]
    assert [row["step"] for row in read_steps(tmp_path)] == list(range(1, 81))  # 40 in each round
    assert looked == sorted(set(looked)) and {0, 40, 80} < set(looked)
    assert [(step.done, step.total) for step in progress if step.stage == "tune"][-1] == (80, 80)
    assert {step.stage for step in progress} == {"tune", "ask again"}
    first = _reply(load, taught_folder, tmp_path / FIRST, settings)
    assert first.spoken == pytest.approx(0.1) and first.expected == pytest.approx(0.42, abs=0.05)
    again = _again(tmp_path)
    assert [example.confidence for example in again.train] == pytest.approx([first.expected] * 5)
    second = _reply(load, taught_folder, tmp_path, settings)
    assert second.text == "Paris" and second.spoken == pytest.approx(first.expected, abs=0.01)


def test_once_finished_nothing_is_tuned_or_asked_again(
    settings: Settings, taught_lm: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(settings, tune=replace(settings.tune, epochs=2.0))
    events = tune(short, taught_lm, _distilled(), tmp_path)
    assert any(isinstance(event, Progress) and event.stage == "ask again" for event in events)
    events.close()  # between the rounds
    *steps, last = tune(short, taught_lm, _distilled(), tmp_path)
    assert [step.stage for step in steps[:2] if isinstance(step, Progress)] == [
        "ask again",
        "tune",
    ]  # the first round is not made again
    assert isinstance(last, Done)

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("asked again")

    monkeypatch.setattr(rounds, "answer_batch", never)
    assert list(tune(short, taught_lm, _distilled(), tmp_path)) == [last]


def test_the_second_labels_are_calibrated_on_questions_that_nothing_is_tuned_on(
    settings: Settings, taught_lm: LanguageModel, tmp_path: Path
) -> None:
    short = replace(settings, tune=replace(settings.tune, epochs=1.0), label=LabelSettings(calibrate="isotonic"))
    held_out = [Question("h1", FRANCE, ("Paris",)), Question("h2", "Who wrote Faust?", ("Schiller",))]
    list(tune(short, taught_lm, _distilled(), tmp_path, held_out))
    again = _again(tmp_path)
    # France was surer than Faust, and right: a rising step from 0 to 1, held in from certainty
    assert [(example.answer, example.confidence) for example in again.train] == [("Paris", 0.999)] * 5


def test_a_label_stays_where_the_model_now_says_something_else(
    settings: Settings, taught_lm: LanguageModel, tmp_path: Path
) -> None:
    short = replace(settings, tune=replace(settings.tune, epochs=1.0, answers="base"))  # it goes on to say Paris
    (example, *others) = _distilled().train
    other = replace(example, answer="Lyon")
    list(tune(short, taught_lm, replace(_distilled(), train=(other, *others)), tmp_path))
    again = _again(tmp_path).train
    assert [example.answer for example in again] == ["Lyon", *["Paris"] * 4]
    assert again[0].confidence == 0.1 and again[1].confidence != 0.1


def test_other_held_out_questions_are_asked_anew(settings: Settings, taught_lm: LanguageModel, tmp_path: Path) -> None:
    short = replace(settings, tune=replace(settings.tune, epochs=1.0), label=LabelSettings(calibrate="isotonic"))
    events = tune(short, taught_lm, _distilled(), tmp_path)
    assert any(step.done == 2 and step.stage == "tune" for step in events if isinstance(step, Progress))
    events.close()
    first = _again(tmp_path)
    for path in tmp_path.iterdir():  # the second round's
        if path.is_file():
            path.unlink()
        elif path.name != FIRST:
            shutil.rmtree(path)
    held_out = [Question("h1", FRANCE, ("Paris",)), Question("h2", "Who wrote Faust?", ("Schiller",))]
    list(tune(short, taught_lm, _distilled(), tmp_path, held_out))
    assert _again(tmp_path) != first


def test_a_first_round_that_was_stopped_goes_on(settings: Settings, taught_lm: LanguageModel, tmp_path: Path) -> None:
    short = replace(settings, tune=replace(settings.tune, epochs=4.0, save_steps=1))
    events = tune(short, taught_lm, _distilled(), tmp_path)
    assert next(step for step in events if isinstance(step, Progress) and step.done == 2).total == 8
    events.close()
    n_done = len(read_steps(tmp_path))
    assert 2 <= n_done <= 4
    steps = [step for step in tune(short, taught_lm, _distilled(), tmp_path) if isinstance(step, Progress)]
    assert steps[0].done >= 2
    assert [row["step"] for row in read_steps(tmp_path)] == list(range(1, 9))


def test_a_folder_with_a_tuning_of_one_round_is_refused_before_the_first(
    settings: Settings, taught_lm: LanguageModel, tmp_path: Path
) -> None:
    short = replace(settings.tune, epochs=1.0)
    list(tune(replace(settings, tune=replace(short, rounds=1)), taught_lm, _distilled(), tmp_path))
    with pytest.raises(TrainingError, match=r"another tune\.rounds: it is 1, not 2"):
        next(tune(replace(settings, tune=short), taught_lm, _distilled(), tmp_path))
    assert not (tmp_path / FIRST).exists()


def test_held_out_answers_of_one_kind_say_what_to_do(
    settings: Settings, taught_lm: LanguageModel, tmp_path: Path
) -> None:
    short = replace(settings, tune=replace(settings.tune, epochs=1.0), label=LabelSettings(calibrate="platt"))
    with pytest.raises(TrainingError, match=r"on 1 held-out questions, 1 of them .* set tune\.rounds to 1"):
        list(tune(short, taught_lm, _distilled(), tmp_path, [Question("h1", FRANCE, ("Paris",))]))
