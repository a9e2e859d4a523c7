"""The student: one pass writes the answer, hears how probable it was, and reads off how sure it is.

`Paris [9]; 93%`: after the answer stands the decile of its own probability, measured in this very pass and appended
as a token; the number is written after it. Axes: B rows, T tokens.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from uait.embedded.smollm2.shared_prefix import Past, Prefix, SharedPrefixLlama, padded
from uait.method.prompts import question_prompt
from uait.models.decoding import token_texts
from uait.settings import PromptSettings

OPENS, CLOSES = " [", "]; "  # around the decile: " [" ends the answer, and its probability belongs to the answer's
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
        """Whether the answer ended by itself."""
        return self.spoken is not None


class Student:
    """SmolLM2 with an adapter (or without), asked zero-shot in its chat template.

    `edges` (9,): the probabilities that part the deciles, ascending.
    """

    def __init__(self, model: Any, tokenizer: Any, style: PromptSettings, edges: Sequence[float]) -> None:
        self.llama, self.tokenizer, self.edges = SharedPrefixLlama(model), tokenizer, list(edges)
        turn = [{"role": "user", "content": question_prompt(style, _HERE)}]
        chat = str(tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))
        # parted before the space, so that the two halves are tokenised as the whole is
        before, _, self._after = chat.partition(f" {_HERE}")
        self.prefix_ids: list[int] = tokenizer(before, add_special_tokens=False)["input_ids"]
        (self.end_id,), self.close_ids = self._ids(OPENS), self._ids(CLOSES)
        self.digit_ids = [self._ids(str(digit))[0] for digit in range(10)]

    def question_ids(self, text: str) -> list[int]:
        """The tokens of the question and of the chat turn's end, behind `prefix_ids`."""
        return self._ids(f" {text}{self._after}")

    def decile(self, probability: float) -> int:
        """0 for the least probable tenth of answers, 9 for the most probable."""
        return bisect_right(self.edges, probability)

    def heard_ids(self, decile: int) -> list[int]:
        """The tokens that state the decile and open the number, behind the end token."""
        return [self.digit_ids[decile], *self.close_ids]

    @torch.inference_mode()
    def prefix(self) -> Prefix:
        """The keys and values of what stands before every question."""
        return self.llama.prefix(self.prefix_ids)

    @torch.inference_mode()
    def ask(self, texts: Sequence[str], prefix: Prefix, decile: int | None = None) -> list[Heard]:
        """The greedy answers; with `decile` every answer hears that one instead of its own (a control)."""
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
            ends = chosen == self.end_id
            if ends.any():
                closed = is_open[ends].tolist()
                probabilities = [min(float(logprobs[i].exp()), 1.0) for i in closed]
                deciles = [self.decile(p) if decile is None else decile for p in probabilities]
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
                made[i] = self._heard(ids[i], probability, self.decile(probability), None, None)
        return [made[i] for i in range(len(texts))]

    def _heard(
        self, ids: Sequence[int], probability: float, decile: int, spoken: float | None, expected: float | None
    ) -> Heard:
        text = "".join(token_texts(self.tokenizer, ids)).strip()
        if not text:
            spoken = expected = None  # no answer to be sure of
        return Heard(text, tuple(ids), probability, decile, spoken, expected)

    def _numbers(self, deciles: Sequence[int], past: Past, prefix: Prefix) -> list[tuple[float, float]]:
        """The spoken and the expected number of each row, both in [0, 1]."""
        opened = torch.tensor([[self.end_id, *self.heard_ids(decile)] for decile in deciles])
        logits, past = self._advance(opened, past, prefix)
        digits = torch.tensor(self.digit_ids)
        p_tens = logits[:, digits].softmax(-1)
        tens = p_tens.argmax(-1)
        logits, _ = self._advance(digits[tens][:, None], past, prefix)
        ones = logits[:, digits]
        ones[tens == 0, 0] = -torch.inf  # 1 to 99: certainty is never said
        spoken = (10 * tens + ones.argmax(-1)) / 100
        return list(zip(spoken.tolist(), mean_number(p_tens).tolist(), strict=True))

    def _advance(self, tokens: Tensor, past: Past, prefix: Prefix) -> tuple[Tensor, Past]:
        """The logits behind the last of these tokens (B, T), and the past with them in it."""
        positions = prefix.length + past.mask.sum(-1, keepdim=True) + torch.arange(tokens.shape[1])
        mask = torch.ones_like(tokens)
        hidden, past = self.llama.read(self.llama.embed(tokens), positions, mask, prefix, past)
        return self.llama.logits(hidden[:, -1]), past

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]


def mean_number(p_tens: Tensor) -> Tensor:
    """c = sum_i q_i v_i over the first digit (..., 10), v_i the middle of the ten numbers that it begins; [0, 1]."""
    middles = torch.arange(10, dtype=p_tens.dtype) / 10 + 0.045
    return p_tens @ middles


def decile_edges(probabilities: Sequence[float]) -> list[float]:
    """The nine values that part these probabilities into tenths."""
    return [round(float(edge), 6) for edge in np.quantile(np.asarray(probabilities), np.arange(1, 10) / 10)]
