"""How long a job may work, and what it leaves when its time is over."""

import errno
import json
import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from uait.data.files import write_json
from uait.records import Event, Progress
from uait.records.errors import DataError
from uait.runs import quota
from uait.runs.files import JOB
from uait.runs.jobs import EVENTS, GRACE, LOCK, JobState, status
from uait.stages import job


def _steps(saved: list[int]) -> Iterator[Event]:
    try:
        for i in range(100):
            saved.append(i)
            yield Progress("tune", i, 100)
    finally:
        saved.append(-1)


def test_a_job_on_a_space_ends_after_its_time_with_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_after: list[float] = []
    monkeypatch.setattr(job, "_die_after", killed_after.append)
    saved: list[int] = []
    with pytest.raises(DataError, match=r"stopped after 0 seconds.*what is done is kept, and Resume goes on"):
        job._follow(tmp_path, _steps(saved), seconds=0.0)
    assert saved == [0, -1]  # the stage was let go after its step, to save what it has
    assert killed_after == [GRACE]  # had it hung, the process would have ended


def test_a_job_at_home_takes_as_long_as_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    job._follow(tmp_path, _steps([]), quota.job_seconds())
    last = (tmp_path / EVENTS).read_text().splitlines()[-1]
    assert json.loads(last)["kind"] == "done"
    monkeypatch.setenv("SPACE_ID", "someone/uait")
    assert quota.job_seconds() == 1800


def test_a_job_that_finds_the_disk_full_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Iterator[Event]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(job, "work", full)
    monkeypatch.setattr(job, "turn", lambda folder: nullcontext())
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    folder = tmp_path / "run"
    write_json(folder / JOB, {"verb": "label", "settings": {}, "submitted": 0.0})
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT)
    assert job.main(folder, lock) == 1
    os.close(lock)
    found = status(folder)
    assert found is not None
    assert (found.state, found.note) == (JobState.FAILED, "There is no room left on the disk.")
    assert found.next_step == "Free some; Resume goes on from what is done."


def test_each_stage_is_timed_from_its_own_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(float(i) for i in range(1000))
    clock: Any = SimpleNamespace(time=lambda: next(now), monotonic=lambda: 10.0 * next(now))
    monkeypatch.setattr(job, "time", clock)
    steps = [Progress("listen", 0, 8), Progress("listen", 8, 8), Progress("tune", 3, 9), Progress("tune", 4, 9)]
    job._follow(tmp_path, (step for step in steps))
    rows = [json.loads(line) for line in (tmp_path / EVENTS).read_text().splitlines()]
    since = [(row["stage"], row["since"]["done"]) for row in rows if row["kind"] == "progress"]
    assert since == [("listen", 0), ("listen", 0), ("tune", 3), ("tune", 3)]
    first, second = [row for row in rows if row["stage"] == "tune"][:2]
    assert second["since"] == first["since"] and first["since"]["time"] < first["time"] < second["time"]
