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
    """The kinds of question that a model was tuned on: unit vectors of their centres (C, D).

    A question is of such a kind when its cosine with the nearest centre is at least `threshold`.
    """

    centres: np.ndarray
    threshold: float

    def __post_init__(self) -> None:
        require(self.centres.ndim == 2 and len(self.centres) > 0, "Kinds need at least one centre, shape (C, D).")


@dataclass(frozen=True, slots=True)
class GateFit:
    """Both parts of a gate's fit; None where one was not fitted."""

    reading: ReadingFit | None
    kinds: Kinds | None
