"""The student asked many questions behind one prompt: one pass writes the answer, hears itself, says how sure it is.

What it hears is in `models.hearing`; the chat prompt is read once for all questions. Axes: B rows, T tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from uait.embedded.smollm2.shared_prefix import Past, Prefix, SharedPrefixLlama, padded
from uait.method.prompts import question_prompt
from uait.models.decoding import token_texts
from uait.models.hearing import Hearing, expected_number, spoken_number
from uait.models.language_model import LanguageModel

MAX_NEW_TOKENS = 16
_HERE = "Xyzzy"  # stands for the question where the chat template is parted around it


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer with what its own pass measured and then said.

    `probability` of the whole answer, its end included; `decile` 0 to 9; `expected` the mean of the number, in [0, 1],
    and `spoken` the number itself. The last two are None where the answer did not end within the token limit.
    """

    answer: str
    ids: tuple[int, ...]
    probability: float
    decile: int
    spoken: float | None
    expected: float | None

    @property
    def is_finished(self) -> bool:
        """Whether the answer ended by itself, and a number followed."""
        return self.spoken is not None


class Student:
    """SmolLM2 with an adapter, asked zero-shot in its chat template. `hears` holds the edges of the deciles."""

    def __init__(self, lm: LanguageModel, hears: Hearing) -> None:
        self.lm, self.hears, self.llama = lm, hears, SharedPrefixLlama(lm.model)
        # parted before the space, so that the two halves are tokenised as the whole is
        before, _, self._after = lm.chat(question_prompt(lm.prompts, _HERE)).partition(f" {_HERE}")
        self.prefix_ids = self._ids(before)

    def question_ids(self, text: str) -> list[int]:
        """The tokens of the question and of the chat turn's end, behind `prefix_ids`."""
        return self._ids(f" {text}{self._after}")

    @torch.inference_mode()
    def prefix(self) -> Prefix:
        """The keys and values of what stands before every question."""
        with self.lm.alone():
            return self.llama.prefix(self.prefix_ids)

    @torch.inference_mode()
    def ask(self, texts: Sequence[str], prefix: Prefix, decile: int | None = None) -> list[Heard]:
        """The greedy answers; with `decile` every answer hears that one instead of its own (a control)."""
        with self.lm.alone():
            return self._ask(texts, prefix, decile)

    def _ask(self, texts: Sequence[str], prefix: Prefix, decile: int | None) -> list[Heard]:
        tokens, mask = padded([self.question_ids(text) for text in texts], 0)
        positions = prefix.length + (mask.cumsum(-1) - 1).clamp(min=0)
        hidden, past = self.llama.read(self.llama.embed(tokens), positions, mask, prefix)
        logits = self.llama.logits(hidden[torch.arange(len(texts)), mask.sum(-1) - 1])
        ids: list[list[int]] = [[] for _ in texts]
        logprobs = torch.zeros(len(texts))
        made: dict[int, Heard] = {}
        is_open = torch.arange(len(texts))  # the questions that the rows of `logits` and `past` belong to
        for step in range(MAX_NEW_TOKENS + 1):
            chosen = logits.argmax(-1)
            logprobs[is_open] += logits.max(-1).values - logits.logsumexp(-1)
            ends = chosen == self.hears.end_id
            if ends.any():
                closed = is_open[ends].tolist()
                probabilities = [min(float(logprobs[i].exp()), 1.0) for i in closed]
                deciles = [self.hears.decile(p) if decile is None else decile for p in probabilities]
                numbers = self._numbers(deciles, past.select(ends.nonzero()[:, 0]), prefix)
                for i, p, heard, (spoken, expected) in zip(closed, probabilities, deciles, numbers, strict=True):
                    made[i] = self._heard(ids[i], p, heard, spoken, expected)
            goes_on = (~ends).nonzero()[:, 0]
            if not len(goes_on) or step == MAX_NEW_TOKENS:
                break
            is_open, chosen = is_open[goes_on], chosen[goes_on]
            for i, token in zip(is_open.tolist(), chosen.tolist(), strict=True):
                ids[i].append(token)
            logits, past = self._advance(chosen[:, None], past.select(goes_on), prefix)
        for i in range(len(texts)):
            if i not in made:
                probability = float(logprobs[i].exp())
                made[i] = self._heard(ids[i], probability, self.hears.decile(probability), None, None)
        return [made[i] for i in range(len(texts))]

    def _heard(
        self, ids: Sequence[int], probability: float, decile: int, spoken: float | None, expected: float | None
    ) -> Heard:
        text = "".join(token_texts(self.lm.tokenizer, ids)).strip()
        if not text:
            spoken = expected = None  # no answer to be sure of
        return Heard(text, tuple(ids), probability, decile, spoken, expected)

    def _numbers(self, deciles: Sequence[int], past: Past, prefix: Prefix) -> list[tuple[float | None, float | None]]:
        """The spoken and the expected number of each row, both in [0, 1]."""
        opened = torch.tensor([self.hears.opening(decile) for decile in deciles])
        logits, past = self._advance(opened, past, prefix)
        tens, expected = self.hears.digits(logits).argmax(-1), expected_number(self.hears, logits)
        logits, _ = self._advance(torch.tensor(self.hears.digit_ids)[tens][:, None], past, prefix)
        spoken = spoken_number(tens, self.hears.digits(logits))
        return [(None if c is None else number, c) for number, c in zip(spoken, expected, strict=True)]

    def _advance(self, tokens: Tensor, past: Past, prefix: Prefix) -> tuple[Tensor, Past]:
        """The logits behind the last of these tokens (B, T), and the past with them in it."""
        positions = prefix.length + past.mask.sum(-1, keepdim=True) + torch.arange(tokens.shape[1])
        mask = torch.ones_like(tokens)
        hidden, past = self.llama.read(self.llama.embed(tokens), positions, mask, prefix, past)
        return self.llama.logits(hidden[:, -1]), past

    def _ids(self, text: str) -> list[int]:
        return self.lm.tokenizer(text, add_special_tokens=False)["input_ids"]
