from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uait.method.metrics import (
    auprc,
    auroc,
    auroc_interval,
    best_threshold,
    brier,
    budget_curve,
    ece,
    method_result,
    oracle_confidence,
    reliability,
    risk_coverage,
    risk_coverage_area,
    roc_curve,
    share_of_oracle_gain,
    threshold_sweep,
)
from uait.records.errors import DataError
from uait.settings import EvaluateSettings

ROWS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.75, 1.0]), st.booleans()), min_size=2, max_size=12)


def test_auroc_of_a_case_worked_by_hand() -> None:
    # right .9 .4, wrong .6 .4: pairs .9>.6 1, .9>.4 1, .4<.6 0, .4=.4 1/2 -> 2.5 / 4
    assert auroc([0.9, 0.4, 0.6, 0.4], [True, True, False, False]) == 0.625


def test_equal_confidences_tell_nothing_apart() -> None:
    assert auroc([0.5] * 4, [True, False, False, True]) == 0.5


@settings(max_examples=25)
@given(ROWS)
def test_auroc_counts_pairs_and_reverses_with_the_confidence(rows: list[tuple[float, bool]]) -> None:
    c, y = [r[0] for r in rows], [r[1] for r in rows]
    pairs = [(a > b) + (a == b) / 2 for a, right in rows for b, other in rows if right and not other]
    if not pairs:
        assert auroc(c, y) is None
        return
    assert auroc(c, y) == pytest.approx(np.mean(pairs))
    assert auroc([1 - v for v in c], y) == pytest.approx(1 - np.mean(pairs))


@settings(max_examples=25)
@given(ROWS, st.randoms())
def test_no_metric_depends_on_the_order_of_rows(rows: list[tuple[float, bool]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for metric in (auroc, auprc, brier, risk_coverage_area, lambda c, y: ece(c, y, 10)):
        one, other = (metric([r[0] for r in some], [r[1] for r in some]) for some in (rows, shuffled))
        assert one == pytest.approx(other)


def test_a_missing_class_gives_none_and_not_a_number() -> None:
    for correct in ([True, True], [False, False], []):
        confidence = [0.3, 0.6][: len(correct)]
        assert auroc(confidence, correct) is None
        assert auprc(confidence, correct) is None
        assert auroc_interval(confidence, correct, 20, 0) is None


def test_no_rows_give_none() -> None:
    assert brier([], []) is ece([], [], 10) is risk_coverage_area([], []) is None
    assert reliability([], [], 10) == ()


def test_the_interval_holds_auroc_and_repeats_with_its_seed() -> None:
    rng = np.random.default_rng(0)
    correct = rng.random(300) < 0.6
    confidence = np.clip(0.3 * correct + rng.random(300) * 0.7, 0, 1)
    low, high = auroc_interval(confidence, correct, 200, 1) or (0, 0)
    assert low < (auroc(confidence, correct) or 0) < high
    assert 0.02 < high - low < 0.2  # Hanley & McNeil's standard error here is about 0.026, so a width of about 0.1
    assert auroc_interval(confidence, correct, 200, 1) == (low, high) != auroc_interval(confidence, correct, 200, 2)


def test_the_interval_of_a_perfect_separation_is_one_to_one() -> None:
    assert auroc_interval([0.1, 0.2, 0.8, 0.9], [False, False, True, True], 50, 0) == (1.0, 1.0)


def test_auprc_of_a_case_worked_by_hand() -> None:
    # surest first: right (1/1), wrong, right (2/3) -> (1 + 2/3) / 2
    assert auprc([0.9, 0.8, 0.7], [True, False, True]) == pytest.approx(5 / 6)
    # all tied: precision 1/2 at the only step
    assert auprc([0.5, 0.5], [True, False]) == 0.5


def test_ece_and_brier_of_a_case_worked_by_hand() -> None:
    # bin .9-1: mean .95, accuracy 1/2 -> .45 * 2/4; bin .2-.3: mean .2, accuracy 0 -> .2 * 1/4; bin .5: |1-.5| * 1/4
    confidence, correct = [0.95, 0.95, 0.2, 0.5], [True, False, False, True]
    assert ece(confidence, correct, 10) == pytest.approx(0.225 + 0.05 + 0.125)
    # (.0025 + .9025 + .04 + .25) / 4
    assert brier(confidence, correct) == pytest.approx(0.29875)


def test_reliability_bins_are_half_open_and_leave_out_the_empty_ones() -> None:
    bins = reliability([0.0, 0.5, 0.5, 1.0], [False, True, False, True], 2)
    assert bins == ((0.0, 0.0, 1), (pytest.approx(2 / 3), pytest.approx(2 / 3), 3))


def test_risk_coverage_area_of_a_case_worked_by_hand() -> None:
    # surest first: right, wrong, wrong -> risks 0, 1/2, 2/3 -> mean 7/18
    assert risk_coverage_area([0.9, 0.8, 0.7], [True, False, False]) == pytest.approx(7 / 18)
    # one tie of a right and a wrong: in expectation half an error first, then one of two -> 1/2, 1/2
    assert risk_coverage_area([0.5, 0.5], [True, False]) == 0.5


def test_the_best_threshold_lies_half_way_across_the_gap() -> None:
    assert best_threshold([0.1, 0.3, 0.7, 0.9], [False, False, True, True]) == pytest.approx(0.5)


def test_of_equally_good_thresholds_the_most_careful_wins() -> None:
    # .9 right, .3 wrong, .2 right, .1 wrong. Trusting .9 only: half of the right, none of the wrong -> 3/4;
    # .3 too: 1/2 and half of the wrong -> 1/2; .2 too: 1 and 1/2 -> 3/4. Of the equals the higher: between .3 and .9
    assert best_threshold([0.1, 0.2, 0.3, 0.9], [False, True, False, True]) == pytest.approx(0.6)


def test_a_threshold_needs_both_classes() -> None:
    with pytest.raises(DataError, match="of 2 answers 2 are right"):
        best_threshold([0.1, 0.2], [True, True])


def test_a_method_result_counts_the_unscored_and_measures_the_rest() -> None:
    settings = EvaluateSettings(n_bootstrap=20)
    result = method_result("SAR", "in", [0.9, None, 0.1, 0.8], [True, True, False, False], settings)
    assert (result.n, result.n_unscored, result.accuracy) == (4, 1, 0.5)
    assert result.auroc == 1.0
    assert result.brier == pytest.approx((0.01 + 0.01 + 0.64) / 3)
    assert sum(count for _, _, count in result.reliability) == 3


def test_a_method_without_any_confidence_has_no_numbers() -> None:
    result = method_result("verbalized", "in", [None, None], [True, False], EvaluateSettings())
    assert (result.n_unscored, result.accuracy) == (2, 0.5)
    assert result.auroc is result.auroc_interval is result.ece is result.brier is result.risk_coverage_area is None


def test_a_sweep_answers_less_as_the_threshold_rises_and_never_without_confidence() -> None:
    sweep = threshold_sweep([0.9, 0.4, None, 0.6], [True, False, True, False], [0.0, 0.5, 0.9, 0.95])
    assert sweep["threshold"] == [0.0, 0.5, 0.9, 0.95]
    assert sweep["coverage"] == [0.75, 0.5, 0.25, 0.0]
    assert sweep["accuracy"] == [pytest.approx(1 / 3), 0.5, 1.0, None]
    # right gate decisions: t=0: only .9; t=.5: .9 and .4; t=.9: .9, .4, .6; t=.95: .4, .6
    assert sweep["gate_accuracy"] == [0.25, 0.5, 0.75, 0.5]


FIRST = [True, True, False, False]
SECOND = [True, False, True, True]  # looking up spoils the second and mends the last two


def test_the_least_confident_are_looked_up_first() -> None:
    # confidences .9 .8 .2 .1: after 0, 1, 2, 3, 4 look-ups 2, 3, 4, 3, 3 of 4 are right
    assert budget_curve([0.9, 0.8, 0.2, 0.1], FIRST, SECOND) == pytest.approx([0.5, 0.75, 1.0, 0.75, 0.75])


def test_looking_up_at_random_gains_in_proportion() -> None:
    # the whole gain is 1 of 4 questions, so a quarter of it each time
    assert budget_curve(None, FIRST, SECOND) == pytest.approx([0.5, 0.5625, 0.625, 0.6875, 0.75])


def test_the_oracle_mends_first_and_spoils_last() -> None:
    oracle = oracle_confidence(FIRST, SECOND)
    assert oracle == [0.5, 1.0, 0.0, 0.0]
    assert budget_curve(oracle, FIRST, SECOND) == pytest.approx([0.5, 0.75, 1.0, 1.0, 0.75])


def test_a_question_without_confidence_is_looked_up_first() -> None:
    assert budget_curve([0.9, 0.8, 0.0, None], FIRST, [True, True, False, True], (0.25,)) == [0.75]


def test_a_budget_between_two_questions_is_interpolated() -> None:
    assert budget_curve([0.9, 0.8, 0.2, 0.1], FIRST, SECOND, (0.125,)) == pytest.approx([0.625])


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), min_size=1, max_size=10))
def test_no_gate_beats_the_oracle_and_all_meet_at_the_ends(rows: list[tuple[float, bool, bool]]) -> None:
    confidence, first, second = (list(column) for column in zip(*rows, strict=True))
    curve, best = budget_curve(confidence, first, second), budget_curve(oracle_confidence(first, second), first, second)
    assert all(c <= b + 1e-9 for c, b in zip(curve, best, strict=True))
    assert curve[0] == pytest.approx(np.mean(first)) and curve[-1] == pytest.approx(np.mean(second))


def test_the_share_of_the_oracles_gain() -> None:
    # at one look-up of four: oracle +1/4; confidence finds a mended one +1/4; random 1/16; the spoiling one -1/4
    assert share_of_oracle_gain([0.9, 0.8, 0.2, 0.1], FIRST, SECOND) == pytest.approx(1.0)
    assert share_of_oracle_gain(None, FIRST, SECOND) == pytest.approx(0.25)
    assert share_of_oracle_gain([0.9, 0.0, 0.8, 0.7], FIRST, SECOND) == pytest.approx(-1.0)
    assert share_of_oracle_gain([0.9, 0.1], [True, True], [True, True]) is None


@pytest.mark.parametrize(
    ("confidence", "correct"), [([0.5], [True, False]), ([float("nan")], [True]), ([1.5], [True]), ([-1.0], [True])]
)
def test_confidences_that_are_no_confidences_are_refused(confidence: list[float], correct: list[bool]) -> None:
    with pytest.raises(DataError):
        auroc(confidence, correct)


def test_the_roc_curve_goes_up_by_the_right_and_right_by_the_wrong_and_its_area_is_the_auroc() -> None:
    c, right = [0.9, 0.8, 0.8, 0.1], [True, True, False, False]
    # from the surest on: one right of two; then one of each at the same number; then the other wrong one
    assert roc_curve(c, right) == [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(roc_curve(c, right)))
    assert area == pytest.approx(auroc(c, right))
    assert roc_curve([0.5, 0.6], [True, True]) == []


def test_the_risk_rises_by_the_errors_among_the_surest_and_equals_share_theirs() -> None:
    # surest first: right; then a right and a wrong one at the same number, half an error each; then a wrong one
    curve = risk_coverage([0.9, 0.5, 0.5, 0.1], [True, True, False, False])
    assert [coverage for coverage, _ in curve] == [0.25, 0.5, 0.75, 1.0]
    assert [risk for _, risk in curve] == pytest.approx([0.0, 0.25, 1 / 3, 0.5])
    assert risk_coverage([], []) == []
