"""What the gate goes by besides the confidence that the model says: how sure an answer is once it was read, and
whether the question is of a kind that the model was measured on.

Numbers in, numbers out. Knows nothing about models, passages or where a fit is kept.
"""

import numpy as np

from uait.records import Kinds, ReadingFit


def reading_confidence(fit: ReadingFit, logprob: float, likeness: float) -> float:
    """How likely an answer that was read is right, in [0, 1]: 1 / (1 + exp(-(b + w1 logprob + w2 likeness))).

    `logprob`: nats, of the whole answer under the model that reads; `likeness`: of the question and what it read.
    """
    z = fit.intercept + fit.weights[0] * logprob + fit.weights[1] * likeness
    return float(1.0 / (1.0 + np.exp(-np.clip(z, -50.0, 50.0))))


def kind_scores(kinds: Kinds, embeddings: np.ndarray) -> np.ndarray:
    """How much nearer each question's unit vector (N, D) lies to a measured kind than to any other: cosines, (N,)."""
    inside, outside = (embeddings @ centres.T for centres in (kinds.centres, kinds.others))
    return inside.max(axis=1) - outside.max(axis=1)
