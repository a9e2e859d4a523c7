"""Bootstrap intervals of ECE and of the risk-coverage area: of the same measures, whatever the order of the rows."""

import numpy as np
import pytest

from uait.method import metrics
from uait.method.intervals import Intervals, bootstrap_intervals
from uait.settings import EvaluateSettings

SETTINGS = EvaluateSettings(n_bootstrap=200)


def _rows(n: int, digits: int = 2) -> tuple[list[float | None], list[bool]]:
    rng = np.random.default_rng(0)
    sure = rng.uniform(size=n).round(digits)
    return sure.tolist(), (rng.uniform(size=n) < sure**2).tolist()


def test_they_are_those_of_the_measures_drawn_again() -> None:
    c, right = _rows(60, digits=1)  # with ties
    found = bootstrap_intervals(c, right, SETTINGS)
    order = sorted(range(60), key=lambda i: (-(c[i] or 0.0), right[i]))
    rng, ece, area = np.random.default_rng(SETTINGS.seed), [], []
    for _ in range(SETTINGS.n_bootstrap):
        drawn = [order[i] for i in rng.integers(60, size=60)]
        again = [c[i] for i in drawn], [right[i] for i in drawn]
        ece.append(metrics.ece(*again, SETTINGS.n_bins))
        area.append(metrics.risk_coverage_area(*again))
    assert found.ece == pytest.approx(np.percentile(ece, [2.5, 97.5]))
    assert found.risk_coverage_area == pytest.approx(np.percentile(area, [2.5, 97.5]))


def test_more_questions_narrow_them_and_the_order_of_rows_moves_nothing() -> None:
    few, many = (bootstrap_intervals(*_rows(n), SETTINGS) for n in (50, 800))
    for key in ("ece", "risk_coverage_area"):
        (low, high), (least, most) = getattr(few, key), getattr(many, key)
        assert most - least < 0.5 * (high - low)
    c, right = _rows(50)
    assert bootstrap_intervals(c[::-1], right[::-1], SETTINGS) == few


def test_a_question_without_a_confidence_is_left_out() -> None:
    c, right = _rows(50)
    assert bootstrap_intervals([*c, None], [*right, True], SETTINGS) == bootstrap_intervals(c, right, SETTINGS)
    assert bootstrap_intervals([None], [True], SETTINGS) == Intervals(None, None)
