"""What a tuning will be, before it starts: where it begins, how many epochs, how long it takes, the same as a command.

Folders and inputs in, sentences and values for the inputs out; the components are placed in `tune` and `tune_inputs`.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from uait.data.catalogue import small
from uait.method.footprint import tune_steps
from uait.method.pace import tune_span
from uait.page import limits
from uait.page.run_files import N_HELD_OUT
from uait.page.run_pace import pace_of
from uait.page.tabs.tune_inputs import tune_settings
from uait.page.views import runs as runs_view
from uait.records import SmallRun
from uait.records.errors import DataError, UaitError
from uait.runs.files import DISTILLED, HELD_OUT
from uait.runs.folder import RunFolder, find_run
from uait.runs.quota import job_seconds
from uait.settings import Settings, TuneSettings
from uait.stages.distil import read_distilled
from uait.stages.engines import Shelf
from uait.tuning.start import start_of

RECORDED = "The labels that were recorded with the model"
NONE_YET = "No examples yet: label questions and keep some of them in the Label tab."

Update = Any  # a value for a component, or gr.skip()


class Chosen(NamedTuple):
    """The chosen examples: their folder, how many teach and are kept apart, and how many questions measure."""

    folder: Path
    n_train: int
    n_apart: int
    n_held_out: int


def examples(root: Path, name: str | None, base: Settings, tune: TuneSettings, run: SmallRun | None) -> Chosen:
    """The chosen examples. Raises UaitError where they can't be tuned on with these settings."""
    found = _found(root, name, run)
    start_of(replace(base, tune=tune))
    limits.check_steps(tune_steps(tune, found.n_train))
    return found


def _found(root: Path, name: str | None, run: SmallRun | None) -> Chosen:
    if name == RECORDED and run:
        return Chosen(Path("RUN"), run.n_train, len(run.labels) - run.n_train, N_HELD_OUT)
    folder = find_run(root, name)
    if folder is None or not (folder / DISTILLED).exists():
        raise DataError(NONE_YET if not name else "These examples are no longer there: their folder was deleted.")
    kept, held_out = read_distilled(RunFolder(folder)), folder / HELD_OUT
    n_held_out = len(held_out.read_bytes().splitlines()) if held_out.exists() else 0
    return Chosen(folder, len(kept.train), len(kept.dev), n_held_out)


def planner(root: Path, shelf: Shelf, recorded: SmallRun | None) -> Callable[..., tuple[str, Update]]:
    """The handler that says what the chosen tuning will take, and the command that does the same."""
    lm = getattr(shelf.shipped, "lm", None)  # a page under test has none
    n_parameters = lm.weights.n_parameters if lm else None
    base = shelf.shipped.settings

    def plan(name: str | None, *given: Any) -> tuple[str, Update]:
        try:
            tune = tune_settings(given)
            found = examples(root, name, base, tune, recorded)
        except UaitError as err:
            return str(err), gr.update(visible=False)
        pace, paced_by = pace_of(base.model.model, recorded)
        seconds = tune_span(pace, tune, *found[1:]) if pace else None
        text = runs_view.tune_plan(tune, found.n_train, n_parameters, runs_view.estimate(seconds, paced_by))
        if seconds is not None and seconds > (most := job_seconds()):
            text += f" This page stops a job after {most:.0f} s; what is done is kept, and Resume goes on from there."
        if name == RECORDED:  # it gets a folder of its own when it is started
            return text, gr.update(visible=False)
        return text, gr.update(value=runs_view.command(str(found.folder), tune), visible=True)

    return plan


def fitter(root: Path, base: Settings, recorded: SmallRun | None) -> Callable[[str | None], list[Update]]:
    """The handler that fills in where a tuning on the chosen examples starts, with the reason, and its epochs."""
    tune = small(base).tune

    def fit(name: str | None) -> list[Update]:
        try:
            n_train = _found(root, name, recorded).n_train
        except UaitError:
            return [gr.skip(), gr.skip()]
        start, why = first_start(base, n_train)
        return [gr.update(value=start, info=why), runs_view.epochs_for(replace(tune, start_from=start), n_train)]

    return fit


def first_start(base: Settings, n_train: int) -> tuple[str, str]:
    """Where a tuning on so many examples starts unless the visitor says otherwise, and why."""
    start = runs_view.start_for(n_train)
    try:
        start_of(replace(base, tune=replace(small(base).tune, start_from=start)))
    except UaitError as err:
        return "base", str(err)
    return start, runs_view.why_start(n_train)


def epochs_fitter(root: Path, base: Settings, recorded: SmallRun | None) -> Callable[[str | None, str], Update]:
    """The handler that fills in the epochs that the chosen examples need from the start that was chosen."""

    def fit(name: str | None, start: str) -> Update:
        try:
            return runs_view.epochs_for(
                replace(small(base).tune, start_from=start), _found(root, name, recorded).n_train
            )
        except UaitError:
            return gr.skip()

    return fit
