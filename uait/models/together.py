"""Several threads that ask one model at once share a batch: whoever needs a token takes a step for all of them.

So there is no thread of its own that could outlive those who ask: a reply that everybody waits for is written by one of
them, and one that nobody asks for any more is let go. Knows nothing about what is made of a token.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from uait.models.drafts import Drafts
from uait.models.language_model import LanguageModel
from uait.models.stated import Ask, Draft
from uait.records import Answer

MOST = 32  # replies at once; who comes then waits until one has ended
# of prompts read before all others get their next token: twenty behind some shots, or a few readings
MOST_TOKENS = 3_000

# Around every model's `asked`. One thread may hold it twice: Python may close a forgotten visit amidst another's.
_lock = threading.RLock()


@dataclass(eq=False)
class _Visit:
    """One who asks. `alone`: its reply failed among others, so that it is tried once more by itself."""

    ask: Ask
    draft: Draft | None = None
    error: Exception | None = None
    alone: bool = False
    is_gone: bool = False

    def has_more_than(self, n_tokens: int) -> bool:
        """Whether there is news for who has heard so many tokens."""
        return self.error is not None or (
            self.draft is not None and (self.draft.answer is not None or len(self.draft.tokens) > n_tokens)
        )


class Together:
    """The replies of one view of a model to everybody who asks it just now."""

    def __init__(self, lm: LanguageModel) -> None:
        self._lm, self._drafts = lm, Drafts(lm)
        self._most = MOST if lm.family.window is None else 1  # rows of nearsighted layers can't join others
        self._waiting: deque[_Visit] = deque()
        self._heard: list[_Visit] = []  # whose replies are under way
        self._changed = threading.Condition()
        self._is_stepping = False
        self.n_visits = 0  # kept by `among`

    def tokens(self, ask: Ask) -> Iterator[int | Answer]:
        """The reply's tokens as they come, the one that ends it included, then its Answer.

        Raises what writing it alone raises; what fails for another one is not heard here.
        """
        visit, n_tokens = _Visit(ask), 0
        with self._changed:
            self._waiting.append(visit)
        try:
            while True:
                self._get_on(visit, n_tokens)
                if visit.error is not None:
                    raise visit.error
                draft = visit.draft
                for token in [] if draft is None else draft.tokens[n_tokens:]:
                    n_tokens += 1
                    yield token
                if draft is not None and draft.answer is not None:
                    yield draft.answer
                    return
        finally:
            visit.is_gone = True

    def _get_on(self, visit: _Visit, n_tokens: int) -> None:
        """Comes back when there is news for the visit, or after a step for all that was taken here."""
        with self._changed:
            while self._is_stepping and not visit.has_more_than(n_tokens):
                self._changed.wait()
            if visit.has_more_than(n_tokens):
                return
            self._is_stepping = True
        try:
            self._step()
        finally:
            with self._changed:
                self._is_stepping = False
                self._changed.notify_all()

    def _step(self) -> None:
        """One more token for all, newcomers included; where it fails, each is tried by itself."""
        try:
            self._drafts.drop([visit.draft for visit in self._heard if visit.is_gone and visit.draft is not None])
            self._heard = [visit for visit in self._heard if not visit.is_gone and not _has_ended(visit)]
            newcomers = self._newcomers()
            self._heard += newcomers
            if newcomers:
                joined = self._drafts.join([visit.ask for visit in newcomers])
                for visit, draft in zip(newcomers, joined, strict=True):
                    visit.draft = draft
            if self._drafts.under_way:
                self._drafts.step()
        except Exception as err:
            self._try_each_alone(err)

    def _newcomers(self) -> list[_Visit]:
        """Who may join now, in the order in which they came."""
        found: list[_Visit] = []
        with self._changed:
            while self._waiting and len(self._heard) + len(found) < self._most:
                others = [*self._heard, *found]
                if others and (self._waiting[0].alone or others[0].alone):
                    break
                if found and sum(len(visit.ask.ids) for visit in [*found, self._waiting[0]]) > MOST_TOKENS:
                    break
                visit = self._waiting.popleft()
                if not visit.is_gone:
                    found.append(visit)
        return found

    def _try_each_alone(self, err: Exception) -> None:
        """Begins again, one reply at a time: only one that fails by itself has failed."""
        self._drafts = Drafts(self._lm)
        failed, self._heard = [visit for visit in self._heard if not _has_ended(visit)], []
        if len(failed) == 1:
            failed[0].error = err
            return
        for visit in failed:
            visit.draft, visit.alone = None, True
        with self._changed:
            self._waiting.extendleft(reversed(failed))


def _has_ended(visit: _Visit) -> bool:
    return visit.draft is not None and visit.draft.answer is not None


@contextmanager
def among(lm: LanguageModel, *, reads: bool) -> Iterator[Together]:
    """Those who ask this view of the model just now: begun by the first one, forgotten with the last.

    What `reads` passages has longer prompts, and is apart.
    """
    asked: dict[Any, Together] = lm.weights.asked
    key = lm.lora, lm.voice and lm.voice.lora, lm.answers_in_lines, lm.prompts, reads
    with _lock:
        together = asked[key] = asked.get(key) or Together(lm)
        together.n_visits += 1
    try:
        yield together
    finally:
        with _lock:
            together.n_visits -= 1
            if together.n_visits == 0:
                del asked[key]
