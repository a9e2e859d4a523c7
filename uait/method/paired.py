"""Which of two confidences ranks better, asked on the same questions: two rankings in, a difference of AUROC out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from uait.method.metrics import auroc


@dataclass(frozen=True, slots=True)
class Ranking:
    """Per question, N in the same order for both rankings: the confidence in [0, 1], and whether the answer is right.

    A missing confidence is None: it ranks last.
    """

    confidence: list[float | None]
    right: list[bool]

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Both as arrays (N,), a missing confidence as 0."""
        return np.array([c or 0.0 for c in self.confidence]), np.array(self.right, dtype=bool)


def auroc_difference(one: Ranking, other: Ranking, n_bootstrap: int, seed: int) -> tuple[float, float, float] | None:
    """AUROC of one minus the other's, and its 95 % percentile bootstrap interval over the questions, drawn together.

    Source: Efron 1979, on paired differences. Resamples that miss a class are left out. None when a class is missing.
    """
    (c, right), (d, other_right) = one.arrays(), other.arrays()
    difference = _difference(c, right, d, other_right)
    if difference is None:
        return None
    rng, n = np.random.default_rng(seed), len(c)
    drawn = [_difference(c[i], right[i], d[i], other_right[i]) for i in rng.integers(n, size=(n_bootstrap, n))]
    low, high = np.percentile([value for value in drawn if value is not None], [2.5, 97.5])
    return difference, float(low), float(high)


def _difference(c: ArrayLike, right: ArrayLike, d: ArrayLike, other_right: ArrayLike) -> float | None:
    first, second = auroc(c, right), auroc(d, other_right)
    return None if first is None or second is None else first - second
