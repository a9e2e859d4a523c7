"""Labels as the page gets them: counted by confidence, and sorted by the same rule as `distil`."""

import pytest

from uait.method.distillation import distil
from uait.method.prompts import target_text
from uait.page.views import labels as labels_view
from uait.records import Label, Question, Reason
from uait.settings import DistilSettings


def _label(name: str, confidence: float | None, is_right: bool | None, reference: str | None = "x") -> Label:
    references = () if reference is None else (reference,)
    reason = Reason.EMPTY if confidence is None else None
    return Label(Question(name, f"{name}?", references), "said", confidence, confidence, None, is_right, reason)


LABELS = (
    _label("knows", 0.9, True),
    _label("lucky", 0.2, True),
    _label("edge", 0.5, True),
    _label("mistaken", 0.5, False),
    _label("doubts", 0.1, False),
    _label("invented", 0.3, False, reference=None),
    _label("unknown", 0.4, None, reference=None),
    _label("unscored", None, True),
)


@pytest.mark.parametrize("right", [0.0, 0.5, 0.91])
@pytest.mark.parametrize("wrong", [0.11, 0.5, 0.51, 1.0])
def test_the_points_sorted_by_two_thresholds_are_what_distil_keeps(right: float, wrong: float) -> None:
    settings = DistilSettings(keep_right_from=right, keep_wrong_below=None if wrong == 1.0 else wrong, dev_fraction=0.2)
    drawn = labels_view.distilling(LABELS, settings)
    kept = [
        p
        for p in drawn["points"]
        if not p["left_out"] and (p["confidence"] >= right if p["right"] else wrong == 1.0 or p["confidence"] < wrong)
    ]
    found = distil(LABELS, settings)
    assert sum(p["right"] for p in kept) == found.kept["right"]
    assert sum(not p["right"] for p in kept) == found.kept["wrong"]
    assert {p["taught"] for p in kept if not p["is_dev"]} == {target_text(e.answer, e.confidence) for e in found.train}
    left_out = [p["left_out"] for p in drawn["points"] if p["left_out"]]
    assert sorted(left_out) == ["no reference answer", "unscored: empty answer"]
    assert {reason: found.dropped[reason] for reason in left_out} == dict.fromkeys(left_out, 1)
    assert drawn["left_out"] == f"Left out in any case: 1 {left_out[0]}, 1 {left_out[1]}."


def test_recorded_labels_say_where_they_come_from() -> None:
    assert labels_view.distilling(LABELS, DistilSettings(), "Recorded.")["recorded"] == "Recorded."
