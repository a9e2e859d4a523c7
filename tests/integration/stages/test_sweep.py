"""One adapter per distillation threshold: tuned on what it keeps, measured on given questions, made once."""

from dataclasses import replace
from pathlib import Path

import pytest

from uait.data.files import read_json
from uait.data.json import from_json
from uait.records import Done, Event, Label, Progress, Question, SweepPoint
from uait.runs.folder import RunFolder
from uait.settings import AnswerSettings, DistilSettings, ModelSettings, PromptSettings, Settings, TuneSettings
from uait.stages.sweep import SWEEP, sweep
from uait.tuning.card import read_card

FRANCE, PERU, FAUST = "What is the capital of France?", "What is the capital of Peru?", "Who wrote Faust?"
DEV = {
    "dev": [Question("d1", FRANCE, ("Paris",)), Question("d2", PERU, ("Cuzco",))],
    "right": [Question("r", FRANCE, ("Paris",))],
}


def _label(i: int, confidence: float, is_right: bool) -> Label:
    question = Question(f"q{i}", FAUST, ("Goethe",))
    return Label(question, "Goethe" if is_right else "Schiller", confidence, confidence, None, is_right)


LABELS = [_label(0, 0.95, True), _label(1, 0.6, True), _label(2, 0.6, False), _label(3, 0.95, False)]


@pytest.fixture
def settings(taught_folder: Path) -> Settings:
    return Settings(
        prompts=PromptSettings(
            question="{question}",
            verbalized="{question}",
            p_true="{question} {answer}",
            reading="{passages} {question}",
        ),
        model=ModelSettings(model=str(taught_folder), adapter="none", device="cpu"),
        distil=DistilSettings(dev_fraction=0.0),
        tune=TuneSettings(rank=2, alpha=4, batch_size=4, learning_rate=1e-5, max_steps=1),
        answer=AnswerSettings(max_new_tokens=16),
    )


def _points(events: list[Event]) -> tuple[SweepPoint, ...]:
    assert isinstance(events[-1], Done)
    return events[-1].record


def test_each_threshold_tunes_on_what_it_keeps_and_is_measured_on_the_given_questions(
    settings: Settings, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path)
    events = list(sweep(settings, LABELS, DEV, folder, (None, 0.9)))
    every, strict = _points(events)
    assert (every.threshold, every.kept) == (None, {"right": 2, "wrong": 2})
    assert (strict.threshold, strict.kept) == (0.9, {"right": 1, "wrong": 1})
    assert (
        read_card(tmp_path / "tau-90" / "adapter").data_hash != read_card(tmp_path / "tau-none" / "adapter").data_hash
    )
    asked = [(r.method, r.split, r.n, r.auroc) for r in strict.results]
    assert asked == [
        ("UaIT spoken", "dev", 2, 1.0),  # it says "Paris; 93.1%" and "Lima; 47.0%"
        ("UaIT expected", "dev", 2, 1.0),
        ("UaIT spoken", "right", 1, None),  # nothing wrong to tell it from
        ("UaIT expected", "right", 1, None),
    ]
    assert tuple(from_json(SweepPoint, row) for row in read_json(tmp_path / SWEEP)) == (every, strict)
    assert any(isinstance(e, Progress) and e.stage == "tau-90: tune" for e in events)


def test_what_is_finished_is_not_made_again_unless_something_changed(settings: Settings, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    first = _points(list(sweep(settings, LABELS, DEV, folder, (0.9,))))
    again = list(sweep(settings, LABELS, DEV, folder, (0.9,)))
    assert _points(again) == first
    assert {e.stage for e in again if isinstance(e, Progress)} == {"sweep"}
    fewer = {"dev": DEV["dev"][:1]}
    assert [r.n for r in _points(list(sweep(settings, LABELS, fewer, folder, (0.9,))))[0].results] == [1, 1]


def test_a_threshold_that_keeps_nothing_has_no_results(settings: Settings, tmp_path: Path) -> None:
    unsure = [replace(label, confidence=0.5) for label in LABELS if label.is_correct]
    (point,) = _points(list(sweep(settings, unsure, DEV, RunFolder(tmp_path), (0.9,))))
    assert (point.kept, point.results) == ({"right": 0, "wrong": 0}, ())
