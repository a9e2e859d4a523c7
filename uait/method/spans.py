"""Runs of whole words in passages: what an answer that was read must be one of. Pure text."""

import re
from collections.abc import Sequence

from uait.records import Passage

# No answer begins with one of these, nor with a word of its own question.
_FUNCTION_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "by",
        "for",
        "from",
        "had",
        "has",
        "have",
        "in",
        "is",
        "it",
        "its",
        "of",
        "on",
        "or",
        "that",
        "the",
        "to",
        "was",
        "were",
    ]
)


_WORD = re.compile(r"(?:(?<!\S)\W)?\b(?P<word>\w+)")  # with a sign before it, as in ".fr"


class Spans:
    """The runs of whole words in some texts that say something that the question does not."""

    def __init__(self, texts: Sequence[str], question: str = "") -> None:
        self._texts = [_plain(text) for text in texts]
        self._known = _FUNCTION_WORDS | {word.lower() for word in re.findall(r"\w+", question)}
        self._starts = [[m.start() for m in _WORD.finditer(text) if self._may_begin(m)] for text in self._texts]

    def _may_begin(self, word: re.Match[str]) -> bool:
        """A word that the question holds begins a run only where it goes on as a name: "Mexico City"."""
        if _is_function(word["word"]):
            return False
        if word["word"].lower() not in self._known:
            return True
        after = _WORD.search(word.string, word.end())
        return after is not None and after["word"][0].isupper() and after["word"].lower() not in self._known

    def begins(self, text: str) -> bool:
        """Whether a run begins with this text, which may end inside a word."""
        return self._find(_plain(text), whole=False)

    def holds(self, text: str) -> bool:
        """Whether this text is a run."""
        words = {word.lower() for word in re.findall(r"\w+", text)}
        return not words <= self._known and self._find(_plain(text), whole=True)

    def _find(self, plain: str, *, whole: bool) -> bool:
        if not plain:
            return False
        for text, starts in zip(self._texts, self._starts, strict=True):
            for start in starts:
                end = start + len(plain)
                if text.startswith(plain, start) and not (whole and text[end : end + 1].isalnum()):
                    return True
        return False


def source_of(answer: str, passages: Sequence[Passage]) -> int | None:
    """The number, from 1, of the first passage that holds the answer as whole words; None where none does."""
    numbered = enumerate(passages, start=1)
    return next((n for n, passage in numbered if Spans([passage.text]).holds(answer)), None)


def _is_function(word: str) -> bool:
    return (word.lower() if len(word) > 2 else word) in _FUNCTION_WORDS  # "As" and "It" may be names


def _plain(text: str) -> str:
    return " ".join(text.split())
