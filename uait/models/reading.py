"""Reading: greedy decoding in which an answer can only be words that stand in a passage, side by side.

So no answer contradicts what it was read from, and none stands in no source. Where the model finds no such words it
says nothing at all.
"""

from collections.abc import Iterator, Sequence

import torch

from uait.method.spans import Spans
from uait.models.language_model import LanguageModel
from uait.records import Passage

N_FIRST = 64  # tokens tried before all of them are put in order


class Reader:
    """Chooses an answer's next token: the likeliest one that goes on with words of the passages, or ends them."""

    def __init__(self, lm: LanguageModel, question: str, passages: Sequence[Passage]) -> None:
        self._lm = lm
        self._stop_ids = set(lm.stop_ids)
        self._spans = Spans([passage.text for passage in passages], question)
        self._ids: list[int] = []

    def __call__(self, logits: torch.Tensor) -> int:
        """The token after those chosen before, from its logits (V,)."""
        is_whole = self.holds(self._text(self._ids))
        for token in _likeliest(logits):
            ends = token in self._stop_ids
            if is_whole if ends else self._spans.begins(self._text([*self._ids, token])):
                if not ends:
                    self._ids.append(token)
                return token
        return self._lm.stop_ids[0]  # there is nothing in the passages to say

    def holds(self, text: str) -> bool:
        """Whether this is what may be said: not when the token limit cut it short."""
        return self._spans.holds(text)

    def _text(self, ids: Sequence[int]) -> str:
        return self._lm.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)


def _likeliest(logits: torch.Tensor) -> Iterator[int]:
    yield from logits.topk(min(N_FIRST, len(logits))).indices.tolist()
    yield from logits.argsort(descending=True)[N_FIRST:].tolist()
