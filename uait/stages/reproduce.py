"""The paper's table and its two figures in one command: label, distil, tune, evaluate, and a tuning per threshold.

In: a preset, settings, a folder. Out: the records of every stage in folders of their own below it, last
Done(Reproduction). Stopped or killed at any moment it goes on where its files end.
"""

import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from uait.data.catalogue import describe
from uait.data.files import append_jsonl, read_json, read_rows, write_json
from uait.data.json import from_json, to_json
from uait.data.named import name_of, read_questions_of
from uait.data.presets import Preset
from uait.method.correctness import normalise_answer
from uait.records import Done, Event, Progress, Question, Reproduction
from uait.records.errors import DataError
from uait.records.plans import Plan
from uait.runs.files import ADAPTER
from uait.runs.folder import RunFolder
from uait.settings import Settings
from uait.stages.distil import distil
from uait.stages.engines import load_engines, load_untuned
from uait.stages.evaluate import drawn, evaluate
from uait.stages.label import label
from uait.stages.plan import plan
from uait.stages.sweep import sweep, threshold_name
from uait.stages.tune import tune

TRAIN, EVALUATE, SWEEP = "train", "evaluate", "sweep"  # a folder each
_PLAN, _TIMES, _PRESET = "plan.json", "times.jsonl", "preset.json"

Splits = dict[str, list[Question]]


def settings_for(name: str, preset: Preset, folder: RunFolder) -> Settings:
    """The settings that a reproduction goes on with: those of its folder, or the preset's.

    Raises DataError when the folder holds the reproduction of another preset.
    """
    path = folder.file(_PRESET)
    if not path.exists():
        return preset.settings
    if read_json(path) != name:
        raise DataError(f"{folder.path} reproduces {read_json(path)!r}, not {name!r}; name another folder.")
    return folder.settings()


def plan_of(preset: Preset, settings: Settings) -> Plan:
    """What the whole reproduction takes here; nothing of the model or the sets is fetched but its configuration."""
    n_taught, n_measured = preset.n_questions
    return plan(settings, n_taught, n_measured, len(preset.thresholds))


def reproduce(name: str, preset: Preset, settings: Settings, planned: Plan, folder: RunFolder) -> Iterator[Event]:
    """Runs every stage that is not finished; the last event is Done(Reproduction).

    Each stage keeps what it made below the folder. Raises DataError when the folder was made with other settings, or
    another process writes into it, and what the stages raise.
    """
    with folder.writing():
        folder.save_settings(settings)
        write_json(folder.file(_PRESET), name)
        if not folder.file(_PLAN).exists():  # of the first sitting: the one that was told before anything was done
            write_json(folder.file(_PLAN), to_json(planned))
        taught, splits, n_left_out = questions_of(preset, settings)
        yield from _stages(name, preset, settings, folder, taught, splits, n_left_out)


def _stages(
    name: str,
    preset: Preset,
    settings: Settings,
    folder: RunFolder,
    taught: Sequence[Question],
    splits: Splits,
    n_left_out: int,
) -> Iterator[Event]:
    train = RunFolder(folder.file(TRAIN))
    untuned = load_untuned(settings)  # held to the end: all stages share its base
    labels = yield from _timed("label", label(untuned, taught, train), folder)
    distilled = yield from _timed("distil", distil(settings, train), folder)
    adapter = yield from _timed("tune", tune(settings, train), folder)
    tuned = load_engines(settings.with_adapter(train.file(ADAPTER)), beside=untuned)
    tuned = replace(tuned, stronger=None)  # the paper turns to nobody else
    report = yield from _timed("evaluate", evaluate(tuned, splits, RunFolder(folder.file(EVALUATE))), folder)
    judged = {split: drawn(asked, preset.n_swept, settings.evaluate.seed) for split, asked in splits.items()}
    judged = {split: asked for split, asked in judged.items() if any(question.references for question in asked)}
    _share(settings, train, folder.file(SWEEP), preset.thresholds)
    events = sweep(settings, labels, judged, RunFolder(folder.file(SWEEP)), preset.thresholds)
    points = yield from _timed("sweep", events, folder)
    seconds: dict[str, float] = {}
    for _, row in read_rows(folder.file(_TIMES), is_log=True):
        seconds[row["stage"]] = seconds.get(row["stage"], 0.0) + row["seconds"]
    planned = from_json(Plan, read_json(folder.file(_PLAN)))
    yield Done(
        Reproduction(
            name, planned, len(labels), n_left_out, distilled.kept, distilled.dropped, adapter, report, points, seconds
        )
    )


def _share(settings: Settings, train: RunFolder, swept: Path, thresholds: Sequence[float | None]) -> None:
    """Puts the adapter where the sweep would tune the same one again, the threshold being the preset's own."""
    own, below = settings.distil.keep_right_from, settings.distil.keep_wrong_below
    place = swept / threshold_name(own) / ADAPTER
    if own == below and own in thresholds and not place.exists():
        copied = place.with_name(".copied")
        shutil.copytree(train.file(ADAPTER), copied, dirs_exist_ok=True)
        copied.rename(place)


def _timed(stage: str, events: Iterator[Event], folder: RunFolder) -> Generator[Event, None, Any]:
    """The stage's progress under its name; returns its record to a `yield from`. Every sitting's time is noted."""
    began = time.monotonic()
    record: Any = None
    try:
        with closing(events):  # type: ignore[type-var] -- every stage is a generator
            for event in events:
                if isinstance(event, Done):
                    record = event.record
                elif isinstance(event, Progress):
                    yield event
    finally:
        row = {"stage": stage, "seconds": round(time.monotonic() - began, 1)}
        append_jsonl(folder.file(_TIMES), row)
    return record


def questions_of(preset: Preset, settings: Settings) -> tuple[list[Question], Splits, int]:
    """What is taught, what is measured by split, and how many training questions are left out as they are measured.

    A training question is left out when a measured one has its words or asks for its fact. Raises DataError when the
    model has no questions of its own to take, or none is left.
    """
    description = describe(settings.model.model)
    splits = {name_of(source): read_questions_of(source) for source in preset.measure}
    if description and preset.n_own:
        own = description.held_out
        splits |= {name: drawn(own[name], preset.n_own, settings.evaluate.seed) for name in own}
    if preset.teach:
        offered = read_questions_of(preset.teach, to_teach=True)
    else:
        own = description.tuning_questions if description else []
        offered = drawn(own, preset.n_teach, settings.sampling.seed)
    measured = [question for questions in splits.values() for question in questions]
    words, facts = {_words(question) for question in measured}, {question.fact for question in measured}
    taught = [question for question in offered if _words(question) not in words and question.fact not in facts]
    if not taught:
        raise DataError(
            f"No question of {preset.teach or settings.model.model} is left to teach: all {len(offered)} are among "
            "those to measure with. Where UAIT_DATA names one file for all splits, take a preset with other sets."
        )
    return taught, splits, len(offered) - len(taught)


def _words(question: Question) -> str:
    return normalise_answer(question.text)
