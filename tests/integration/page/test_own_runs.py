"""Naming, comparing and deleting runs: one's own alone, by raw calls too."""

import os
import signal
from pathlib import Path

import pytest

from tests.browser import tiny_lab
from uait.data.files import write_json
from uait.page import run_compare
from uait.page.run_actions import EVERY, SELDOM, choices_of, look, own
from uait.page.tabs import tune as tune_tab
from uait.page.tabs.own_runs import NOT_YOURS, namer, remover
from uait.runs import jobs, visitors
from uait.runs.names import label_of
from uait.settings import Settings, TuneSettings, to_dict


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A run on a Space, and its visitor."""
    monkeypatch.setenv("SPACE_ID", "someone/uait")
    monkeypatch.setenv("UAIT_RUNS", str(tmp_path / "runs"))
    visitor = visitors.admit(None)
    return tiny_lab.tunable_run(Settings(), visitors.runs_of(visitor)), visitor


def test_nobody_names_compares_or_deletes_another_visitors_run(mine: tuple[Path, str], tmp_path: Path) -> None:
    run, visitor = mine
    other = visitors.admit(None)
    (tmp_path / "runs" / other).mkdir()
    for name in (run.name, f"../{visitor}/{run.name}", str(run), f"{visitor}/{run.name}"):
        assert own(namer)(name, "mine now", other) == NOT_YOURS
        assert own(remover)(name, other) == NOT_YOURS
        assert run_compare.labellings(visitors.runs_of(other), [name, name])["parts"] == []
        assert own(remover)(name, "..") == NOT_YOURS
    assert run.exists() and label_of(run) == run.name

    assert own(namer)(run.name, "first try", visitor) == "Named: first try"
    assert choices_of(run.parent, [run.name]) == [(f"first try · {run.name} (a tuning, with its examples)", run.name)]
    labels = "20260101-000000-label"
    assert choices_of(run.parent, [labels]) == [(labels, labels)]
    assert own(remover)(run.name, visitor).startswith("Deleted")
    assert not run.exists()


def test_a_run_is_deleted_while_its_job_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UAIT_RUNS", str(tmp_path / "runs"))
    run = tiny_lab.tunable_run(Settings(), tmp_path / "runs")
    jobs.start(run, "tune", Settings())
    pid = int((run / jobs.PID).read_text())
    assert look(run.parent, None, [run.name], run.name, lambda _: None, run.name).timer["value"] == EVERY
    assert own(remover)(run.name, "").startswith("Deleted")
    assert not run.exists()
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(pid, signal.SIGKILL)  # it is gone, or a zombie that its starter is about to see off
            jobs.time.sleep(0.05)


def test_a_look_that_comes_late_leaves_the_menu_where_a_button_has_put_it(tmp_path: Path) -> None:
    run = tiny_lab.tunable_run(Settings(), tmp_path)

    def looked(name: str, chosen: str | None) -> dict[str, object]:
        now = look(tmp_path, None, [run.name], name, lambda folder: folder.name, chosen, ["recorded"])
        assert now.timer["value"] == SELDOM  # no job is under way
        return now.menu

    # begun before the new run was chosen; its answer may come after that
    late = looked("recorded", "recorded")
    assert (
        late["choices"] == [("recorded", "recorded"), (f"{run.name} (a tuning, with its examples)", run.name)]
        and "value" not in late
    )
    assert looked(run.name, None)["value"] == run.name  # nothing was chosen yet


def test_the_newest_labels_are_what_one_tunes_on_and_a_tuning_under_way_is_what_one_sees(tmp_path: Path) -> None:
    names = ["3-tune", "2-label", "1-label"]
    assert tune_tab._newest(tmp_path, names, None) == "2-label"
    assert tune_tab._newest(tmp_path, names, {"names": names}) is None
    assert tune_tab._newest(tmp_path, names, {"names": names[1:]}) == "3-tune"
    assert tune_tab._newest(tmp_path, names[:1], None) == "3-tune"


def test_runs_in_their_folders_are_compared_with_the_recorded_one(tmp_path: Path) -> None:
    run = tiny_lab.tunable_run(Settings(), tmp_path)
    write_json(
        run / "job.json", {"verb": "tune", "submitted": 0.0, "settings": {"tune": to_dict(TuneSettings(rank=8))}}
    )
    (run / "adapter").mkdir()
    (run / "adapter" / "log.jsonl").write_text('{"step": 1, "loss": 1.5, "learning_rate": 0.1, "seconds": 2.0}\n')
    recorded = "recorded", tiny_lab.recorded_run()
    shown = run_compare.tunings(tmp_path, [run.name, "recorded", "gone"], recorded)
    heads, rows = shown["parts"][2]["table"]["heads"], shown["parts"][2]["table"]["rows"]
    assert heads[1] == "Rank" and [row[0] for row in rows] == [{"text": run.name, "is_data": True}, "recorded"]
    labelled = tmp_path / "20260101-000000-label"
    assert len(run_compare.labellings(tmp_path, [labelled.name, run.name])["parts"]) == 4
