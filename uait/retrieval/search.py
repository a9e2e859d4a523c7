"""One search after another until one finds something."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from uait.records import Passage, Retrieved
from uait.records.errors import RetrievalError


class Retriever(Protocol):
    """Finds passages for a query, best first."""

    name: str

    def search(self, query: str, n: int) -> tuple[Passage, ...]:
        """At most `n` passages. Raises RetrievalError with a sentence when there are none."""
        ...


def retrieve(
    question_text: str, retrievers: Sequence[Retriever], n: int, clock: Callable[[], float] = time.perf_counter
) -> Retrieved:
    """The passages of the first engine that has any; `notes` holds a sentence for each engine that had none."""
    start, notes = clock(), []
    for retriever in retrievers:
        try:
            passages = retriever.search(question_text, n)
        except RetrievalError as err:
            notes.append(str(err))
            continue
        if passages:
            return Retrieved(question_text, passages, tuple(notes), clock() - start)
        notes.append(f"The search engine {retriever.name!r} found nothing.")
    if not retrievers:
        notes.append("No search engine is switched on; choose one under retrieval.engines.")
    return Retrieved(question_text, (), tuple(notes), clock() - start)
