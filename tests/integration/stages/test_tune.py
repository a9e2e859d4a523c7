"""Tuning as a stage: what it measures, and that a finished one measures nothing again."""

from dataclasses import replace
from pathlib import Path

from uait.data.files import read_json, write_json, write_jsonl
from uait.data.json import to_json
from uait.method.distillation import distil
from uait.records import Event, Label, Progress, Question
from uait.runs.files import BEFORE_AFTER, DISTILLED, HELD_OUT
from uait.runs.folder import RunFolder
from uait.settings import Settings
from uait.stages.tune import tune

FAUST = Question("f", "Who wrote Faust?", ("Goethe",))
LABELS = [Label(replace(FAUST, id=f"f{i}"), "Goethe", 0.9 - 0.1 * i, 0.9, None, True) for i in range(2)]
PARIS = Question("h", "What is the capital of France?", ("Paris",))


def _measurements(events: list[Event]) -> int:
    return sum(isinstance(e, Progress) and e.stage == "measure" and e.done == 0 for e in events)


def test_a_finished_tuning_asks_its_held_out_questions_once(settings: Settings, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    write_json(folder.file(DISTILLED), to_json(distil(LABELS, settings.distil)))
    write_jsonl(folder.file(HELD_OUT), [PARIS])
    assert _measurements(list(tune(settings, folder))) == 1
    first = read_json(folder.file(BEFORE_AFTER))
    assert _measurements(list(tune(settings, folder))) == 0
    assert read_json(folder.file(BEFORE_AFTER)) == first
    other = replace(settings, tune=replace(settings.tune, seed=1))  # another adapter, elsewhere
    assert _measurements(list(tune(other, folder, tmp_path / "other"))) == 1
    write_jsonl(folder.file(HELD_OUT), [PARIS, FAUST])
    assert _measurements(list(tune(other, folder, tmp_path / "other"))) == 1
