"""What a tuning will be, before it starts: where it begins, how many epochs, how long it takes, the same as a command.

Folders and inputs in, sentences and values for the inputs out; the components are placed in `tune` and `tune_inputs`.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from uait.data.catalogue import small
from uait.data.files import read_json
from uait.page import limits
from uait.page.tabs.tune_inputs import tune_settings
from uait.page.views import runs as runs_view
from uait.records import SmallRun
from uait.records.errors import DataError, UaitError
from uait.runs.files import DISTILLED
from uait.runs.folder import RunFolder, all_runs, find_run
from uait.settings import Settings, TuneSettings
from uait.stages.distil import read_distilled
from uait.stages.engines import Shelf
from uait.tuning.start import start_of

RECORDED = "The labels that were recorded with the model"
NONE_YET = "No examples yet: label questions and keep some of them in the Label tab."

Update = Any  # a value for a component, or gr.skip()


def examples(root: Path, name: str | None, base: Settings, tune: TuneSettings, run: SmallRun | None) -> Path:
    """The chosen examples' folder. Raises UaitError where they can't be tuned on with these settings."""
    folder, n_train = _found(root, name, run)
    start_of(replace(base, tune=tune))
    limits.check_steps(tune.max_steps or runs_view.n_steps(tune, n_train))
    return folder


def _found(root: Path, name: str | None, run: SmallRun | None) -> tuple[Path, int]:
    """The chosen examples' folder, and how many teach."""
    if name == RECORDED and run:
        return Path("RUN"), run.n_train
    folder = find_run(root, name)
    if folder is None or not (folder / DISTILLED).exists():
        raise DataError(NONE_YET if not name else "These examples are no longer there: their folder was deleted.")
    return folder, len(read_distilled(RunFolder(folder)).train)


def planner(root: Path, shelf: Shelf, recorded: SmallRun | None) -> Callable[..., tuple[str, str]]:
    """The handler that says what the chosen tuning will take, and the command that does the same."""
    lm = getattr(shelf.shipped, "lm", None)  # a page under test has none
    n_parameters = lm.weights.n_parameters if lm else None
    base = shelf.shipped.settings

    def plan(name: str | None, *given: Any) -> tuple[str, str]:
        try:
            tune = tune_settings(given)
            folder = examples(root, name, base, tune, recorded)
            _, n_train = _found(root, name, recorded)
        except UaitError as err:
            return str(err), ""
        known = _step_seconds(root, base.model.model, tune) or _recorded_seconds(recorded, tune)
        text = runs_view.estimate(tune, n_train, n_parameters, known)
        return text, "" if name == RECORDED else runs_view.command(str(folder), tune)

    return plan


def fitter(root: Path, base: Settings, recorded: SmallRun | None) -> Callable[[str | None], list[Update]]:
    """The handler that fills in where a tuning on the chosen examples starts, with the reason, and its epochs."""
    tune = small(base).tune

    def fit(name: str | None) -> list[Update]:
        try:
            n_train = _found(root, name, recorded)[1]
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
            return runs_view.epochs_for(replace(small(base).tune, start_from=start), _found(root, name, recorded)[1])
        except UaitError:
            return gr.skip()

    return fit


def _recorded_seconds(run: SmallRun | None, tune: TuneSettings) -> tuple[float, str] | None:
    """The seconds that a step of this many examples would have taken in the recorded tuning."""
    if run is None or not run.log:
        return None
    share = tune.batch_size / run.settings["tune"]["batch_size"]
    return share * run.log[-1]["seconds"] / run.log[-1]["step"], "the recorded tuning"


def _step_seconds(root: Path, model: str, tune: TuneSettings) -> tuple[float, str] | None:
    """The seconds a step took in the newest finished tuning of the same batch size, or None."""
    for folder in all_runs(root, model):
        card = folder / "adapter" / "card.json"
        if card.exists():
            data = read_json(card)
            if data["settings"]["tune"]["batch_size"] == tune.batch_size:
                return data["metrics"]["seconds"] / data["metrics"]["n_steps"], "the last tuning here"
    return None
