"""Stand-ins that behave like the engines, without a model or a network."""

import re
from collections.abc import Sequence

import numpy as np

from uait.records import Passage, StrongerAnswer
from uait.records.errors import RetrievalError


class FakeSimilarity:
    """Word overlap of two texts in [0, 1]: shared words / all words (Jaccard). Equal texts 1, no shared word 0."""

    id = "word-overlap"

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []

    def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """The overlap of each pair, shape (n,)."""
        self.pairs.extend(pairs)
        return np.array([self._overlap(a, b) for a, b in pairs], dtype=np.float64)

    def _overlap(self, a: str, b: str) -> float:
        one, other = (set(re.findall(r"\w+", text.lower())) for text in (a, b))
        return len(one & other) / len(one | other) if one | other else 1.0


class FakeRetriever:
    """Gives its passages, or raises its failure; remembers the queries."""

    def __init__(self, name: str, passages: Sequence[Passage] = (), failure: str | None = None) -> None:
        self.name, self.failure = name, failure
        self.passages = tuple(passages)
        self.queries: list[str] = []

    def search(self, query: str, n: int) -> tuple[Passage, ...]:
        """The first `n` passages. Raises RetrievalError when it was given a failure."""
        self.queries.append(query)
        if self.failure is not None:
            raise RetrievalError(self.failure)
        return self.passages[:n]


class FakeStronger:
    """Gives its answer, or raises its failure; remembers the questions."""

    name, place = "second", ""

    def __init__(self, text: str = "", confidence: float | None = None, failure: str | None = None) -> None:
        self.text, self.confidence, self.failure = text, confidence, failure
        self.questions: list[str] = []

    def answer(self, question: str) -> StrongerAnswer:
        """The answer, trusted from 0.5 on. Raises RetrievalError when it was given a failure."""
        self.questions.append(question)
        if self.failure is not None:
            raise RetrievalError(self.failure)
        threshold = None if self.confidence is None else 0.5
        return StrongerAnswer(self.text, self.name, 30, 2, None, 0.4, self.confidence, threshold)
