"""Tuning as a stage: what it measures, and that a finished one measures nothing again."""

from dataclasses import replace
from pathlib import Path

import pytest

from uait.data.files import read_json, write_json, write_jsonl
from uait.data.json import to_json
from uait.method.distillation import distil
from uait.records import Event, Label, Progress, Question, Reason, Unscored
from uait.records.events import last_record
from uait.runs.files import BEFORE_AFTER, DISTILLED, HELD_OUT
from uait.runs.folder import RunFolder
from uait.settings import Settings
from uait.stages.tune import read_taught, read_untaught, tune

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


@pytest.mark.parametrize("recipe", ["paper", "hearing"])
def test_an_example_too_long_is_left_out_and_named_and_the_others_are_tuned_on(
    settings: Settings, tmp_path: Path, recipe: str
) -> None:
    settings = replace(settings, tune=replace(settings.tune, recipe=recipe))
    folder, long = RunFolder(tmp_path), replace(FAUST, id="long", text="Why? " * 200)
    whole = distil([*LABELS, replace(LABELS[0], question=long)], replace(settings.distil, dev_fraction=0.0))
    write_json(folder.file(DISTILLED), to_json(whole))
    write_jsonl(folder.file(HELD_OUT), [PARIS, replace(long, id="unasked")])
    events = list(tune(settings, folder))
    notes = [event.note for event in events if isinstance(event, Progress)]
    assert notes[0] == "Left out, longer than the model reads (1): long."
    assert notes[-2].endswith("before and after. Left out, longer than the model reads (1): unasked.")
    assert last_record(events).metrics["n_train"] == 2
    assert read_untaught(folder) == [Unscored("long", Reason.TOO_LONG)]
    assert read_taught(folder).dropped == {"longer than the model reads": 1}
    assert [row["n"] for row in read_json(folder.file(BEFORE_AFTER))] == [1, 1, 1]
