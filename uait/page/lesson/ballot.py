"""The vote of the phones in a room: one is open at a time, counted live, and nobody's name is asked."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from uait.records.errors import DataError


@dataclass(frozen=True, slots=True)
class Vote:
    """What is asked, and what may be answered."""

    question: str
    options: tuple[str, ...]


class Ballot:
    """The open vote and what each phone chose; a phone is known by its open page alone, and may change its mind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._vote: Vote | None = None
        self._choices: dict[str, int] = {}

    @property
    def vote(self) -> Vote | None:
        """What is voted on now."""
        return self._vote

    def open(self, vote: Vote) -> None:
        """Puts `vote` to the phones in place of the one before. Opened again it keeps its count."""
        with self._lock:
            if vote != self._vote:
                self._vote, self._choices = vote, {}

    def choose(self, phone: str, choice: int) -> None:
        """Counts the phone for this option, from 0, and for no other. Raises DataError when there is none such."""
        with self._lock:
            n_options = len(self._vote.options) if self._vote else 0
            if not 0 <= choice < n_options:
                raise DataError(f"There is no option {choice + 1} in this vote; look at the question again.")
            self._choices[phone] = choice

    def counts(self, vote: Vote) -> Sequence[int]:
        """How many phones chose each option of `vote`; no numbers where another vote is open."""
        with self._lock:
            chosen = list(self._choices.values())
            return [chosen.count(i) for i in range(len(vote.options))] if vote == self._vote else []
