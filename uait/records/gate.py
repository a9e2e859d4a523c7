"""What was fitted of a model's gate, on questions that something was chosen by and never on held-out ones."""

from dataclasses import dataclass

import numpy as np

from uait.records.base import require, unit


@dataclass(frozen=True, slots=True)
class ReadingFit:
    """A logistic curve: how likely an answer that was read is right; trusted from `threshold` on.

    `weights` belong to the log-probability of the answer (nats) and to the likeness of question and passages (0 to 1).
    `metrics` holds what the fit came to on the questions that it was fitted on.
    """

    intercept: float
    weights: tuple[float, float]
    threshold: float
    metrics: dict[str, float]

    def __post_init__(self) -> None:
        unit("reading threshold", self.threshold)


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of question that a model was tuned and measured on, and others: unit vectors of their centres.

    A question is of a measured kind when its cosine with the nearest of `centres` (C, D) is larger by at least
    `threshold` than that with the nearest of `others` (O, D). `metrics` holds what came of it where it was chosen.
    """

    centres: np.ndarray
    others: np.ndarray
    threshold: float
    metrics: dict[str, float]

    def __post_init__(self) -> None:
        for name, array in (("centres", self.centres), ("others", self.others)):
            require(array.ndim == 2 and len(array) > 0, f"Kinds need at least one of their {name}, shape (n, D).")


@dataclass(frozen=True, slots=True)
class GateFit:
    """Both parts of a gate's fit; None where one was not fitted."""

    reading: ReadingFit | None
    kinds: Kinds | None
