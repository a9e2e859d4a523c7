"""The student asked about many answers behind one prompt: it hears how probable each was, and says how sure it is.

The base answers behind its shots; the adapter sleeps until an answer has ended, so that it can change no answer. Then
it reads that answer again, and what it hears behind it (`models.hearing`), in one pass. Axes: B rows, T tokens.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from uait.embedded.smollm2.shared_prefix import Past, Prefix, SharedPrefixLlama, padded
from uait.embedded.smollm2.shots import FEW_SHOT, few_shot_question
from uait.embedded.smollm2.teacher import TeacherRow
from uait.models.hearing import Hearing, expected_number, spoken_number
from uait.models.language_model import LanguageModel

Number = tuple[float | None, float | None]  # spoken and expected, both in [0, 1]


class Student:
    """SmolLM2 with an adapter. `hears` holds the edges of the deciles."""

    def __init__(self, lm: LanguageModel, hears: Hearing) -> None:
        self.lm, self.base, self.hears = lm, lm.without_adapter(), hears
        self.llama = SharedPrefixLlama(lm.model)
        with torch.no_grad(), self.base.alone():
            self.prefix: Prefix = self.llama.prefix(self._ids(FEW_SHOT))

    @torch.no_grad()
    def read(self, texts: Sequence[str]) -> Past:
        """What the base holds of the questions."""
        tokens, mask = padded([self._ids(few_shot_question(text)) for text in texts], 0)
        positions = self.prefix.length + (mask.cumsum(-1) - 1).clamp(min=0)
        with self.base.alone():
            return self.llama.read(self.llama.embed(tokens), positions, mask, self.prefix)[1]

    @torch.no_grad()
    def ask(self, texts: Sequence[str], rows: Sequence[TeacherRow], decile: int | None = None) -> list[Number]:
        """How sure it is of each answer; with `decile` it hears that one, not the answer's own (a control)."""
        past = self.read(texts)
        heard = [self.hears.level(row.probability) if decile is None else decile for row in rows]
        said = [[*row.ids, *self.hears.opening(d)] for row, d in zip(rows, heard, strict=True)]
        with self.lm.alone():
            logits, past = self._advance(said, past)
            tens, expected = self.hears.digits(logits).argmax(-1), expected_number(self.hears, logits)
            logits, _ = self._advance(torch.tensor(self.hears.digit_ids)[tens][:, None].tolist(), past)
        spoken = spoken_number(tens, self.hears.digits(logits))
        numbers = [(None if c is None else number, c) for number, c in zip(spoken, expected, strict=True)]
        return [number if row.teaches else (None, None) for number, row in zip(numbers, rows, strict=True)]

    def _advance(self, rows: Sequence[Sequence[int]], past: Past) -> tuple[Tensor, Past]:
        """The logits behind the last token of each row, and the past with the rows in it."""
        tokens, mask = padded(rows, 0)
        positions = self.prefix.length + past.mask.sum(-1, keepdim=True) + torch.arange(tokens.shape[1])
        hidden, past = self.llama.read(self.llama.embed(tokens), positions, mask, self.prefix, past)
        return self.llama.logits(hidden[torch.arange(len(rows)), mask.sum(-1) - 1]), past

    def _ids(self, text: str) -> list[int]:
        return self.lm.tokenizer(text, add_special_tokens=False)["input_ids"]
