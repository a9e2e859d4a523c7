"""Choose the labels that teach. Questions to measure with are set apart first, whatever their answers are."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from uait.data.files import read_json, read_jsonl, write_json, write_jsonl
from uait.data.json import from_json, to_json
from uait.data.questions import read_questions
from uait.method import distillation
from uait.records import DistilledSet, Done, Event, Label, Question
from uait.records.errors import DataError
from uait.runs.files import CALIBRATED, DISTILLED, FITTED_ON, HELD_OUT, LABELS
from uait.runs.folder import RunFolder
from uait.settings import Settings


def distil(settings: Settings, folder: RunFolder) -> Iterator[Event]:
    """Distils the folder's labels (the calibrated ones if there are any) into distilled.json; Done(DistilledSet).

    Facts of held_out.jsonl teach nothing. Without that file a share of the facts is drawn for it, before any label is
    looked at: questions chosen by confidence and correctness would flatter whatever is measured on them. Raises
    DataError when another process writes into the folder.
    """
    path = _labels_in(settings, folder)
    with folder.writing():
        distilled = _distil(settings, folder, path)
    yield Done(distilled)


def _labels_in(settings: Settings, folder: RunFolder) -> Path:
    path = folder.file(CALIBRATED) if folder.file(CALIBRATED).exists() else folder.file(LABELS)
    if not path.exists():
        raise DataError(f"{folder.path} holds no {LABELS}; label questions into it first.")
    if path.name == LABELS and settings.label.calibrate != "none":
        raise DataError(f"{folder.path} holds no {CALIBRATED}; start labelling again, it will go on to calibrate.")
    return path


def _distil(settings: Settings, folder: RunFolder, path: Path) -> DistilledSet:
    labels = read_jsonl(path, Label)
    held_out = set_apart(labels, settings, folder)
    facts = {question.fact for question in held_out}
    teaching = [label for label in labels if label.question.fact not in facts]
    distilled = distillation.distil(teaching, settings.distil)
    if len(teaching) < len(labels):
        dropped = {**distilled.dropped, distillation.HELD_OUT: len(labels) - len(teaching)}
        distilled = replace(distilled, dropped=dropped)
    folder.save_settings(settings, ("distil",))
    if held_out and not folder.file(HELD_OUT).exists():
        write_jsonl(folder.file(HELD_OUT), held_out)
    write_json(folder.file(DISTILLED), to_json(distilled))
    return distilled


def set_apart(labels: Sequence[Label], settings: Settings, folder: RunFolder) -> list[Question]:
    """The questions that measure and teach nothing: those of held_out.jsonl, else what `distil` will draw for it."""
    if folder.file(HELD_OUT).exists():
        return read_questions(folder.file(HELD_OUT))
    fitted = {question.fact for question in calibrated_on(folder)}
    questions = [x.question for x in labels if x.question.references and x.question.fact not in fitted]
    return distillation.hold_out(questions, settings.distil)


def calibrated_on(folder: RunFolder) -> list[Question]:
    """The folder's questions that its calibration was fitted on; none without one."""
    if not folder.file(FITTED_ON).exists():
        return []
    ids = set(read_json(folder.file(FITTED_ON)))
    return [label.question for label in read_jsonl(folder.file(LABELS), Label) if label.question.id in ids]


def read_distilled(folder: RunFolder) -> DistilledSet:
    """The folder's distilled set. Raises DataError when there is none."""
    if not folder.file(DISTILLED).exists():
        raise DataError(f"{folder.path} holds no {DISTILLED}; distil its labels first.")
    return from_json(DistilledSet, read_json(folder.file(DISTILLED)))
