"""Long work in a process of its own: started, watched and stopped through the files of its run folder alone.

In: a folder, a verb, settings. Out: a JobStatus, the same after a reload, from another window or another server.
A job holds a lock on its folder for as long as it lives, and the kernel drops it when the job dies, however it dies;
so "running" is never shown for one that is gone. One job at a time works, whichever visitor's; the others wait in turn.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from uait.data.files import read_json, write_json
from uait.records.errors import DataError
from uait.runs.files import JOB
from uait.runs.locks import is_held, open_lock, try_lock
from uait.settings import Settings, from_dict, runs_folder, to_dict

VERBS = ("label", "distil", "tune", "evaluate")
_ONCE = {"distill": "distil"}  # as older runs spell it
PID, LOCK, STOP, EVENTS, LOG, SLOT = (
    "job.pid", "job.lock", "job.stop", "events.jsonl", "job.log", ".slot",
)  # fmt: skip
GRACE = 30.0  # seconds from the polite signal to the other one: a tuning step and its checkpoint fit in
_LOOK_AGAIN = 0.3  # seconds between two looks of a waiting job
_TAIL = 8  # lines of the log shown with a failure


class JobState(str, Enum):
    """What a job is doing, as the page says it."""

    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    DONE = "done"

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How a job stands. `place`: how many come before it; `seconds` since it began (or began to wait).

    `rate` is in `done` per second since the stage's first progress, `eta` the seconds left of it at that rate.
    """

    folder: Path
    verb: str
    state: JobState
    place: int = 0
    stage: str = ""
    done: int = 0
    total: int = 0
    note: str = ""
    seconds: float = 0.0
    rate: float | None = None
    eta: float | None = None
    log_tail: tuple[str, ...] = ()
    next_step: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether a process of this job exists."""
        return self.state in (JobState.QUEUED, JobState.RUNNING, JobState.STOPPING)


# -- from outside: start, status, stop -------------------------------------------------------------


def start(folder: Path | str, verb: str, settings: Settings) -> JobStatus:
    """The status of the job just started; started again on the same folder, the work goes on where it ended.

    Raises DataError when the verb is unknown or the folder's job still lives.
    """
    folder = Path(folder).resolve()
    if verb not in VERBS:
        raise DataError(f"{verb!r} is no job; choose one of {', '.join(VERBS)}.")
    folder.mkdir(parents=True, exist_ok=True)
    lock = _locked(folder)
    try:
        for name in (STOP, EVENTS, PID):
            (folder / name).unlink(missing_ok=True)
        write_json(folder / JOB, {"verb": verb, "settings": to_dict(settings), "submitted": time.time()})
        with open(folder / LOG, "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "uait.stages.job", str(folder), str(lock)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock,), env=_environment(),
                start_new_session=True,
            )  # fmt: skip
        (folder / PID).write_text(str(process.pid), encoding="ascii")
    finally:
        os.close(lock)  # the job has its own
    threading.Thread(target=process.wait, daemon=True).start()  # else a dead job stays on as a zombie
    begun = status(folder)
    if begun is None:
        raise DataError(f"{folder} was deleted while its job began; start it again.")
    return begun


def resume(folder: Path | str) -> JobStatus:
    """The status of the folder's last job, started again with its own settings.

    Raises DataError when the folder has no job (or was deleted), or when it still lives.
    """
    job = _job(Path(folder))
    if job is None:
        raise DataError(f"{Path(folder).name} holds no job to go on with; start a new one.")
    return start(folder, job["verb"], from_dict(job["settings"]))


def status(folder: Path | str) -> JobStatus | None:
    """How the folder's job stands, or None when the folder has none (or was deleted)."""
    folder = Path(folder)
    job = _job(folder)
    if job is None:
        return None
    rows, now = _events(folder), time.time()
    if not rows and _is_alive(folder):
        state = JobState.STOPPING if (folder / STOP).exists() else JobState.QUEUED
        earlier = [path for path in waiting(_shared(folder), until=job["submitted"]) if path != folder.resolve()]
        place = len(earlier) + is_held(_shared(folder) / SLOT)
        return JobStatus(folder, job["verb"], state, place, seconds=max(0.0, now - job["submitted"]))
    return _worked(folder, job["verb"], rows, now)


def stop(folder: Path | str, grace: float = GRACE) -> None:
    """Asks the job to end after the step under way, keeping what is done; kills it after `grace` seconds."""
    folder = Path(folder)
    pid = _pid(folder)
    if pid is None:
        return
    (folder / STOP).touch()
    _signal(folder, pid, signal.SIGTERM)
    killer = threading.Timer(grace, _signal, (folder, pid, signal.SIGKILL))
    killer.daemon = True
    killer.start()


def forget(folder: Path | str, patience: float = 5.0) -> None:
    """Kills the folder's job where it stands and removes its files; what it made stays.

    The folder's lock is held meanwhile, so that no new job begins among files that are being removed.
    Raises DataError when the job can't be ended within `patience` seconds.
    """
    folder, end = Path(folder), time.monotonic() + patience
    if not folder.is_dir():
        return
    descriptor = open_lock(folder / LOCK)
    try:
        while not try_lock(descriptor):
            if (pid := _pid(folder)) is not None:
                _signal(folder, pid, signal.SIGKILL)
            if time.monotonic() > end:
                raise DataError(f"The job of {folder.name} can't be ended yet; try again in a moment.")
            time.sleep(0.05)
        for name in (JOB, PID, STOP, EVENTS, LOG):
            (folder / name).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _worked(folder: Path, verb: str, rows: list[dict[str, Any]], now: float) -> JobStatus:
    """The status of a job that has begun, or died before it did."""
    last = rows[-1] if rows else {"kind": "", "time": now}
    alive = _is_alive(folder)
    began = rows[0]["time"] if rows else now
    done, total, since = last.get("done", 0), last.get("total", 0), last.get("since", last)
    elapsed, moved = last["time"] - since["time"], done - since.get("done", 0)
    rate = moved / elapsed if moved > 0 and elapsed > 0 else None
    note, next_step, tail = str(last.get("note", "")), "", ()
    if last["kind"] == "done":
        state = JobState.DONE
    elif last["kind"] == "failed":
        state, tail, next_step = JobState.FAILED, _log_tail(folder), str(last.get("next_step", ""))
    elif (folder / STOP).exists():
        state = JobState.STOPPING if alive else JobState.STOPPED
        next_step = "" if alive else "What is done is kept; Resume goes on from there."
    elif alive:
        state = JobState.RUNNING
    else:
        state, tail = JobState.FAILED, _log_tail(folder)
        note = "The job ended without a word; it was killed, or the machine ran out of memory."
        next_step = "What is done is kept; Resume goes on from there."
    ended = now if alive and state is not JobState.DONE else last["time"]
    seconds = max(0.0, ended - began)  # the clock may have been set back meanwhile
    eta = (total - done) / rate if rate and state is JobState.RUNNING else None
    return JobStatus(
        folder, verb, state, 0, str(last.get("stage", "")), done, total, note, seconds, rate, eta, tail, next_step
    )


def _job(folder: Path) -> dict[str, Any] | None:
    try:
        job = read_json(folder / JOB)
    except DataError:
        return None
    if not isinstance(job, dict) or "verb" not in job or "submitted" not in job:
        return None
    return {**job, "verb": _ONCE.get(job["verb"], job["verb"])}


def _events(folder: Path) -> list[dict[str, Any]]:
    """The begin and the last event: all that a status needs, however long the file is."""
    try:
        lines = (folder / EVENTS).read_bytes().splitlines()
    except OSError:
        return []
    rows = []
    for line in [*lines[:1], *lines[max(1, len(lines) - 2) :]]:
        with suppress(ValueError):  # the last line may be half written
            rows.append(json.loads(line))
    return rows


def _log_tail(folder: Path) -> tuple[str, ...]:
    try:
        text = (folder / LOG).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(line for line in text.splitlines() if line.strip())[-_TAIL:]


def _environment() -> dict[str, str]:
    """This process's, with the package findable from wherever the page was started."""
    package = str(Path(__file__).resolve().parents[2])
    others = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{others}" if others else package}


def _locked(folder: Path) -> int:
    """The descriptor of the folder's lock, held. Raises DataError when its job still lives."""
    descriptor = open_lock(folder / LOCK)
    ended = any(row.get("kind") in ("done", "failed") for row in _events(folder)[-1:])
    for _ in range(200 if ended else 20):  # a status just being read holds it for a moment, a job going home for longer
        if try_lock(descriptor):
            return descriptor
        time.sleep(0.05)
    os.close(descriptor)
    raise DataError(f"{folder.name} is already at work; stop it first, or wait until it is through.")


def _is_alive(folder: Path) -> bool:
    return is_held(folder / LOCK)


def _shared(folder: Path) -> Path:
    """The folder with the one slot that this run waits for: that of all the page's runs, whichever visitor's."""
    root = runs_folder().resolve()
    return root if root in folder.resolve().parents else folder.resolve().parent


def _pid(folder: Path) -> int | None:
    """The living job's process, or None: its lock says that the number in job.pid is still its own."""
    with suppress(OSError, ValueError):
        if _is_alive(folder):
            return int((folder / PID).read_text(encoding="ascii"))
    return None


def _signal(folder: Path, pid: int, number: int) -> None:
    """Sends the signal unless that job is gone; the folder may have another one by now, which is left alone."""
    if _pid(folder) == pid:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def waiting(root: Path, until: float = float("inf")) -> list[Path]:
    """The runs below `root`, or below a visitor's folder there, whose jobs live and have not begun, in their turn."""
    queue: list[tuple[float, Path]] = []
    for path in (path.parent for depth in ("*", "*/*") for path in root.glob(f"{depth}/{JOB}")):
        job = _job(path)
        if job and job["submitted"] <= until and not (path / EVENTS).exists() and _is_alive(path):
            queue.append((job["submitted"], path))
    return [path for _, path in sorted(queue)]


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Waits for its turn, and holds the one slot of the folder above inside the block."""
    root = _shared(folder)
    slot = open_lock(root / SLOT)
    try:
        while waiting(root)[:1] != [folder] or not try_lock(slot):
            time.sleep(_LOOK_AGAIN)
        yield
    finally:
        os.close(slot)
