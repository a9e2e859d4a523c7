"""An adapter that hears itself: `Paris [97]; 93%`, where [97] is the percentile of the answer's own probability.

How probable an answer was is known only in the last layer, one step too late for the layers that write the number. So
the percentile of the probability measured in this very pass is appended, and the number is read behind it.
The adapter wakes only once the answer has ended (as an activated LoRA does, arXiv 2504.12397), so it can change none:
behind what the base holds of the prompt it reads the answer again, with its percentile, all in one pass. What the base
thinks of an answer lies in its middle layers at the answer's own tokens, where the adapter has to be awake to learn to
read it (docs/LOG.md). Axes: B rows, T tokens.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from uait.records.errors import ModelError

OPENS, CLOSES = " [", "]; "  # around the percentile
MIN_MASS = 0.5  # with less, the place where the number stands says more about other words than about numbers
MIDDLES = tuple(0.1 * tens + 0.045 for tens in range(10))  # of the ten numbers that each first digit begins


@dataclass(frozen=True, slots=True)
class Hearing:
    """What an adapter hears: `edges` (99,) or (9,) part the levels of probability, ascending; the rest are tokens."""

    edges: tuple[float, ...]
    open_ids: tuple[int, ...]
    close_ids: tuple[int, ...]
    digit_ids: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Any, edges: Sequence[float]) -> "Hearing":
        """The tokens of this tokenizer. Raises ModelError where a digit has no token of its own."""

        def ids(text: str) -> tuple[int, ...]:
            return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])

        vocabulary = tokenizer.get_vocab()
        digits = [vocabulary.get(str(digit)) for digit in range(10)]
        if None in digits:
            raise ModelError(
                f"This model's vocabulary has no token for the digit {digits.index(None)} alone, so it can't be told "
                "how probable its answer was; set tune.recipe to 'paper'."
            )
        return cls(tuple(edges), ids(OPENS), ids(CLOSES), tuple(digits))

    def level(self, probability: float) -> int:
        """0 for the least probable answers: their first hundredth, or tenth."""
        return bisect_right(self.edges, probability)

    def opening(self, level: int) -> list[int]:
        """The tokens behind an answer: its level in brackets, as many digits as the levels have, and what opens the
        number.
        """
        digits = f"{level:0{len(str(len(self.edges)))}d}"
        return [*self.open_ids, *(self.digit_ids[int(digit)] for digit in digits), *self.close_ids]

    def digits(self, logits: Tensor) -> Tensor:
        """The logits (B, 10) of the ten digits among all (B, V)."""
        return logits[:, list(self.digit_ids)]


def mean_number(p_tens: Tensor) -> Tensor:
    """c = sum_i q_i v_i over the first digit (..., 10), v_i the middle of the ten numbers that it begins; [0, 1]."""
    return p_tens @ torch.tensor(MIDDLES, dtype=p_tens.dtype, device=p_tens.device)


def expected_number(hears: Hearing, logits: Tensor) -> list[float | None]:
    """The mean of each row's number (B, V), in [0, 1]; None where digits have less than half of the probability."""
    held = logits.softmax(-1)[:, list(hears.digit_ids)]
    mass = held.sum(-1, keepdim=True)
    means = mean_number(held / mass)
    pairs = zip(means.tolist(), mass[:, 0].tolist(), strict=True)
    return [mean if total >= MIN_MASS else None for mean, total in pairs]


def spoken_number(tens: Tensor, ones: Tensor) -> list[float]:
    """The numbers said, in [0.01, 0.99]: first digits (B,), and the logits (B, 10) of the second ones after them."""
    ones = ones.masked_fill((tens == 0)[:, None] & (torch.arange(10, device=ones.device) == 0), -torch.inf)
    return [number / 100 for number in (10 * tens + ones.argmax(-1)).tolist()]


def level_edges(probabilities: Sequence[float], n_levels: int = 100) -> list[float]:
    """The values, one less than levels, that part these probabilities into as many equal shares."""
    return [round(float(edge), 6) for edge in np.quantile(np.asarray(probabilities), np.arange(1, n_levels) / n_levels)]
