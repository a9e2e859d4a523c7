"""From a score to a frequency: confidences + right or wrong -> a rising curve, fitted on held-out questions.

Why before tuning: a model that learns to speak a calibrated number needs no calibration afterwards.
Knows nothing about how the confidence was made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from uait.records import Label
from uait.records.errors import DataError, SettingsError
from uait.settings import LabelSettings

LOWEST, HIGHEST = 0.001, 0.999  # a finite slice never proves certainty


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted map from confidence to frequency, plain numbers, and the number of questions it was fitted on.

    'isotonic': the corners of a rising polyline, `xs` confidences, `ys` frequencies, both in [0, 1].
    'platt': `xs` holds the slope and `ys` the intercept of a logistic curve over log(c / (1-c)).
    """

    kind: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    n: int

    def __post_init__(self) -> None:
        if not self.xs or len(self.xs) != len(self.ys):
            raise DataError(f"A calibration has {len(self.xs)} xs and {len(self.ys)} ys; they must line up.")
        if self.kind == "isotonic" and any(b < a for values in (self.xs, self.ys) for a, b in pairwise(values)):
            raise DataError("An isotonic calibration falls somewhere; fit it again.")


@dataclass(frozen=True, slots=True)
class CalibratedLabels:
    """The labels to distil, without the held-out ones; the curve, or None; the ids that it was fitted on."""

    labels: tuple[Label, ...]
    calibration: Calibration | None
    held_out_ids: tuple[str, ...]


def fit_calibration(confidences: ArrayLike, correct: ArrayLike, kind: str) -> Calibration:
    """The curve of this kind, 'isotonic' or 'platt', through confidences and right or wrong answers.

    isotonic: the rising step-wise-linear f that minimises sum_n (f(c_n) - y_n)^2; source: Zadrozny & Elkan 2002.
    platt: f(c) = 1 / (1 + exp(-(a log(c/(1-c)) + b))), a, b by maximum likelihood with the targets drawn in to
    (N+ + 1)/(N+ + 2) and 1/(N- + 2); source: Platt 1999, his f the log-odds here, his A, B our -a, -b.
    Raises DataError when a class is missing or confidence does not rise with correctness.
    """
    if kind not in ("isotonic", "platt"):
        raise SettingsError(f"label.calibrate is {kind!r}; choose one of none, isotonic, platt.")
    c, right = np.asarray(confidences, dtype=float), np.asarray(correct, dtype=bool)
    n_right = int(right.sum())
    if n_right in (0, len(c)):
        raise DataError(
            f"Calibrating needs right and wrong answers; of {len(c)} held-out answers {n_right} are right. "
            "Label more questions, or set label.calibrate to none."
        )
    if kind == "platt":
        slope, intercept = _platt(c, right)
        if slope <= 0.0:
            raise DataError(
                f"On {len(c)} held-out questions the confidence does not rise with correctness (slope {slope:.3g}). "
                "Label more questions, or set label.calibrate to none."
            )
        return Calibration(kind, (slope,), (intercept,), len(c))
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415 -- takes 2 s to import: only a fit pays it

    curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(c, right.astype(float))
    return Calibration(kind, _floats(curve.X_thresholds_), _floats(curve.y_thresholds_), len(c))


def apply(calibration: Calibration, confidence: float) -> float:
    """The frequency that belongs to a confidence, in [0.001, 0.999]; never falls as the confidence rises."""
    if calibration.kind == "platt":
        log_odds = calibration.xs[0] * float(_log_odds(np.array(confidence))) + calibration.ys[0]
        frequency = float(np.exp(-np.logaddexp(0.0, -log_odds)))
    else:
        frequency = float(np.interp(confidence, calibration.xs, calibration.ys))
    return min(max(frequency, LOWEST), HIGHEST)


def calibrate_labels(labels: Sequence[Label], settings: LabelSettings, seed: int) -> CalibratedLabels:
    """The labels with calibrated confidences, fitted on a share of the questions that is then left out.

    The share is drawn by fact from the labels with a confidence and a known correctness; unscored labels pass
    through. With `calibrate` 'none' the labels come back as they are. `raw_confidence` keeps the value before.
    Raises DataError when the held-out share can't be fitted.
    """
    if settings.calibrate == "none":
        return CalibratedLabels(tuple(labels), None, ())
    usable = [label for label in labels if label.confidence is not None and label.is_correct is not None]
    facts = sorted({label.question.fact for label in usable})
    n_held_out = max(1, round(settings.calibration_fraction * len(facts)))
    held_out = {facts[i] for i in np.random.default_rng(seed).permutation(len(facts))[:n_held_out]}
    fitted_on = [label for label in usable if label.question.fact in held_out]
    raw = [label.confidence for label in fitted_on if label.confidence is not None]
    calibration = fit_calibration(raw, [bool(label.is_correct) for label in fitted_on], settings.calibrate)
    rest = tuple(_calibrated(label, calibration) for label in labels if label.question.fact not in held_out)
    return CalibratedLabels(rest, calibration, tuple(sorted(label.question.id for label in fitted_on)))


def _calibrated(label: Label, calibration: Calibration) -> Label:
    if label.confidence is None:
        return label
    return replace(label, confidence=apply(calibration, label.confidence), raw_confidence=label.confidence)


def _platt(c: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Slope and intercept. Each row enters as right and as wrong, weighted by its drawn-in target."""
    n_right, n_wrong = right.sum(), (~right).sum()
    target = np.where(right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))
    x = np.tile(_log_odds(c)[:, np.newaxis], (2, 1))
    y = np.repeat([1, 0], len(c))
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 -- as above

    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(
        x, y, sample_weight=np.concatenate([target, 1 - target])
    )
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _log_odds(c: np.ndarray) -> np.ndarray:
    inside = np.clip(c, 1e-6, 1 - 1e-6)  # SAR's confidence can come arbitrarily near to 0 and reach 1
    return np.log(inside) - np.log1p(-inside)


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
