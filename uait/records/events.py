"""What a long stage tells while it works."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from uait.records.errors import DataError


@dataclass(frozen=True, slots=True)
class Progress:
    """A long stage moved on."""

    stage: str
    done: int
    total: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Partial:
    """The answer so far, while it is being generated."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """A stage ended well; `record` is its result."""

    record: Any


Event = Progress | Partial | Done


def last_record(events: Iterable[Event]) -> Any:
    """The record that the events end with. Raises DataError when they end early."""
    *_, last = [None, *events]
    if not isinstance(last, Done):
        raise DataError("The work ended early; try again.")
    return last.record
