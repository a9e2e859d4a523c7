"""What to do below the threshold: four things to do, counted by hand on ten questions."""

from typing import Any

import pytest

from uait.method.branches import ABSTAIN, ANYWAY, ESCALATE, RETRIEVE, branches
from uait.settings import EvaluateSettings

SETTINGS = EvaluateSettings(n_bootstrap=200)


def _row(spoken: float | None, right: bool, **more: Any) -> dict[str, Any]:
    read = {"answer": "x", "right": True, "given": True, "seconds": 0.5}
    uait = {"right": right, "confidences": {"UaIT spoken": spoken}}
    return {"split": "dev", "uait": uait, "read": read, "n_passages": 1, "is_familiar": None, **more}


def _asked(right: bool, given: bool = True) -> dict[str, Any]:
    return {"answer": "y", "right": right, "given": given, "seconds": 2.0, "cost": 0.001}


# Six are sure, five of them right; of the four below (one without a number) one is right, reading mends two and is kept
# back at one, the stronger model was asked twice, and was right once.
ROWS = [
    *[_row(0.9, True)] * 5,
    _row(0.9, False),
    _row(0.1, True, stronger=_asked(True)),
    _row(0.1, False, stronger=_asked(True, given=False)),
    _row(None, False, read={"answer": "x", "right": True, "given": False, "seconds": 0.5}),
    _row(0.1, False, read={"answer": "x", "right": False, "given": True, "seconds": 0.5}),
]
OTHERS = [_row(0.9, True, split="other"), {**_row(0.1, True), "uait": {"right": None, "confidences": {}}}]


def test_each_branch_is_counted_over_all_questions() -> None:
    found = {b.name: b for b in branches([*ROWS, *OTHERS], "dev", 0.5, SETTINGS)}
    assert list(found) == [ANYWAY, RETRIEVE, ESCALATE, ABSTAIN]
    assert {(b.n, b.n_below) for b in found.values()} == {(10, 4)}
    assert [b.n_tried for b in found.values()] == [4, 4, 2, 4]
    assert [b.answered[0] for b in found.values()] == pytest.approx([1.0, 0.9, 0.8, 0.6])
    # escalated: half of those asked was given and right, which stands for 2 of 4
    assert [b.right[0] for b in found.values()] == pytest.approx([0.6, 0.7, 0.7, 0.5])
    assert [b.accuracy and b.accuracy[0] for b in found.values()] == pytest.approx([0.6, 7 / 9, 7 / 8, 5 / 6])
    assert [b.seconds for b in found.values()] == [None, 0.5, 2.0, None]
    assert [b.cost for b in found.values()] == [None, None, 0.001, None]
    for b in found.values():
        for value in (b.answered, b.accuracy, b.right):
            assert value is not None and value[1] <= value[0] <= value[2]


def test_rows_of_an_older_evaluation_have_the_branches_that_they_can_tell() -> None:
    old = [{k: v for k, v in row.items() if k not in ("stronger", "is_familiar")} for row in ROWS]
    for row in old:
        row["read"] = {"answer": "x" if row["read"]["given"] else "", "right": row["read"]["right"]}
    found = {b.name: b for b in branches(old, "dev", 0.5, SETTINGS)}
    assert list(found) == [ANYWAY, RETRIEVE, ABSTAIN]
    assert found[RETRIEVE].answered[0] == pytest.approx(0.9) and found[RETRIEVE].seconds is None
    without = [{k: v for k, v in row.items() if k != "read"} for row in old]
    assert [b.name for b in branches(without, "dev", 0.5, SETTINGS)] == [ANYWAY, ABSTAIN]


def test_a_question_of_a_kind_never_measured_is_passed_on_however_sure() -> None:
    strange = [_row(0.9, True, is_familiar=False), _row(0.9, True)]
    abstain = branches(strange, "dev", 0.5, SETTINGS)[-1]
    assert (abstain.n_below, abstain.answered[0]) == (1, 0.5)


def test_at_the_ends_nothing_is_divided_by_nothing() -> None:
    sure = branches(ROWS[:5], "dev", 0.0, SETTINGS)
    assert [b.right for b in sure] == [(1.0, 1.0, 1.0)] * 4 and {b.n_tried for b in sure} == {0}
    unsure = branches(ROWS[6:], "dev", 0.5, SETTINGS)[-1]
    assert (unsure.answered[0], unsure.accuracy, unsure.right[0]) == (0.0, None, 0.0)
    assert branches(ROWS, "none", 0.5, SETTINGS) == ()
