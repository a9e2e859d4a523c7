"""Passages at hand: the bundled encyclopaedia, or somebody's own documents in its place.

Input: a question's text. Output: passages, or a sentence on why there are none. Knows nothing about models or prompts.
"""

import difflib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import bm25s
import numpy as np

from uait.records import Passage
from uait.records.errors import RetrievalError
from uait.retrieval.passages import read_passages
from uait.retrieval.web import MAX_QUERY_CHARS

SHORT = 2  # letters of a subject that is a word of everyday questions as well
N_CANDIDATES = 30
# Measured on 6,131 one-sentence passages: with these limits a careless question keeps its passage among the first three
# (99.8 %), and four of five questions about something else get nothing instead of a passage about something else.
NAMED_FROM = 0.6
ALIKE_FROM = 0.6
UNLIKE_BELOW = 0.1
TYPO_RATIO = 0.8
_WORD = re.compile(r"[^\W_]+")
_NO_WORD_BREAK = re.compile("['`\u2019]")
# Words of questions, not of facts: never taken for a misspelt name ("where" is not Herne).
_ASKING = frozenset(
    _WORD.findall(
        "what where which when while who whom whose why how many much does did should would could can are there this "
        "that these those have has with from your"
    )
)


class _PairSimilarity(Protocol):
    """Scores pairs of texts from 0 to 1, shape (len(pairs),)."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray: ...


class Bundle:
    """Passages in memory: BM25 finds candidates, similarity to the question orders them. Offline, deterministic.

    A passage's title names its subject. It counts when the question names its subject, misspelt or not; where it names
    none, when it is very much like the question (`alike_from`). `score` is the mean of the BM25 score relative to the
    best one and the similarity, in [0, 1].
    """

    def __init__(
        self,
        path: Path | str,
        similarity: _PairSimilarity | None = None,
        name: str = "bundle",
        alike_from: float = ALIKE_FROM,
    ) -> None:
        """`path` is what `read_passages` takes. Raises DataError when there is no passage, or a broken one."""
        self.name, self._alike_from = name, alike_from
        self._passages = read_passages(path, name)
        self._similarity = similarity
        self._subjects = [set(_words(p.title)) for p in self._passages]
        words = [_words(f"{p.title} {p.text}") or [""] for p in self._passages]
        self._texts = [set(_words(p.text)) for p in self._passages]
        self._index = bm25s.BM25()
        self._index.index(words, show_progress=False)
        n_with = Counter(word for passage in words for word in set(passage))
        self._weights = {word: math.log(1.0 + len(words) / n) for word, n in n_with.items()}
        self._by_length: dict[int, list[str]] = {}
        for word in sorted(self._weights):
            self._by_length.setdefault(len(word), []).append(word)

    def search(self, query: str, n: int) -> tuple[Passage, ...]:
        """At most `n` passages about what the query names, best first. Raises RetrievalError when there are none."""
        words = self._known_words(query)
        bm25 = self._index.get_scores(words) if words else np.zeros(len(self._passages))
        candidates = [int(i) for i in np.argsort(-bm25, kind="stable")[:N_CANDIDATES] if bm25[i] > 0]
        named = [i for i in candidates if self._naming(i, set(words)) >= NAMED_FROM]
        # Reading two or three passages instead of thirty is what makes the similarity cheap.
        best = named or (candidates if self._similarity is not None else [])
        scores = bm25[best] / bm25[candidates].max(initial=1e-9)
        if self._similarity is not None and best:
            alike = np.asarray(self._similarity.score([(query, self._passages[i].text) for i in best]), dtype=float)
            scores = np.where(alike >= (UNLIKE_BELOW if named else self._alike_from), (scores + alike) / 2.0, -1.0)
        order = [k for k in np.argsort(-scores, kind="stable") if scores[k] >= 0][:n]
        if not order:
            where = "The bundled encyclopaedia has" if self.name == "bundle" else "Your own passages have"
            raise RetrievalError(f"{where} nothing on this question; try other words or the web.")
        return tuple(replace(self._passages[best[k]], score=float(scores[k])) for k in order)

    def _known_words(self, query: str) -> list[str]:
        """The query's words as the encyclopaedia spells them; an unknown one becomes up to three that look like it."""
        known: dict[str, None] = {}
        for word in _words(query[:MAX_QUERY_CHARS]):
            if word in self._weights:
                known[word] = None
            elif len(word) > 3 and word not in _ASKING:
                near = [w for length in range(len(word) - 1, len(word) + 2) for w in self._by_length.get(length, ())]
                known.update(dict.fromkeys(difflib.get_close_matches(word, near, cutoff=TYPO_RATIO)))
        return list(known)

    def _naming(self, i: int, words: set[str]) -> float:
        """The share of the passage's title that the words hold, rare words counting more; 0 without a title."""
        title = self._subjects[i]
        if max(map(len, title), default=0) <= SHORT and not any(len(w) > 3 for w in words & self._texts[i]):
            return 0.0  # "I" in "What did I eat?" is no iodine
        return sum(self._weights[w] for w in title & words) / (sum(self._weights[w] for w in title) or 1.0)


def _fold(text: str) -> str:
    """Lower case without accents or apostrophes, so that "Ha'il" and "Hail", "Malmö" and "Malmo" are one word."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return _NO_WORD_BREAK.sub("", "".join(c for c in decomposed if not unicodedata.combining(c)))


def _words(text: str) -> list[str]:
    """Words and numbers in order. No stop words are left out: "As", "At" and "In" are chemical symbols."""
    return _WORD.findall(_fold(text))
