"""Work in batches that grow smaller when memory runs out: the one place where that is noticed.

Small batches give the same results as large ones, but for rounding.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

from uait.models.adapters import first_line
from uait.records.errors import ModelError, is_out_of_memory

Item = TypeVar("Item")
Result = TypeVar("Result")


class Room:
    """How much is done at once: `n` things, and half as many for good whenever memory runs out.

    `remedy` says what to do where there is no memory for a single one: the end of a sentence that names settings.
    `spare` is called the first time, before any halving: what makes each thing take less.
    """

    def __init__(self, n: int, remedy: str, spare: Callable[[], None] | None = None) -> None:
        self.n, self.remedy, self._spare = n, remedy, spare

    def fit(self, work: Callable[[int], Result]) -> Result:
        """What `work` makes of as many things as fit. Raises ModelError where not even one does."""
        while True:
            with in_a_sentence(self.remedy):
                try:
                    return work(self.n)
                except (RuntimeError, MemoryError) as err:
                    if not is_out_of_memory(err) or (self.n == 1 and self._spare is None):
                        raise
            # the error is gone by now, and with it the frames that hold what filled the memory
            if self._spare is None:
                self.n //= 2
            else:
                self._spare()
                self._spare = None
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def in_batches(
    items: Sequence[Item], room: Room, work: Callable[[Sequence[Item]], Sequence[Result]]
) -> Iterator[Result]:
    """What `work` makes of each of the items, in order, a batch at a time: a result per item."""

    def from_here(start: int) -> Callable[[int], Sequence[Result]]:
        return lambda n: work(items[start : start + n])

    start = 0
    while start < len(items):
        made = room.fit(from_here(start))
        yield from made
        start += len(made)


@contextmanager
def in_a_sentence(remedy: str) -> Iterator[None]:
    """Makes a ModelError of memory that runs out inside the block."""
    try:
        yield
    except (RuntimeError, MemoryError) as err:
        if not is_out_of_memory(err):
            raise
        raise ModelError(f"The memory is too small for one at a time ({first_line(err)}); {remedy}.") from err
