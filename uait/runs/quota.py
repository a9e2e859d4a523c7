"""What one visitor's runs may take of a Space: jobs, time, disk. On one's own machine nothing is counted.

Knows folders and jobs, nothing of pages. A visitor can have many names, so jobs and disk are counted in total as well.
"""

import math
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from uait import settings
from uait.records.errors import DataError
from uait.runs import jobs
from uait.runs.folder import all_runs
from uait.runs.jobs import JobState

MAX_WAITING = 10  # jobs of all visitors together
MAX_RUNS, MAX_BYTES = 50, 500_000_000  # of one visitor
LEAST_FREE = 1_000_000_000  # bytes of the disk that all share

_starting = threading.Lock()  # the clicks of one visitor come side by side


def job_seconds() -> float:
    """How long a job may work after one start; Resume goes on behind those who waited meanwhile."""
    return settings.public_seconds() if settings.is_space() else math.inf


@contextmanager
def new_job(root: Path) -> Iterator[None]:
    """Lets the visitor whose runs are in `root` begin one more job inside the block.

    Raises DataError where one of theirs waits already, where too many of all wait, or where there is no room.
    """
    with _starting:
        if settings.is_space():
            check_room(root)
            _check_jobs(root)
        yield


def check_room(root: Path) -> None:
    """Raises DataError where the visitor whose runs are in `root` may not write more of them."""
    if not settings.is_space():
        return
    n_runs, n_bytes = len(all_runs(root)), _size(root)
    if n_runs >= MAX_RUNS or n_bytes >= MAX_BYTES:
        raise DataError(
            f"You have {n_runs} runs of {n_bytes / 1e6:.0f} MB here, and at most {MAX_RUNS} of "
            f"{MAX_BYTES / 1e6:.0f} MB are kept; discard a tuning, or come back when they are a day old and gone."
        )
    shared = next(path for path in (root, *root.resolve().parents) if path.exists())
    if shutil.disk_usage(shared).free < LEAST_FREE:
        raise DataError("This page's disk is nearly full; try again tomorrow, when old runs are gone.")


def _check_jobs(root: Path) -> None:
    alive = [status for run in all_runs(root) if (status := jobs.status(run)) and status.is_alive]
    if len(alive) > 1 or any(status.state is JobState.QUEUED for status in alive):
        raise DataError("A job of yours waits already; stop it, or start the next one when it has begun.")
    if (n := len(jobs.waiting(settings.runs_folder()))) >= MAX_WAITING:
        raise DataError(f"{n} jobs wait here already, and no more may; try again in half an hour.")


def _size(root: Path) -> int:
    n_bytes = 0
    for path in root.rglob("*"):
        with suppress(OSError):  # removed meanwhile
            n_bytes += path.lstat().st_size
    return n_bytes
