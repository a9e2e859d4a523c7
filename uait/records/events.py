"""What a long stage tells while it works."""

from collections.abc import Generator, Iterable
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


def recorded(events: Iterable[Event]) -> Generator[Event, None, Any]:
    """The events on their way, but for the last, whose record goes to a `yield from`.

    Raises DataError when they end early.
    """
    for event in events:
        if isinstance(event, Done):
            return event.record
        yield event
    raise DataError("The work ended early; try again.")


def last_record(events: Iterable[Event]) -> Any:
    """The record that the events end with. Raises DataError when they end early."""
    *_, last = [None, *events]
    if not isinstance(last, Done):
        raise DataError("The work ended early; try again.")
    return last.record
