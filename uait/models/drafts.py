"""Greedy replies in one batch, which rows join while others are under way and leave when they have ended.

A row's numbers are those that it would have alone, but for rounding.
"""

from collections.abc import Collection, Iterator, Sequence

import torch

from uait.models.decoding import advance, read
from uait.models.language_model import LanguageModel
from uait.models.reading import Reader
from uait.models.rows import Rows
from uait.models.stated import Ask, Draft, finish

FILLED = 16  # tokens at most that fill a prompt up to the longest one read beside it: they are read for nothing
PATIENCE = 4  # steps for which an ended reply waits for others at most


class Drafts:
    """The replies under way of one view of a model."""

    def __init__(self, lm: LanguageModel) -> None:
        self.lm = lm
        self.under_way: list[Draft] = []  # by row
        self._rows: Rows | None = None
        self._unread: torch.Tensor | None = None  # the tokens (R,) chosen last
        self._numbers, self._stops = list(lm.number_ids.values()), list(lm.stop_ids)

    @torch.inference_mode()
    def join(self, asks: Sequence[Ask]) -> list[Draft]:
        """Reads these prompts, whose replies are under way from now on; in order."""
        self._read_on()
        joined = [Draft(ask, Reader(self.lm, ask.text, ask.passages) if ask.passages else None) for ask in asks]
        # rows of a nearsighted layer can't join others, not even those that begin with them
        for alike in _of_like_length(joined) if self.lm.family.window is None else [joined]:
            rows = read(self.lm, [draft.ask.ids for draft in alike])
            if self._rows is None:
                self._rows = rows
            else:
                self._rows.join(rows)
            self.under_way += alike
        return joined

    @torch.inference_mode()
    def step(self) -> None:
        """One more token of every open reply.

        Those that ended get their answers, and leave, as soon as they are as many as those that go on, or one has
        waited long enough: what is read behind a few costs hardly more than behind one.
        """
        self._read_on()
        assert self._rows is not None
        self._choose(self._rows.logits)
        ended = {row: draft for row, draft in enumerate(self.under_way) if not draft.is_open}
        is_tired = any(draft.n_waited >= PATIENCE for draft in ended.values())
        if is_tired or 2 * len(ended) >= len(self.under_way):
            finish(self.lm, self._rows, ended)
            self.drop(list(ended.values()))

    def drop(self, drafts: Collection[Draft]) -> None:
        """Lets go of these replies, ended or not."""
        kept = [row for row, draft in enumerate(self.under_way) if draft not in drafts]
        if len(kept) == len(self.under_way):
            return
        self.under_way = [self.under_way[row] for row in kept]
        if self._rows is None or not kept:
            self._rows = self._unread = None
            return
        rows = torch.tensor(kept, device=self.lm.device)
        self._rows.select(rows)
        self._unread = None if self._unread is None else self._unread[rows]
        if self.lm.family.window is None:
            self._rows.trim()

    def _read_on(self) -> None:
        """Reads the tokens that were chosen last; rows that have ended are given one that is hidden."""
        if self._rows is None or self._unread is None:
            return
        is_open = torch.tensor([[int(draft.is_open)] for draft in self.under_way], device=self.lm.device)
        advance(self.lm, self._rows, self._unread, is_open)
        self._unread = None
        for draft in self.under_way:
            draft.n_behind += 1

    def _choose(self, logits: torch.Tensor) -> None:
        """The next token of every open reply, from the logits (R, V)."""
        tokens = logits.argmax(-1)
        for row, draft in enumerate(self.under_way):
            if draft.is_open and draft.reader is not None:
                tokens[row] = draft.reader(logits[row])
        total = logits.logsumexp(-1, keepdim=True)
        logprobs = (logits.gather(-1, tokens[:, None]) - total)[:, 0].tolist()
        p_end = (logits[:, self._stops] - total).exp().sum(-1).tolist()
        p_number = (logits[:, self._numbers] - total).exp() if self.lm.voice is None else None
        self._unread = tokens
        for row, (draft, token) in enumerate(zip(self.under_way, tokens.tolist(), strict=True)):
            if not draft.is_open:
                continue
            draft.logprobs.append(logprobs[row])
            draft.p_end.append(p_end[row])
            if p_number is not None:
                draft.p_number.append(p_number[row])
            draft.is_open = token not in self._stops and len(draft.logprobs) < draft.ask.max_new_tokens
            draft.tokens.append(token)


def _of_like_length(drafts: Sequence[Draft]) -> Iterator[list[Draft]]:
    """The drafts by the length of their prompts, in parts that are read in one pass each."""
    part: list[Draft] = []
    for draft in sorted(drafts, key=lambda draft: len(draft.ask.ids)):
        if part and len(draft.ask.ids) - len(part[0].ask.ids) > FILLED:
            yield part
            part = []
        part.append(draft)
    if part:
        yield part
