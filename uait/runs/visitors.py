"""Whose runs are whose: everybody's on one's own machine, a visitor's own on a Space, gone a day after the last use.

A visitor is known by a token that only their browser keeps. Knows folders and jobs, nothing of pages.
"""

import re
import secrets
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

from uait import settings
from uait.runs import jobs
from uait.runs.folder import all_runs

IDLE = 24 * 3600.0  # seconds after which an unused folder is removed
_EVERY = 3600.0  # seconds between two rounds of cleaning
_TOKEN = re.compile(r"[0-9a-f]{32}")


def admit(token: str | None) -> str:
    """The visitor's token when it is one, else a new one."""
    return token if token and _TOKEN.fullmatch(token) else secrets.token_hex(16)


def runs_of(token: str | None) -> Path:
    """The folder with the visitor's runs; it need not exist. A token from a browser is never taken for a path.

    Without a token of ours it is a new folder each time: nobody shares one for having none.
    """
    root = settings.runs_folder()
    if not settings.is_space():
        return root
    return root / admit(token)


def mark_used(token: str | None) -> None:
    """Counts the visitor's folder, where there is one, as used now."""
    if settings.is_space():
        with suppress(OSError):
            (runs_of(token) / ".seen").touch()


def sweep(root: Path, now: float | None = None) -> list[str]:
    """The visitors whose folders were just removed: unused for a day, and with no job at work."""
    now, gone = time.time() if now is None else now, []
    for folder in root.iterdir() if root.is_dir() else ():
        if not _TOKEN.fullmatch(folder.name) or now - _used(folder) < IDLE:
            continue
        if not any(status.is_alive for run in all_runs(folder) if (status := jobs.status(run))):
            shutil.rmtree(folder, ignore_errors=True)
            gone.append(folder.name)
    return gone


def sweep_hourly() -> None:
    """On a Space, removes unused folders now and every hour for as long as this process lives."""

    def work() -> None:
        while True:
            sweep(settings.runs_folder())
            time.sleep(_EVERY)

    if settings.is_space():
        threading.Thread(target=work, daemon=True).start()


def _used(folder: Path) -> float:
    """When something in the folder, or in a run of it, was last written."""
    times = [folder.stat().st_mtime]
    for path in (*folder.glob("*"), *folder.glob("*/*")):
        with suppress(OSError):  # removed meanwhile
            times.append(path.stat().st_mtime)
    return max(times)
