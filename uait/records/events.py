"""What a long stage tells while it works."""

from dataclasses import dataclass
from typing import Any


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
