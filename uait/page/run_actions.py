"""What the buttons of a running or finished job do: stop, go on, throw away. A run's folder in, a sentence out.

Knows jobs and their folders; the tabs place the buttons.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from uait import settings
from uait.page.views import runs as runs_view
from uait.page.views.runs import Payload
from uait.records.errors import DataError, UaitError
from uait.runs import jobs, visitors
from uait.runs.files import TUNED
from uait.runs.folder import find_run

EVERY = 1.0  # seconds between two looks at a job
SWITCHED_OFF = (
    "Long work is switched off on this page. Duplicate the Space and set UAIT_ALLOW_TRAINING to 1, "
    "or run it on your own machine."
)
GONE = "This run is no longer there: its folder was deleted. Start a new one."
DISCARDED = "Thrown away: the adapter and its checkpoints are deleted. The examples are kept for another tuning."

Acted = tuple[str, Payload]  # what to say, and how the job stands now


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
    return _acting(root, jobs.resume, "")


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
