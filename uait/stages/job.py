"""The process of one job: waits for its turn, then runs a stage on the files of its folder. See `uait.runs.jobs`.

In: a folder with job.json and the stage's input, the folder's lock. Out: events.jsonl, and what the stage writes.
"""

import math
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from uait.data.files import append_jsonl, read_json
from uait.records import Event, Progress
from uait.records.errors import DataError, UaitError, is_disk_full, is_out_of_memory
from uait.runs.files import JOB, QUESTIONS, SPLITS
from uait.runs.folder import RunFolder
from uait.runs.jobs import EVENTS, GRACE, turn
from uait.runs.quota import job_seconds
from uait.settings import Settings, from_dict

_SEE_LOG = "The log has the details; Resume tries again."
_PROGRESS_EVERY = 0.25  # seconds: progress is written no more often


def work(verb: str, folder: RunFolder, settings: Settings) -> Iterator[Event]:
    """The events of one stage on the folder's own files."""
    # a waiting job needs no torch
    from uait.data.questions import read_questions  # noqa: PLC0415
    from uait.retrieval.stronger import EndpointModel  # noqa: PLC0415
    from uait.stages.distil import distil  # noqa: PLC0415
    from uait.stages.engines import load_engines, load_untuned  # noqa: PLC0415
    from uait.stages.evaluate import evaluate  # noqa: PLC0415
    from uait.stages.label import label  # noqa: PLC0415
    from uait.stages.tune import tune  # noqa: PLC0415

    if verb == "label":
        return label(load_untuned(settings), read_questions(folder.file(QUESTIONS)), folder)
    if verb == "distil":
        return distil(settings, folder)
    if verb == "tune":
        return tune(settings, folder)
    splits = {path.stem: read_questions(path) for path in sorted(folder.file(SPLITS).glob("*.jsonl"))}
    engines = load_engines(settings)
    if isinstance(engines.stronger, EndpointModel):  # dozens of questions at a click would be its owner's to pay
        engines = replace(engines, stronger=None)
    return evaluate(engines, splits, folder)


def main(folder: Path, lock: int) -> int:
    """The exit code: 0 when the work is done, 1 when it failed, 143 when it was stopped."""
    os.set_inheritable(lock, False)  # no child of the job may keep its folder locked
    signal.signal(signal.SIGTERM, _leave)
    job = read_json(folder / JOB)
    with turn(folder):
        _write(folder, "begun")
        try:
            _follow(folder, work(job["verb"], RunFolder(folder), from_dict(job["settings"])), job_seconds())
        except UaitError as err:
            _write(folder, "failed", note=str(err))
            return 1
        except Exception as err:
            traceback.print_exc()
            note, next_step = f"Something nobody foresaw went wrong ({type(err).__name__}).", _SEE_LOG
            if is_disk_full(err):
                note, next_step = "There is no room left on the disk.", "Free some; Resume goes on from what is done."
            if is_out_of_memory(err):
                note, next_step = (
                    "There is not enough memory.",
                    "Close other programs; Resume goes on from what is done.",
                )
            _write(folder, "failed", note=note, next_step=next_step)
            return 1
    return 0


def _leave(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def _follow(folder: Path, events: Any, seconds: float = math.inf) -> None:
    """Writes the work's progress, the first of each stage and then not too often, and its end.

    Raises DataError at the first step after so many seconds; a step that hangs takes the process with it.
    """
    stage, written, is_stopping, since = "", 0.0, False, {}
    last, end = Progress("", 0, 0), time.monotonic() + seconds
    if seconds < math.inf:
        _die_after(seconds + GRACE)

    def stop_after_this_step(number: int, frame: object) -> None:
        nonlocal is_stopping
        is_stopping = True

    with closing(events):  # the stage saves what it has
        for event in events:
            # From now on there is something to keep; a step that was torn would be lost.
            signal.signal(signal.SIGTERM, stop_after_this_step)
            if is_stopping:
                _leave(signal.SIGTERM, None)
            if not isinstance(event, Progress):
                continue
            if time.monotonic() > end:
                raise DataError(
                    f"The job was stopped after {seconds:.0f} seconds, the most that a start may take on this "
                    "page; what is done is kept, and Resume goes on from there."
                )
            last = event
            if event.stage != stage:
                since = {"time": time.time(), "done": event.done}  # what the rate of this stage is counted from
            if event.stage != stage or time.monotonic() - written >= _PROGRESS_EVERY:
                stage, written = event.stage, time.monotonic()
                sys.stderr.write(f"{stage} {event.done}/{event.total} {event.note}\n")  # the last lines of a job's log
                _write(folder, "progress", **_plain(event), since=since)
    _write(folder, "done", **_plain(last))


def _die_after(seconds: float) -> None:
    killer = threading.Timer(seconds, os._exit, (1,))
    killer.daemon = True
    killer.start()


def _plain(event: Progress) -> dict[str, Any]:
    return {"stage": event.stage, "done": event.done, "total": event.total, "note": event.note}


def _write(folder: Path, kind: str, **values: Any) -> None:
    append_jsonl(folder / EVENTS, {"time": time.time(), "kind": kind, **values})


if __name__ == "__main__":
    try:
        code = main(Path(sys.argv[1]), int(sys.argv[2]))
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    sys.stderr.flush()
    os._exit(code)  # all is written; taking the libraries down takes seconds in which the folder would stay locked
