"""The recorded small run: read back as it was written, and what it promises of the embedded model."""

from pathlib import Path

import pytest

from tests.browser import tiny_lab
from uait.data.files import write_json
from uait.embedded.pocket import small_run
from uait.records import Question
from uait.records.errors import DataError
from uait.settings import POCKET, preset, small_tuning


def test_a_recorded_run_is_read_back_as_it_was_written_and_none_is_made_up(tmp_path: Path) -> None:
    run = tiny_lab.recorded_run()
    write_json(tmp_path / "run.json", run)
    assert small_run.recorded(tmp_path / "run.json") == run
    assert small_run.recorded(tmp_path / "none.json") is None
    write_json(tmp_path / "other.json", {"command": "?"})
    with pytest.raises(DataError, match="SmallRun"):
        small_run.recorded(tmp_path / "other.json")


def test_the_same_questions_are_picked_for_the_same_seed_and_all_where_there_are_few() -> None:
    questions = [Question(str(i), f"{i}?") for i in range(20)]
    assert small_run.picked(questions, 5, 10) == small_run.picked(questions, 5, 10)
    assert small_run.picked(questions, 5, 10) != small_run.picked(questions, 5, 11)
    assert len(small_run.picked(questions, 99, 10)) == 20


def test_it_is_made_with_what_the_page_fills_in() -> None:
    chosen = small_run.settings()
    assert chosen.tune == small_tuning(preset("pocket").tune)
    assert chosen.sampling.batch_size == small_run.BATCH


def test_no_question_that_may_be_tuned_on_is_held_out() -> None:
    tuned, held_out = small_run.embedded_questions(), small_run.held_out_questions()
    assert len(tuned) > 1000 and len(held_out) > small_run.N_HELD_OUT
    assert not {q.text for q in tuned} & {q.text for q in held_out}


@pytest.mark.skipif(not (POCKET / small_run.FILE).exists(), reason="no small run was recorded with this model")
def test_the_shipped_run_keeps_its_bars() -> None:
    run = small_run.recorded()
    assert run is not None and run.command == small_run.COMMAND
    assert run.seconds["label the first 64"] <= 20.0
    assert run.seconds["tune"] <= 120.0
    auroc = {row["method"]: row["auroc"] for row in run.results}
    assert max(auroc["after"], auroc["expected"]) >= (auroc["before"] or 0.5) + 0.10
    assert {row["n"] for row in run.results} == {len(small_run.held_out_questions())}
