"""How well a confidence tells right from wrong: confidence (N,) in [0, 1] and correct (N,) -> numbers.

Numpy only; parity with scikit-learn is tested. What is undefined (one class missing, no rows) is None, never NaN.
Ties are settled in expectation, as if equal confidences came in random order: no result depends on the order of rows.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from uait.records import MethodResult
from uait.records.errors import DataError
from uait.settings import EvaluateSettings

BUDGETS = (0.0, 0.25, 0.5, 0.75, 1.0)


def auroc(confidence: ArrayLike, correct: ArrayLike) -> float | None:
    """The probability that a right answer has the higher confidence of a right and a wrong one, ties counting half.

    AUROC = P(c+ > c-) + P(c+ = c-) / 2. Source: Hanley & McNeil 1982. None when one class is missing.
    """
    c, right = _checked(confidence, correct)
    starts, order = _groups(c)
    return _auroc_of_counts(*_class_counts(right[order], np.ones(len(c)), starts))


def auroc_interval(
    confidence: ArrayLike, correct: ArrayLike, n_bootstrap: int, seed: int
) -> tuple[float, float] | None:
    """The 95 % percentile bootstrap interval of AUROC over questions; None when one class is missing.

    Source: Efron 1979. Resamples that miss a class are left out.
    """
    c, right = _checked(confidence, correct)
    if not right.any() or right.all():
        return None
    rng, n = np.random.default_rng(seed), len(c)
    order = np.lexsort((right, c))  # also among equals, so that the draws do not depend on the order of rows
    c, right = c[order], right[order]
    starts, _ = _groups(c)
    values: list[float] = []
    for _ in range(n_bootstrap):
        times_drawn = np.bincount(rng.integers(n, size=n), minlength=n).astype(float)
        value = _auroc_of_counts(*_class_counts(right, times_drawn, starts))
        if value is not None:
            values.append(value)
    if not values:
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def reweighted_auroc(confidence: ArrayLike, correct: ArrayLike) -> Callable[[np.ndarray], float | None]:
    """AUROC as a function of how often each question counts, (N,): what a bootstrap asks again and again."""
    c, right = _checked(confidence, correct)
    starts, order = _groups(c)
    ordered = right[order]
    return lambda times: _auroc_of_counts(*_class_counts(ordered, times[order], starts))


def auprc(confidence: ArrayLike, correct: ArrayLike) -> float | None:
    """Average precision of "right" ranked by confidence: sum_g (recall_g - recall_{g-1}) precision_g, surest first.

    Source: the step-wise average precision of Davis & Goadrich 2006, no interpolation. None when one class is missing.
    """
    c, right = _checked(confidence, correct)
    if not right.any() or right.all():
        return None
    starts, order = _groups(c)
    n_right, n_wrong = (counts[::-1] for counts in _class_counts(right[order], np.ones(len(c)), starts))
    precision = np.cumsum(n_right) / np.cumsum(n_right + n_wrong)
    return float(np.dot(n_right / n_right.sum(), precision))


def reliability(confidence: ArrayLike, correct: ArrayLike, n_bins: int) -> tuple[tuple[float, float, int], ...]:
    """Per non-empty bin of equal width, lowest first: mean confidence, accuracy, count.

    Bin b of B holds b/B <= c < (b+1)/B; c = 1 belongs to the last. Source: DeGroot & Fienberg 1983.
    """
    c, right = _checked(confidence, correct)
    bins = np.minimum((c * n_bins).astype(int), n_bins - 1)
    inside = [bins == b for b in np.unique(bins)]
    return tuple((float(c[m].mean()), float(right[m].mean()), int(m.sum())) for m in inside)


def ece(confidence: ArrayLike, correct: ArrayLike, n_bins: int) -> float | None:
    """Expected calibration error in [0, 1]: sum_b (n_b / N) |accuracy_b - mean confidence_b|; None without rows.

    Source: Naeini et al. 2015; n_b, accuracy_b, mean confidence_b are |B_m|, acc(B_m), conf(B_m) of Guo et al. 2017.
    """
    bins = reliability(confidence, correct, n_bins)
    total = sum(count for _, _, count in bins)
    return sum(count * abs(accuracy - mean) for mean, accuracy, count in bins) / total if total else None


def brier(confidence: ArrayLike, correct: ArrayLike) -> float | None:
    """Brier score in [0, 1], lower is better: (1/N) sum_n (c_n - y_n)^2, y_n = 1 when right; None without rows.

    Source: Brier 1950, its two-class form halved.
    """
    c, right = _checked(confidence, correct)
    return float(np.mean((c - right) ** 2)) if len(c) else None


def roc_curve(confidence: ArrayLike, correct: ArrayLike) -> list[tuple[float, float]]:
    """Per distinct confidence as a threshold, highest first: the shares of wrong and of right answers let through.

    From (0, 0) to (1, 1); empty when all answers are right, or all wrong. Its area is `auroc`. Source: Fawcett 2006.
    """
    c, right = _checked(confidence, correct)
    if not right.any() or right.all():
        return []
    starts, order = _groups(c)
    passed = [np.cumsum(counts[::-1]) for counts in _class_counts(right[order], np.ones(len(c)), starts)]
    of_right, of_wrong = (counts / counts[-1] for counts in passed)
    return [(0.0, 0.0), *((float(w), float(r)) for w, r in zip(of_wrong, of_right, strict=True))]


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> list[tuple[float, float]]:
    """After each question, surest first: the share of questions answered, and the share of these that are wrong.

    Equal confidences share their errors. Source: Geifman, Uziel & El-Yaniv 2019.
    """
    c, right = _checked(confidence, correct)
    if not len(c):
        return []
    n = np.arange(1, len(c) + 1)
    risk = np.cumsum(_tie_means(c, 1.0 - right)[::-1]) / n
    return [(float(coverage), float(share)) for coverage, share in zip(n / len(c), risk, strict=True)]


def risk_coverage_area(confidence: ArrayLike, correct: ArrayLike) -> float | None:
    """Area under the risk-coverage curve in [0, 1], lower is better; None without rows.

    AURC = (1/N) sum_n (errors among the n surest) / n. Source: Geifman, Uziel & El-Yaniv 2019.
    """
    curve = risk_coverage(confidence, correct)
    return float(np.mean([risk for _, risk in curve])) if curve else None


def best_threshold(confidence: ArrayLike, correct: ArrayLike) -> float:
    """The threshold that best separates right from wrong: highest balanced accuracy of "trust when c >= threshold".

    (share of the right trusted + share of the wrong not trusted) / 2 = (1 + Youden's J) / 2; source: Youden 1950.
    Tried half-way between neighbouring confidences; of equals the highest, which trusts least.
    Raises DataError when a class is missing.
    """
    c, right = _checked(confidence, correct)
    n_right = int(right.sum())
    if n_right in (0, len(c)):
        raise DataError(
            f"A threshold needs right and wrong answers; of {len(c)} answers {n_right} are right. Use more questions."
        )
    values = np.unique(c)
    candidates = np.concatenate([values[:1], (values[:-1] + values[1:]) / 2])
    balanced = balanced_accuracy(c, right, candidates)
    return float(candidates[np.flatnonzero(balanced >= balanced.max() - 1e-12)[-1]])


def balanced_accuracy(confidence: ArrayLike, correct: ArrayLike, thresholds: ArrayLike) -> np.ndarray:
    """Of trusting from each threshold on (T,): (share of the right trusted + share of the wrong not trusted) / 2."""
    c, right = _checked(confidence, correct)
    trusted = c >= np.asarray(thresholds, dtype=float)[:, np.newaxis]
    return (trusted[:, right].mean(axis=1) + (~trusted[:, ~right]).mean(axis=1)) / 2


def method_result(
    method: str, split: str, confidences: Sequence[float | None], correct: Sequence[bool], settings: EvaluateSettings
) -> MethodResult:
    """Every number of one method on one question set.

    `n` and `accuracy` are over all questions; the rest over those with a confidence, `n_unscored` counting the others.
    """
    if len(confidences) != len(correct):
        raise DataError(f"{method}: {len(confidences)} confidences for {len(correct)} answers; they must line up.")
    if not correct:
        raise DataError(f"{method}: there are no questions in {split!r}; give at least one.")
    scored = [(c, y) for c, y in zip(confidences, correct, strict=True) if c is not None]
    c, y = np.array([pair[0] for pair in scored], dtype=float), np.array([pair[1] for pair in scored], dtype=bool)
    return MethodResult(
        method=method,
        split=split,
        n=len(correct),
        n_unscored=len(correct) - len(scored),
        accuracy=float(np.mean(correct)),
        auroc=auroc(c, y),
        auroc_interval=auroc_interval(c, y, settings.n_bootstrap, settings.seed),
        auprc=auprc(c, y),
        ece=ece(c, y, settings.n_bins),
        brier=brier(c, y),
        risk_coverage_area=risk_coverage_area(c, y),
        reliability=reliability(c, y, settings.n_bins),
    )


def threshold_sweep(
    confidence: Sequence[float | None], correct: Sequence[bool], thresholds: Sequence[float]
) -> dict[str, list[Any]]:
    """Per threshold, as columns: the share of questions answered, their accuracy, and how often the gate is right.

    `coverage` in [0, 1]; `accuracy` of the answered, None when none is; `gate_accuracy`, the share of all questions
    where a right answer was trusted or a wrong one looked up. A question without a confidence is never answered.
    """
    c, right = _checked(_ranks(confidence), correct, low=-1.0)
    columns: dict[str, list[Any]] = {"threshold": [], "coverage": [], "accuracy": [], "gate_accuracy": []}
    for threshold in thresholds:
        trusted = c >= threshold
        columns["threshold"].append(float(threshold))
        columns["coverage"].append(float(trusted.mean()) if len(c) else None)
        columns["accuracy"].append(float(right[trusted].mean()) if trusted.any() else None)
        columns["gate_accuracy"].append(float((trusted == right).mean()) if len(c) else None)
    return columns


def oracle_confidence(first_correct: Sequence[bool], second_correct: Sequence[bool]) -> list[float]:
    """The confidence of a gate that knows what looking up brings: 0 where it mends, 1 where it spoils, else 0.5."""
    pairs = zip(first_correct, second_correct, strict=True)
    return [(1 + int(first) - int(second)) / 2 for first, second in pairs]


def budget_curve(
    confidence: Sequence[float | None] | None,
    first_correct: Sequence[bool],
    second_correct: Sequence[bool],
    budgets: Sequence[float] = BUDGETS,
) -> list[float]:
    """Accuracy when the given share of the questions, the least confident first, is looked up.

    `first_correct` without and `second_correct` with retrieval, N each. `confidence` None looks up at random (the
    expected accuracy); for the oracle pass `oracle_confidence`. Questions without a confidence are looked up first.
    Source: UaIT (EMNLP 2024), retrieval for the least confident share.
    """
    first, second = np.asarray(first_correct, dtype=float), np.asarray(second_correct, dtype=float)
    n = len(first)
    c, _ = _checked(np.zeros(n) if confidence is None else _ranks(confidence), first_correct, low=-1.0)
    if n == 0 or len(second) != n:
        raise DataError(f"{n} first and {len(second)} second answers; both are needed for every question.")
    gains = np.concatenate([[0.0], np.cumsum(_tie_means(c, second - first))])
    return [float(first.mean() + np.interp(budget * n, np.arange(n + 1), gains) / n) for budget in budgets]


def share_of_oracle_gain(
    confidence: Sequence[float | None] | None, first_correct: Sequence[bool], second_correct: Sequence[bool]
) -> float | None:
    """The gain in accuracy, a quarter looked up, over the oracle's; None when looking up gains the oracle nothing."""
    base, reached = budget_curve(confidence, first_correct, second_correct, (0.0, 0.25))
    best = budget_curve(oracle_confidence(first_correct, second_correct), first_correct, second_correct, (0.25,))[0]
    return (reached - base) / (best - base) if best - base > 1e-12 else None


def _checked(confidence: ArrayLike, correct: ArrayLike, low: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays (float, bool). Raises DataError when they don't line up or a confidence is out of range."""
    c, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=bool)
    if c.shape != right.shape or c.ndim != 1:
        raise DataError(f"Confidences of shape {c.shape} and correctness of shape {right.shape} do not line up.")
    outside = c[~((c >= low) & (c <= 1.0))]
    if len(outside):
        raise DataError(f"A confidence is {outside[0]}; it must lie between 0 and 1, or be None where it is allowed.")
    return c, right


def _ranks(confidence: Sequence[float | None]) -> np.ndarray:
    """Confidences with -1 for a missing one: only their order is used, and a missing one comes first."""
    return np.array([-1.0 if c is None else c for c in confidence], dtype=float)


def _groups(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each run of equal confidences starts in ascending order, and that order."""
    order = np.argsort(c, kind="stable")
    ordered = c[order]
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(c)]), order


def _class_counts(right: np.ndarray, weight: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weight of right and of wrong answers per run of equal confidences."""
    if not len(right):
        return np.zeros(0), np.zeros(0)
    return np.add.reduceat(weight * right, starts), np.add.reduceat(weight * ~right, starts)


def _auroc_of_counts(n_right: np.ndarray, n_wrong: np.ndarray) -> float | None:
    total = n_right.sum() * n_wrong.sum()
    if total == 0:
        return None
    wrong_below = np.cumsum(n_wrong) - n_wrong
    return float(np.dot(n_right, wrong_below + n_wrong / 2) / total)


def _tie_means(c: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values` in ascending order of confidence, each replaced by the mean over its equals."""
    starts, order = _groups(c)
    sizes = np.diff(np.append(starts, len(c)))
    return np.repeat(np.add.reduceat(values[order], starts) / sizes, sizes)
