"""What can be read off the base's answer: a linear probe of its state there, and of how probable the answer was.

A student that learns right and wrong, or SAR, answer by answer stays a reading of the probability that it hears: one
noisy target an answer hides what else there is (docs/LOG.md). So it learns what the probe makes of these targets.
Linear probes of a model's truthfulness: Azaria & Mitchell 2023; of its samples' agreement: Kossen et al. 2024.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

FOLDS = 5
PENALTY = 500.0  # on the weights' squares, each feature having variance 1
# What is known before any answer is seen: that its probability matters. So few answers are enough to fit a probe.
TRUST, N_TRUSTED = 30.0, 2  # by which factor the columns of probability count, and how many there are


def features(states: np.ndarray, probabilities: Sequence[float]) -> np.ndarray:
    """Columns (N, 2 + hidden): log-odds and log of an answer's probability, and the base's state at its last token."""
    p = np.clip(probabilities, 1e-4, 1 - 1e-4)
    return np.column_stack([np.log(p / (1 - p)), np.log(p), states])


def fit(rows: np.ndarray, targets: ArrayLike, trust: float = TRUST) -> Any:
    """A logistic regression on these features; a target between 0 and 1 counts as that share of a right answer."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 -- takes 2 s to import
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import FunctionTransformer, StandardScaler  # noqa: PLC0415

    y = np.asarray(targets, dtype=float)
    trusts = FunctionTransformer(_trusting, kw_args={"trust": trust})
    probe = make_pipeline(StandardScaler(), trusts, LogisticRegression(C=1 / PENALTY, max_iter=1000))
    sides, shares = np.repeat([1, 0], len(y)), np.concatenate([y, 1 - y])
    return probe.fit(np.tile(rows, (2, 1)), sides, logisticregression__sample_weight=shares)


def _trusting(rows: np.ndarray, trust: float) -> np.ndarray:
    return np.column_stack([trust * rows[:, :N_TRUSTED], rows[:, N_TRUSTED:]])


def confidences(probe: Any, rows: np.ndarray) -> list[float]:
    """What the probe says of each answer (N,), in [0, 1]."""
    return probe.predict_proba(rows)[:, 1].tolist()


def smoothed(rows: np.ndarray, targets: ArrayLike, facts: Sequence[str], trust: float = TRUST) -> list[float]:
    """Each answer's target (N,) as a probe sees it that was fitted on the answers about other facts (cross-fitting).

    Raises ValueError with fewer than five facts.
    """
    from sklearn.model_selection import GroupKFold  # noqa: PLC0415 -- takes 2 s to import

    y = np.asarray(targets, dtype=float)
    found = np.zeros(len(y))
    for fitted, held_out in GroupKFold(FOLDS).split(rows, groups=list(facts)):
        found[held_out] = confidences(fit(rows[fitted], y[fitted], trust), rows[held_out])
    return found.tolist()
