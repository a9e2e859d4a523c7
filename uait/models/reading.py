"""Reading: greedy decoding in which an answer can only be words that stand in a passage, side by side.

So no answer contradicts what it was read from, and none stands in no source. Where the model finds no such words it
says nothing at all. Rows R as in `decoding`.
"""

from collections.abc import Iterator, Sequence

import torch

from uait.method.spans import Spans
from uait.models.language_model import LanguageModel
from uait.records import Passage

N_FIRST = 64  # tokens tried before all of them are put in order


class Reader:
    """Chooses each row's next token: the likeliest one that goes on with words of the row's passages, or ends them."""

    def __init__(self, lm: LanguageModel, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> None:
        self._lm = lm
        self._stop_ids = set(lm.stop_ids)
        pairs = zip(questions, passages, strict=True)
        self._spans = [Spans([passage.text for passage in read], question) for question, read in pairs]
        self._ids: list[list[int]] = [[] for _ in passages]

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """The tokens (R,) after those chosen before, from their logits (R, V)."""
        chosen = [self._next(row, each) for row, each in enumerate(logits)]
        return torch.tensor(chosen, device=logits.device)

    def holds(self, row: int, text: str) -> bool:
        """Whether this is what the row may say: not when the token limit cut it short."""
        return self._spans[row].holds(text)

    def _next(self, row: int, logits: torch.Tensor) -> int:
        ids, spans = self._ids[row], self._spans[row]
        is_whole = spans.holds(self._text(ids))
        for token in _likeliest(logits):
            ends = token in self._stop_ids
            if is_whole if ends else spans.begins(self._text([*ids, token])):
                if not ends:
                    ids.append(token)
                return token
        return self._lm.stop_ids[0]  # there is nothing in the passages to say

    def _text(self, ids: Sequence[int]) -> str:
        return self._lm.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)


def _likeliest(logits: torch.Tensor) -> Iterator[int]:
    yield from logits.topk(min(N_FIRST, len(logits))).indices.tolist()
    yield from logits.argsort(descending=True)[N_FIRST:].tolist()
