"""What one visitor's runs may take of a Space, and that nothing is counted at home."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from uait.data.files import write_json
from uait.records.errors import DataError
from uait.runs import jobs, quota, visitors
from uait.runs.files import JOB


@pytest.fixture
def held() -> Iterator[list[int]]:
    """Locks that living jobs would hold; given back after the test."""
    locks: list[int] = []
    yield locks
    for lock in locks:
        os.close(lock)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UAIT_RUNS", str(tmp_path))
    monkeypatch.setenv("SPACE_ID", "someone/uait")
    return tmp_path


def _job(root: Path, name: str, held: list[int], *, has_begun: bool = False) -> None:
    folder = root / name
    folder.mkdir(parents=True)
    write_json(folder / JOB, {"verb": "label", "settings": {}, "submitted": float(len(held))})
    if has_begun:
        (folder / jobs.EVENTS).write_text('{"time": 1.0, "kind": "begun"}\n')
    held.append(os.open(folder / jobs.LOCK, os.O_RDWR | os.O_CREAT))
    fcntl.flock(held[-1], fcntl.LOCK_EX)


def test_a_visitor_has_one_job_at_work_and_one_that_waits(runs: Path, held: list[int]) -> None:
    own = runs / visitors.admit(None)
    with quota.new_job(own):
        _job(own, "first", held, has_begun=True)
    with quota.new_job(own):
        _job(own, "second", held)
    with pytest.raises(DataError, match="A job of yours waits already"), quota.new_job(own):
        raise AssertionError("begun")
    with quota.new_job(runs / visitors.admit(None)):  # another visitor's turn is not taken away
        pass


def test_all_visitors_together_wait_with_a_few_jobs(runs: Path, held: list[int]) -> None:
    for _ in range(quota.MAX_WAITING):
        own = runs / visitors.admit(None)
        with quota.new_job(own):
            _job(own, "run", held)
    with pytest.raises(DataError, match="10 jobs wait here already"), quota.new_job(runs / visitors.admit(None)):
        raise AssertionError("begun")


def test_a_visitor_keeps_so_many_runs_and_bytes(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = runs / visitors.admit(None)
    quota.check_room(own)
    write_json(own / "run" / JOB, {})
    (own / "run" / "adapter").write_bytes(bytes(2_000))
    monkeypatch.setattr(quota, "MAX_BYTES", 2_000)
    with pytest.raises(DataError, match="discard a tuning, or come back"):
        quota.check_room(own)
    monkeypatch.undo()
    monkeypatch.setenv("SPACE_ID", "someone/uait")
    for i in range(quota.MAX_RUNS):
        write_json(own / f"run-{i}" / JOB, {})
    with pytest.raises(DataError, match="You have 51 runs of 0 MB here, and at most 50"), quota.new_job(own):
        raise AssertionError("begun")


def test_no_run_begins_on_a_disk_that_is_nearly_full(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=quota.LEAST_FREE - 1))
    with pytest.raises(DataError, match="disk is nearly full"), quota.new_job(runs / visitors.admit(None)):
        raise AssertionError("begun")


def test_at_home_nothing_is_counted(runs: Path, held: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID")
    for i in range(quota.MAX_WAITING + 2):
        with quota.new_job(runs):
            _job(runs, f"run-{i}", held)
    assert quota.job_seconds() == float("inf")
