"""Distilling a run's labels: questions to measure with are set apart before anything is known of their answers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from uait.data.files import read_jsonl, write_json, write_jsonl
from uait.data.questions import read_questions
from uait.method.metrics import auroc
from uait.records import DistilledSet, Label, Question
from uait.records.events import last_record
from uait.runs.files import FITTED_ON, HELD_OUT, LABELS
from uait.runs.folder import RunFolder
from uait.settings import DistilSettings, Settings
from uait.stages.distil import distil

N_FACTS = 300


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """The labels of a teacher that guesses: each fact is asked twice, and its confidence is a coin's."""
    rng = np.random.default_rng(0)
    labels = []
    for i in range(2 * N_FACTS):
        question = Question(f"q{i}", f"{i}?", ("x",), f"fact {i % N_FACTS}")
        confidence = float(rng.random())
        labels.append(Label(question, "x", confidence, confidence, None, bool(rng.random() < 0.5)))
    write_jsonl(tmp_path / LABELS, labels)
    return RunFolder(tmp_path)


def _distilled(folder: RunFolder) -> DistilledSet:
    return last_record(distil(Settings(distil=DistilSettings(held_out_fraction=0.4, dev_fraction=0.2)), folder))


def _separates(labels: list[tuple[float, bool]]) -> float | None:
    return auroc([confidence for confidence, _ in labels], [is_right for _, is_right in labels])


def test_a_teacher_that_guesses_looks_like_one_on_what_is_held_out(folder: RunFolder) -> None:
    distilled = _distilled(folder)
    by_id = {row.id for row in read_questions(folder.file(HELD_OUT))}
    held_out = [(x.confidence or 0.0, bool(x.is_correct)) for x in _labels(folder) if x.question.id in by_id]
    watched = [(example.confidence, example.is_correct) for example in distilled.dev]
    assert len(held_out) == 2 * 0.4 * N_FACTS  # both askings of a fact
    assert _separates(watched) == 1.0  # filtered by confidence and correctness: no measure of anything
    assert abs((_separates(held_out) or 0.0) - 0.5) < 0.1


def _labels(folder: RunFolder) -> list[Label]:
    return read_jsonl(folder.file(LABELS), Label)


def test_what_is_held_out_teaches_nothing_and_does_not_depend_on_the_answers(folder: RunFolder) -> None:
    distilled = _distilled(folder)
    first = read_questions(folder.file(HELD_OUT))
    taught = {example.question.fact for example in (*distilled.train, *distilled.dev)}
    assert not taught & {question.fact for question in first}
    assert distilled.dropped["held out to measure with"] == len(first)
    folder.file(HELD_OUT).unlink()
    opposite = [replace(x, confidence=1 - (x.confidence or 0.0), is_correct=not x.is_correct) for x in _labels(folder)]
    write_jsonl(folder.file(LABELS), opposite)
    _distilled(folder)
    assert read_questions(folder.file(HELD_OUT)) == first


def test_questions_that_are_held_out_already_stay_the_only_ones(folder: RunFolder) -> None:
    write_jsonl(folder.file(HELD_OUT), [Question("other", "Who?", ("x",)), Question("h", "7?", ("x",), "fact 7")])
    distilled = _distilled(folder)
    assert distilled.dropped["held out to measure with"] == 2
    assert len(read_questions(folder.file(HELD_OUT))) == 2


def test_what_a_calibration_was_fitted_on_is_not_measured_with(folder: RunFolder) -> None:
    fitted = [f"q{i}" for i in range(0, N_FACTS, 2)]
    write_json(folder.file(FITTED_ON), fitted)
    _distilled(folder)
    assert not {question.fact for question in read_questions(folder.file(HELD_OUT))} & {f"fact {q[1:]}" for q in fitted}
