"""Which of two confidences ranks better, asked on the same questions: two rankings in, a difference of AUROC out."""

from dataclasses import dataclass

import numpy as np

from uait.method.metrics import reweighted_auroc


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
    first, second = reweighted_auroc(*one.arrays()), reweighted_auroc(*other.arrays())

    def difference(times: np.ndarray) -> float | None:
        a, b = first(times), second(times)
        return None if a is None or b is None else a - b

    n = len(one.right)
    measured = difference(np.ones(n))
    if measured is None:
        return None
    draws = np.random.default_rng(seed).integers(n, size=(n_bootstrap, n))
    drawn = [difference(np.bincount(draw, minlength=n).astype(float)) for draw in draws]
    low, high = np.percentile([value for value in drawn if value is not None], [2.5, 97.5])
    return measured, float(low), float(high)
