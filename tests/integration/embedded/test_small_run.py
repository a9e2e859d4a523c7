"""The recorded small runs: what they promise of their models, and that they are what the page would do."""

from pathlib import Path

import pytest

from tests.browser import tiny_lab
from uait.data.catalogue import Description, describe, preset, small
from uait.data.files import write_json
from uait.embedded import small_run
from uait.embedded.pocket.small_run import PLAN as POCKET
from uait.embedded.small_run import Plan
from uait.embedded.smollm2.small_run import PLAN as SMOLLM2
from uait.records import Question
from uait.records.errors import DataError
from uait.stages.evaluate import drawn
from uait.stages.report import IN_DOMAIN


@pytest.fixture(scope="module")
def pocket() -> Description:
    description = describe("pocket")
    assert description is not None
    return description


def test_a_recorded_run_is_read_back_as_it_was_written_and_none_is_made_up(tmp_path: Path) -> None:
    def description() -> Description:
        return Description("tiny", "tiny", "make", {}, folder=tmp_path)

    assert description().small_run is None
    run = tiny_lab.recorded_run()
    write_json(tmp_path / "small_run.json", run)
    assert description().small_run == run
    write_json(tmp_path / "small_run.json", {"command": "?"})
    with pytest.raises(DataError, match=r"small_run\.json: SmallRun"):
        assert description().small_run


def test_the_same_questions_are_drawn_for_the_same_seed_and_all_where_there_are_few() -> None:
    questions = [Question(str(i), f"{i}?") for i in range(20)]
    assert drawn(questions, 5, 10) == drawn(questions, 5, 10) != drawn(questions, 5, 11)
    assert len(drawn(questions, 99, 10)) == 20


@pytest.mark.parametrize("plan", [POCKET, SMOLLM2], ids=lambda plan: plan.model)
def test_it_is_made_with_what_the_page_fills_in(plan: Plan) -> None:
    chosen, page = small_run.settings(plan.model), small(preset(plan.model))
    assert (chosen.tune, chosen.sampling, chosen.label) == (page.tune, page.sampling, page.label)


@pytest.mark.parametrize("plan", [POCKET, SMOLLM2], ids=lambda plan: plan.model)
def test_no_question_that_may_be_tuned_on_is_held_out_or_chosen_by(plan: Plan) -> None:
    tuned = {question.text for question in plan.description.tuning_questions}
    held_out, dev = plan.held_out(), plan.held_out(on_dev=True)
    assert len(tuned) > 1000 and len(held_out) >= 64 and len(dev) >= 64
    assert not tuned & {question.text for question in (*held_out, *dev)}
    assert not {question.text for question in held_out} & {question.text for question in dev}


def test_the_pockets_run_keeps_its_bars(pocket: Description) -> None:
    run = pocket.small_run
    assert run is not None and run.command == POCKET.command
    assert run.seconds["label the first 64"] <= 20.0
    assert run.seconds["tune"] <= 120.0
    auroc = {row["method"]: row["auroc"] for row in run.results}
    assert max(auroc["after"], auroc["expected"]) >= (auroc["before"] or 0.5) + 0.10
    assert {row["n"] for row in run.results} == {len(pocket.held_out[IN_DOMAIN])}
