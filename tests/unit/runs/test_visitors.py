"""Visitors' folders on a Space: their own, never a path, gone a day after the last use; one folder at home."""

import fcntl
import os
from pathlib import Path

import pytest

from uait.data.files import write_json
from uait.runs import jobs, visitors
from uait.runs.files import JOB

DAY = 24 * 3600.0


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UAIT_RUNS", str(tmp_path))
    monkeypatch.setenv("SPACE_ID", "someone/uait")
    return tmp_path


def test_a_visitor_keeps_a_token_of_ours_and_gets_a_new_one_for_anything_else(runs: Path) -> None:
    token = visitors.admit("")
    assert visitors.admit(token) == token
    for forged in ("../" + token[3:], token.upper() + "g", "", None, token + "\n"):
        assert visitors.admit(forged) not in (forged, token)


def test_on_a_space_every_visitor_has_a_folder_that_no_token_leads_out_of(runs: Path) -> None:
    one, other = visitors.admit(None), visitors.admit(None)
    assert visitors.runs_of(one) == runs / one != visitors.runs_of(other)
    for forged in ("..", "../..", "/etc", "", None, "a" * 31, one + "/.."):
        assert visitors.runs_of(forged).parent == runs
        assert visitors.runs_of(forged) != visitors.runs_of(one)
        assert visitors.runs_of(forged) != visitors.runs_of(forged)  # nobody shares a folder for having no token


def test_on_ones_own_machine_all_windows_share_the_runs(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID")
    assert visitors.runs_of(visitors.admit(None)) == visitors.runs_of("") == runs


def test_a_folder_goes_a_day_after_its_last_use(runs: Path) -> None:
    old, used, new = (visitors.admit(None) for _ in range(3))
    for token in (old, used, new, "not-a-visitor"):
        (runs / token / "20260101-000000-label").mkdir(parents=True)
    (runs / used / "20260101-000000-label" / "labels.jsonl").touch()
    for path in (*(runs / old).rglob("*"), runs / old, runs / used, runs / "not-a-visitor"):
        os.utime(path, (0, 0))
    assert visitors.sweep(runs) == [old]
    assert sorted(path.name for path in runs.iterdir()) == sorted([used, new, "not-a-visitor"])
    visitors.mark_used(used)
    assert sorted(visitors.sweep(runs, now=(runs / new).stat().st_mtime + 2 * DAY)) == sorted([used, new])


def test_the_jobs_of_all_visitors_wait_in_one_line(runs: Path) -> None:
    waiting, locks = [runs / visitors.admit(None) / "20260101-000000-tune" for _ in range(3)], []
    for i, folder in enumerate(waiting):
        folder.mkdir(parents=True)
        write_json(folder / JOB, {"verb": "tune", "settings": {}, "submitted": float(i)})
        locks.append(os.open(folder / jobs.LOCK, os.O_RDWR | os.O_CREAT))
        fcntl.flock(locks[-1], fcntl.LOCK_EX)  # as a living job does
    assert [status.place for folder in waiting if (status := jobs.status(folder))] == [0, 1, 2]
    assert visitors.sweep(runs, now=visitors.IDLE * 1e6) == []  # whoever waits is not gone
    for lock in locks:
        os.close(lock)
    assert len(visitors.sweep(runs, now=visitors.IDLE * 1e6)) == 3
