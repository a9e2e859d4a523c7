"""What the run tabs have in common: to begin a job, look at it, stop it, go on, throw away. Folders in, sentences out.

Knows jobs and their folders; the tabs place the components.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from uait import settings
from uait.page.views import runs as runs_view
from uait.page.views.runs import Payload
from uait.records.errors import DataError, UaitError
from uait.runs import jobs, quota, visitors
from uait.runs.files import TUNED
from uait.runs.folder import find_run
from uait.runs.jobs import JobState, JobStatus
from uait.runs.names import label_of

EVERY, SELDOM = 1.0, 10.0  # seconds between two looks: at a job, and where none is under way
SWITCHED_OFF = (
    "Long work is switched off on this page. Duplicate the Space and set UAIT_ALLOW_TRAINING to 1, "
    "or run it on your own machine."
)
GONE = "This run is no longer there: its folder was deleted. Start a new one."
_A_TUNING = " (a tuning, with its examples)"
DISCARDED = "Thrown away: the adapter and its checkpoints are deleted. The examples are kept for another tuning."

Acted = tuple[str, Payload]  # what to say, and how the job stands now
Update = Any  # a value for a component, or gr.skip()
Started = tuple[Update, str, Update]  # the menu of runs, what to say, how the job stands
Seen = dict[str, Any]


class Look(NamedTuple):
    """The chosen run as it is now: its folder and job, what to remember of it, the updates of timer, menu and panel."""

    folder: Path | None
    status: JobStatus | None
    seen: Seen
    timer: Update
    menu: Update
    panel: Payload
    is_new: bool  # whether there is more to show than at the last look

    @property
    def is_alive(self) -> bool:
        """Whether its job is under way."""
        return self.status is not None and self.status.is_alive

    @property
    def can_resume(self) -> bool:
        """Whether its job ended before it was through."""
        return self.status is not None and self.status.state in (JobState.STOPPED, JobState.FAILED)


def look(
    root: Path,
    seen: Seen | None,
    names: Sequence[str],
    name: str | None,
    marks: Callable[[Path], Any],
    chosen: str | None,
    offered: Sequence[str] = (),
    verb: str = "",
) -> Look:
    """Looks at the run called `name`, one of `names` or of `offered`, which have no folder.

    `marks`: what changes in its folder when there is more to show. A job of another verb than `verb` counts as none.
    `chosen`: what the menu stood at when the look began. Only another `name` is put there: the answer to a look may
    come after that to a button that has chosen a new run.
    """
    folder, seen = find_run(root, name), seen or {}
    status = jobs.status(folder) if folder else None
    if verb and status and status.verb != verb:
        status = None
    state = str(status.state if status else None)
    choices = choices_of(root, names, offered)
    now = {"names": list(names), "name": name, "state": state, "marks": folder and marks(folder), "menu": choices}
    put: dict[str, Any] = {"value": name} if name != chosen else {}
    menu = gr.skip() if seen.get("menu") == choices else gr.update(choices=choices, **put)
    panel = runs_view.job_panel(status, is_chosen=bool(name) and name not in offered and folder is None)
    # a look that comes late may slow a job's looks down, but not for long
    timer = gr.update(value=EVERY if status and status.is_alive else SELDOM)
    return Look(folder, status, now, timer, menu, panel, {**seen, "names": now["names"], "menu": choices} != now)


def choices_of(root: Path, names: Sequence[str], offered: Sequence[str] = ()) -> list[tuple[str, str]]:
    """The entries of a menu of runs: what each is called, and its folder's name. A tuning is told from labels."""
    called = {name: label_of(root / name) + (_A_TUNING if is_tuning(name) else "") for name in names}
    return [*((one, one) for one in offered), *((text, name) for name, text in called.items())]


def is_tuning(name: str) -> bool:
    """Whether the run was made to tune in: its examples are those of other labels, once more."""
    return "-tune" in name


def starter(root: Path, begin: Callable[..., JobStatus], names: Callable[[], Sequence[str]]) -> Callable[..., Started]:
    """The handler of a button that begins a job below `root`: the new run is chosen among `names`, or a sentence says
    why not."""

    def start(*given: Any) -> Started:
        try:
            check_allowed()
            with quota.new_job(root):
                status = begin(*given)
        except (UaitError, OSError) as err:
            return gr.skip(), str(err), gr.skip()
        return gr.update(choices=choices_of(root, names()), value=status.folder.name), "", runs_view.job_panel(status)

    return start


def look_soon(timer: gr.Timer, *events: Callable[..., Any]) -> None:
    """After each of these events a tab looks at its jobs within a second."""
    for event in events:
        event(None, js=f"() => ({{ __type__: 'update', value: {EVERY} }})", outputs=timer, api_visibility="private")


def own(make: Callable[[Path], Callable[..., Any]]) -> Callable[..., Any]:
    """The handler that `make` gives for the runs of the visitor whose token is the last input."""

    def handle(*values: Any) -> Any:
        *given, visitor = values
        return make(visitors.runs_of(visitor))(*given)

    return handle


def check_allowed() -> None:
    """Raises DataError where the page may not start long work."""
    if not settings.allows_training():
        raise DataError(SWITCHED_OFF)


def stopper(root: Path) -> Callable[[str | None], Acted]:
    """Ends the chosen run's job after the step under way; the answer comes at once, without waiting for that step."""
    return _acting(root, jobs.stop, "")


def resumer(root: Path) -> Callable[[str | None], Acted]:
    """Starts the chosen run's last job again, with its own settings."""

    def resume(folder: Path) -> None:
        with quota.new_job(root):
            jobs.resume(folder)

    return _acting(root, resume, "")


def discarder(root: Path) -> Callable[[str | None], Acted]:
    """Kills the chosen run's job, if it lives, and deletes what the tuning made."""
    return _acting(root, _discard, DISCARDED)


def _discard(folder: Path) -> None:
    jobs.forget(folder)
    for name in TUNED:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _acting(root: Path, act: Callable[[Path], object], sentence: str) -> Callable[[str | None], Acted]:
    def acted(name: str | None) -> Acted:
        folder = find_run(root, name)
        message = sentence
        try:
            check_allowed()
            if folder is None:
                raise DataError(GONE)
            act(folder)
        except (UaitError, OSError) as err:
            message = str(err)
        status = jobs.status(folder) if folder else None
        return message, runs_view.job_panel(status, is_chosen=bool(name) and folder is None)

    return acted
