"""Runs over many questions, from samples to an adapter: they are stopped and go on."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from uait.data.files import read_json, read_jsonl
from uait.data.json import from_json
from uait.method.calibration import Calibration, apply
from uait.models.language_model import LanguageModel
from uait.records import Adapter, Done, Event, Label, Progress, Question, Reason, SampleSet, Unscored
from uait.records.errors import DataError
from uait.records.events import last_record
from uait.runs.folder import RunFolder
from uait.settings import LabelSettings, Settings
from uait.stages.ask import ask
from uait.stages.askable import askable
from uait.stages.distil import distil, read_distilled
from uait.stages.engines import Engines
from uait.stages.label import label as label_all
from uait.stages.label import read_left_out, sample
from uait.stages.tune import tune

FRANCE, FAUST = "What is the capital of France?", "Who wrote Faust?"


def _questions(n: int = 10) -> list[Question]:
    """Asked of a model that says the same of equal texts: the even ones are right, the odd ones wrong."""
    right, wrong = Question("r", FRANCE, ("Paris; 93.1%",)), Question("w", FAUST, ("Schiller",))
    return [replace(wrong if i % 2 else right, id=f"q{i:02d}") for i in range(n)]


def _labels(folder: RunFolder) -> list[Label]:
    return read_jsonl(folder.file("labels.jsonl"), Label)


def _stop_after(events: Iterator[Event], done: int) -> None:
    """As a kill would: nothing after this event happens."""
    next(event for event in events if isinstance(event, Progress) and event.done == done)
    events.close()  # type: ignore[attr-defined]


def test_labels_say_the_answer_its_confidence_and_whether_it_is_right(engines: Engines, tmp_path: Path) -> None:
    events = list(label_all(engines, _questions(4), RunFolder(tmp_path)))
    labels = last_record(iter(events))
    assert [label.question.id for label in labels] == ["q00", "q01", "q02", "q03"]
    assert [label.answer for label in labels] == ["Paris; 93.1%", "Goethe; 8.5%"] * 2
    assert [label.is_correct for label in labels] == [True, False] * 2
    assert all(0.0 < label.confidence <= 1.0 for label in labels)
    assert [(e.done, e.total) for e in events if isinstance(e, Progress)] == [(n, 4) for n in range(5)]
    assert list(labels) == _labels(RunFolder(tmp_path))


def test_a_stopped_labelling_goes_on_without_redoing_and_ends_with_every_id_once(
    engines: Engines, tmp_path: Path, sampled: list[str]
) -> None:
    questions, folder = _questions(10), RunFolder(tmp_path / "stopped")
    _stop_after(label_all(engines, questions, folder), done=6)
    kept = folder.file("labels.jsonl").read_bytes()
    assert [label.question.id for label in _labels(folder)] == [f"q{i:02d}" for i in range(6)]
    sampled.clear()
    events = list(label_all(engines, questions, folder))
    assert sampled == ["q06", "q07", "q08", "q09"]
    assert [e.done for e in events if isinstance(e, Progress)] == [6, 7, 8, 9, 10]
    assert folder.file("labels.jsonl").read_bytes().startswith(kept)
    assert [label.question.id for label in _labels(folder)] == [f"q{i:02d}" for i in range(10)]
    whole = last_record(label_all(engines, questions, RunFolder(tmp_path / "whole")))
    for label, other in zip(last_record(iter(events)), whole, strict=True):
        assert (label.question, label.answer, label.samples) == (other.question, other.answer, other.samples)
        assert label.confidence == pytest.approx(other.confidence, rel=1e-4)
    sampled.clear()
    assert last_record(label_all(engines, questions, folder)) == last_record(iter(events))
    assert sampled == []


def test_a_label_cut_in_half_by_a_kill_is_made_again(engines: Engines, tmp_path: Path, sampled: list[str]) -> None:
    folder = RunFolder(tmp_path)
    list(label_all(engines, _questions(4), folder))
    path = folder.file("labels.jsonl")
    path.write_bytes(path.read_bytes()[:-30])
    sampled.clear()
    assert len(last_record(label_all(engines, _questions(4), folder))) == 4
    assert sampled == ["q03"]
    assert [label.question.id for label in _labels(folder)] == ["q00", "q01", "q02", "q03"]


def test_labelling_uses_the_samples_that_are_there(engines: Engines, tmp_path: Path, sampled: list[str]) -> None:
    folder = RunFolder(tmp_path)
    assert last_record(sample(engines, _questions(3), folder)) == 3
    sampled.clear()
    labels = last_record(label_all(engines, _questions(5), folder))
    assert sampled == ["q03", "q04"]
    assert [label.question.id for label in labels] == [f"q{i:02d}" for i in range(5)]


def test_a_stopped_sampling_goes_on_where_its_file_ends(engines: Engines, tmp_path: Path, sampled: list[str]) -> None:
    folder = RunFolder(tmp_path)
    _stop_after(sample(engines, _questions(6), folder), done=4)
    sampled.clear()
    events = list(sample(engines, _questions(6), folder))
    assert sampled == ["q04", "q05"]
    assert [e.done for e in events if isinstance(e, Progress)] == [4, 5, 6]
    stored = read_jsonl(folder.file("samples.jsonl"), SampleSet)
    assert [s.question.id for s in stored] == [f"q{i:02d}" for i in range(6)]


def test_a_folder_is_never_carried_on_with_other_settings(engines: Engines, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    list(label_all(engines, _questions(2), folder))
    sampling = replace(engines.settings.sampling, seed=11)
    other = replace(engines, settings=replace(engines.settings, sampling=sampling))
    with pytest.raises(DataError, match=r"made with sampling\.seed = 10, not 11"):
        list(label_all(other, _questions(4), folder))
    assert len(_labels(folder)) == 2


@pytest.mark.parametrize("verb", [label_all, sample])
def test_a_question_too_long_and_a_repeated_id_are_left_out_and_named_and_the_others_go_on(
    engines: Engines, tmp_path: Path, sampled: list[str], verb: Callable[..., Iterator[Event]]
) -> None:
    folder = RunFolder(tmp_path)
    too_long, twice = Question("long", "Why? " * 200), replace(_questions(2)[1], id="q00")
    questions = [too_long, *_questions(2), twice, *_questions(6)[2:]]
    expected = [Unscored("long", Reason.TOO_LONG), Unscored("q00", Reason.REPEATED)]
    for wanted in (["q00", "q01", "q02", "q03", "q04", "q05"], []):  # started again it asks nothing, and ends as well
        sampled.clear()
        events = list(verb(engines, questions, folder))
        assert sampled == wanted
        assert read_left_out(folder) == expected
        assert isinstance(events[-1], Done) and isinstance(events[0], Progress)
        assert "longer than the model reads (1): long. Left out, its id came before (1): q00." in events[0].note
        assert [(e.done, e.total) for e in events if isinstance(e, Progress)][-1] == (6, 6)
    file = "labels.jsonl" if verb is label_all else "samples.jsonl"
    asked = [json.loads(line)["question"] for line in folder.file(file).read_text().splitlines()]
    assert {row["id"]: row["text"] for row in asked}["q00"] == FRANCE


def test_a_question_that_just_fits_is_asked(engines: Engines) -> None:
    assert engines.lm.max_tokens is not None
    room = engines.lm.max_tokens - engines.settings.sampling.max_new_tokens - 2  # the template's two marks
    questions = [Question("fits", "!" * room), Question("not", "!" * (room + 1))]
    kept, left_out = askable(engines.lm, engines.settings, questions)
    assert [question.id for question in kept] == ["fits"] and [one.question_id for one in left_out] == ["not"]


def _calibrated(engines: Engines) -> Engines:
    label = LabelSettings(calibrate="isotonic", calibration_fraction=0.5)
    return replace(engines, settings=replace(engines.settings, label=label))


def test_calibration_is_fitted_on_questions_that_teach_nothing_afterwards(engines: Engines, tmp_path: Path) -> None:
    folder, engines = RunFolder(tmp_path), _calibrated(engines)
    labels = last_record(label_all(engines, _questions(12), folder))
    held_out = read_json(folder.file("held_out.json"))
    assert len(held_out) == 6 and len(labels) == 6
    assert {label.question.id for label in labels} | set(held_out) == {q.id for q in _questions(12)}
    curve = from_json(Calibration, read_json(folder.file("calibration.json")))
    assert curve.n == 6
    raw = {label.question.id: label.confidence for label in _labels(folder)}
    for label in labels:
        assert label.raw_confidence is not None
        assert label.raw_confidence == raw[label.question.id]
        assert label.confidence == apply(curve, label.raw_confidence)
    assert read_jsonl(folder.file("calibrated.jsonl"), Label) == list(labels)
    distilled = last_record(distil(engines.settings, folder))
    assert {e.question.id for e in distilled.train} == {label.question.id for label in labels}
    assert {e.confidence for e in distilled.train} == {label.confidence for label in labels}


def test_calibrating_again_replaces_the_file(engines: Engines, tmp_path: Path) -> None:
    folder, engines = RunFolder(tmp_path), _calibrated(engines)
    first = last_record(label_all(engines, _questions(12), folder))
    assert last_record(label_all(engines, _questions(12), folder)) == first
    assert read_jsonl(folder.file("calibrated.jsonl"), Label) == list(first)


def test_uncalibrated_labels_are_distilled_as_they_are(engines: Engines, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    labels = last_record(label_all(engines, [*_questions(4), Question("empty", "Say nothing.", ("x",))], folder))
    assert labels[-1].unscored is Reason.EMPTY
    assert not folder.file("calibrated.jsonl").exists()
    distilled = last_record(distil(engines.settings, folder))
    assert [e.question.id for e in distilled.train] == ["q00", "q01", "q02", "q03"]
    assert distilled.dropped == {"unscored: empty answer": 1}
    assert read_distilled(folder) == distilled


def test_distilling_without_labels_names_the_stage_before(engines: Engines, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no labels\.jsonl; label questions into it first"):
        list(distil(engines.settings, RunFolder(tmp_path)))
    assert not (tmp_path / "settings.json").exists()


def test_tuning_without_a_distilled_set_names_the_stage_before(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no distilled\.json; distil its labels first"):
        list(tune(settings, RunFolder(tmp_path)))


def test_from_labels_to_an_adapter_that_answers(
    engines: Engines, tmp_path: Path, load: Callable[..., LanguageModel]
) -> None:
    folder = RunFolder(tmp_path)
    list(label_all(engines, _questions(4), folder))
    list(distil(engines.settings, folder))
    adapter = last_record(tune(engines.settings, folder))
    assert isinstance(adapter, Adapter)
    assert Path(adapter.path) == tmp_path / "adapter"
    assert json.loads((tmp_path / "adapter" / "card.json").read_text())["base_model_id"] == adapter.base_model_id
    tuned = load(Path(engines.lm.model_id), adapter=str(tmp_path / "adapter"))
    reply = last_record(ask(replace(engines, lm=tuned), FRANCE))
    assert reply.first.sample.token_ids


@pytest.mark.parametrize("changed", [{"text": "What is something else?"}, {"references": ("a mended answer",)}])
def test_a_run_is_not_carried_on_with_other_questions_under_the_same_ids(
    engines: Engines, tmp_path: Path, changed: dict[str, Any]
) -> None:
    questions = _questions(3)
    list(label_all(engines, questions, RunFolder(tmp_path / "labels")))
    list(sample(engines, questions, RunFolder(tmp_path / "samples")))
    others = [*questions[:2], replace(questions[2], **changed)]
    for run, folder in ((label_all, "labels"), (sample, "samples")):
        with pytest.raises(DataError, match=f"holds question {questions[2].id!r} as .*another run folder"):
            list(run(engines, others, RunFolder(tmp_path / folder)))
