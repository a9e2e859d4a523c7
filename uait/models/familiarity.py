"""Is this a kind of question that the model was measured on? The embedder's view, by the kinds that were fitted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from uait.method.second_look import kind_scores
from uait.records import Kinds


@dataclass(frozen=True)
class Familiarity:
    """`embed` makes unit vectors (N, D) of N texts: the same embedder that the kinds were fitted with."""

    embed: Callable[[Sequence[str]], np.ndarray]
    kinds: Kinds

    def of(self, texts: Sequence[str]) -> list[bool]:
        """Whether each question is of a kind that the model was tuned and measured on."""
        if not texts:
            return []
        return [bool(score >= self.kinds.threshold) for score in kind_scores(self.kinds, self.embed(texts))]
