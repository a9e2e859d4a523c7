"""A run's name is words to show: cleaned, kept in its folder, never a path; and a run that is deleted is gone."""

from pathlib import Path

import pytest

from uait.data.files import write_json
from uait.runs.files import JOB
from uait.runs.folder import find_run
from uait.runs.names import LONGEST, delete, label_of, rename


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "20260101-000000-tune"
    write_json(folder / JOB, {"verb": "tune", "settings": {}, "submitted": 0.0})
    return folder


def test_a_name_is_shown_before_the_folders_and_can_be_taken_away(run: Path) -> None:
    assert label_of(run) == run.name
    assert rename(run, "  rank 8,\n\tonce  more ") == "rank 8, once more"
    assert label_of(run) == f"rank 8, once more · {run.name}"
    assert rename(run, "   ") == "" and label_of(run) == run.name


def test_a_name_is_no_path_and_holds_nothing_invisible(run: Path) -> None:
    assert rename(run, "../../etc/passwd\u202e\u200b\x00") == "../../etc/passwd"
    assert sorted(path.name for path in run.parent.rglob("*")) == [run.name, JOB, "name.json"]
    assert find_run(run.parent, "../../etc/passwd") is None  # a run is found by its folder alone
    assert len(rename(run, "x" * 100_000)) == LONGEST


def test_a_damaged_name_is_none(run: Path) -> None:
    for text in ("{", "[1]", "3"):
        (run / "name.json").write_text(text)
        assert label_of(run) == run.name


def test_a_deleted_run_is_gone_and_its_neighbours_stay(run: Path) -> None:
    other = run.parent / "20260101-000001-tune"
    write_json(other / JOB, {"verb": "tune", "settings": {}, "submitted": 0.0})
    delete(run)
    assert not run.exists() and other.exists()
