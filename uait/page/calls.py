"""What the tabs and the endpoints call: each verb with the adapter's name and the visitor's token as its last words.

Knows the shelf of engines and where a GPU must be borrowed; nothing of components.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from uait.method.answers import Opinion
from uait.page import limits
from uait.records import Event, Explanation
from uait.runs import visitors
from uait.stages import compare as comparison
from uait.stages import pipeline
from uait.stages.adapters import SHIPPED, Key, Shelf


@dataclass(frozen=True)
class Verbs:
    """The work itself, engines first: the pipeline's, or a stand-in's."""

    ask: Callable[..., Iterator[Event]] = pipeline.ask
    explain: Callable[..., Explanation] = pipeline.explain
    compare: Callable[..., Iterator[Opinion]] = comparison.compare
    evaluate: Callable[..., Iterator[Event]] = comparison.evaluate_some


class Calls:
    """The verbs around whichever adapter a call names. Raises what looking it up or loading it raises."""

    def __init__(self, shelf: Shelf, verbs: Verbs, gpu: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        self.shelf = shelf

        # Engines are closed over and found by key, so that no model travels to the process that borrows the GPU.
        @gpu
        def ask(key: Key | None, text: str, threshold: float | None) -> Iterator[Event]:
            yield from verbs.ask(shelf.engines(key), text, threshold=threshold)

        @gpu
        def explain(key: Key | None, text: str) -> Explanation:
            return verbs.explain(shelf.engines(key), text)

        @gpu
        def compare(key: Key | None, text: str, references: Sequence[str]) -> Iterator[Opinion]:
            yield from verbs.compare(shelf.engines(key), text, references)

        @gpu
        def evaluate(key: Key | None, split: str, n: int) -> Iterator[Event]:
            yield from verbs.evaluate(shelf.engines(key), split, n)

        self._ask, self._explain, self._compare, self._evaluate = ask, explain, compare, evaluate

    def ask(self, text: str, threshold: float | None, adapter: str = SHIPPED, visitor: str = "") -> Iterator[Event]:
        """The growing answer, last Done(Reply)."""
        yield from self._ask(self._ready(adapter, visitor), text, threshold)

    def explain(self, text: str, adapter: str = SHIPPED, visitor: str = "") -> Explanation:
        """The teacher's view of one question."""
        limits.check_question(text)
        return self._explain(self._ready(adapter, visitor), text)

    def compare(
        self, text: str, references: Sequence[str], adapter: str = SHIPPED, visitor: str = ""
    ) -> Iterator[Opinion]:
        """The opinions on one question, each as soon as it is there."""
        limits.check_question(text)
        yield from self._compare(self._ready(adapter, visitor), text, references)

    def evaluate(self, split: str, n: int, adapter: str = SHIPPED, visitor: str = "") -> Iterator[Event]:
        """An evaluation of `n` questions of a split, last Done(EvalReport)."""
        limits.check_evaluation(n)
        with limits.one_evaluation():
            yield from limits.in_time(self._evaluate(self._ready(adapter, visitor), split, n))

    def threshold(self, adapter: str, visitor: str = "") -> float:
        """From which confidence on this adapter's answers are trusted by default."""
        return self.shelf.engines(self._ready(adapter, visitor)).threshold

    def _ready(self, adapter: str, visitor: str) -> Key | None:
        """The adapter's key; loads it here, so that a process that is forked off for a GPU finds it."""
        key = self.shelf.key(adapter, visitors.runs_of(visitor))
        self.shelf.engines(key)
        return key
