"""Runs that are compared: read from their folders, or from what was recorded; drawn by `figures.runs`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uait.data.files import read_json, read_jsonl, read_rows
from uait.page.figures import runs as figures
from uait.page.figures.runs import LabelledRun, TunedRun
from uait.page.figures.style import Payload
from uait.page.views import runs as runs_view
from uait.records import Label, SmallRun
from uait.runs.files import ADAPTER, BEFORE_AFTER, DISTILLED, JOB, LABELS, PROBES
from uait.runs.folder import RunFolder, find_run
from uait.runs.names import label_of
from uait.settings import TuneSettings, to_dict
from uait.stages.distil import read_distilled
from uait.tuning.trainer import LOG, read_log


def tunings(root: Path, names: Sequence[str], recorded: tuple[str, SmallRun] | None = None) -> Payload:
    """Those of the named tunings below `root` that have begun; `recorded`: what stands in the menu for which run."""
    found = []
    for name in names[: figures.MOST]:
        if recorded is not None and name == recorded[0]:
            found.append(_recorded(*recorded))
        elif (folder := find_run(root, name)) is not None and (folder / ADAPTER / LOG).exists():
            found.append(_tuned(folder))
    return figures.tunings(found)


def labellings(root: Path, names: Sequence[str]) -> Payload:
    """Those of the named labellings below `root` that have labels."""
    folders = [folder for name in names[: figures.MOST] if (folder := find_run(root, name)) is not None]
    return figures.labellings([_labelled(folder) for folder in folders if (folder / LABELS).exists()])


def _tuned(folder: Path) -> TunedRun:
    job = read_json(folder / JOB) if (folder / JOB).exists() else {}
    made = _whole(job.get("settings", {}).get("tune", {}))
    looks = [row for _, row in read_rows(folder / PROBES, is_log=True)] if (folder / PROBES).exists() else []
    results = read_json(folder / BEFORE_AFTER) if (folder / BEFORE_AFTER).exists() else []
    n_train = len(read_distilled(RunFolder(folder)).train) if (folder / DISTILLED).exists() else 0
    log = read_log(folder / ADAPTER / LOG)
    return TunedRun(label_of(folder), made, n_train, log, runs_view.tuning(log, looks, [], results))


def _recorded(name: str, run: SmallRun) -> TunedRun:
    shown = runs_view.tuning(run.log, run.looks, [], run.results)
    return TunedRun(name, _whole(run.settings["tune"]), run.n_train, run.log, shown, is_own=False)


def _whole(tune: dict[str, Any]) -> dict[str, Any]:
    """The settings of a tuning, with the default of each that came later."""
    return {**to_dict(TuneSettings()), **tune}


def _labelled(folder: Path) -> LabelledRun:
    settings = RunFolder(folder).settings()
    made = {**to_dict(settings.sampling), **to_dict(settings.label), "encoder": settings.model.encoder}
    return LabelledRun(label_of(folder), made, read_jsonl(folder / LABELS, Label))
