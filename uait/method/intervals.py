"""How far ECE and the risk-coverage area could be off: 95 % percentile bootstrap intervals over the questions.

Source: Efron 1979. Drawing again adds noise to every bin, so an interval of ECE leans upwards: a small ECE may lie at
its lower end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from uait.settings import EvaluateSettings

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Intervals:
    """Both in [0, 1]; None without any question that has a confidence."""

    ece: Interval | None
    risk_coverage_area: Interval | None


def bootstrap_intervals(
    confidences: Sequence[float | None], correct: Sequence[bool], settings: EvaluateSettings
) -> Intervals:
    """Of one method on one set, N each; a question without a confidence is left out, as where they are measured."""
    scored = sorted((-c, bool(y)) for c, y in zip(confidences, correct, strict=True) if c is not None)
    if not scored:
        return Intervals(None, None)
    c, y = np.array([-negative for negative, _ in scored]), np.array([float(right) for _, right in scored])
    bins = np.minimum((c * settings.n_bins).astype(int), settings.n_bins - 1)
    starts, n = np.flatnonzero(np.diff(c, prepend=2.0)), len(c)  # of equal confidences, the surest first
    ranks = np.arange(1, n + 1)
    ece, area = np.empty(settings.n_bootstrap), np.empty(settings.n_bootstrap)
    rng = np.random.default_rng(settings.seed)
    for i in range(settings.n_bootstrap):
        times = np.bincount(rng.integers(n, size=n), minlength=n)
        ece[i] = np.abs(np.bincount(bins, weights=times * (y - c))).sum() / n
        n_equal, n_wrong = np.add.reduceat(times, starts), np.add.reduceat(times * (1 - y), starts)
        risk = np.repeat(n_wrong / np.maximum(n_equal, 1), n_equal)  # equals share their errors
        area[i] = np.mean(np.cumsum(risk) / ranks)
    return Intervals(_middle(ece), _middle(area))


def _middle(values: np.ndarray) -> Interval:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
