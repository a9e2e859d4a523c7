"""Tokens that come one by one, and the piece of text that each adds."""

from collections.abc import Sequence
from typing import Any


class TextPieces:
    """The text of tokens that come one by one, as the piece that each one adds; joined, they are the decoded text.

    A character spread over several tokens belongs to the last of them, the earlier ones get ''. Each step decodes
    the last few tokens alone: what a token adds depends on those before it (a space, a half character), but not far.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.pieces: list[str] = []
        self._tokenizer = tokenizer
        self._ids: list[int] = []  # from the last token with a piece of its own on
        self._n_read = 0  # of these, the ones whose text is in a piece

    def add(self, token_id: int) -> None:
        """Takes the next token."""
        self._ids.append(token_id)
        self._take(is_last=False)

    def close(self) -> tuple[str, ...]:
        """All pieces; a character that was never completed shows as U+FFFD in the last one."""
        if self._n_read < len(self._ids):
            self.pieces.pop()
            self._take(is_last=True)
        return tuple(self.pieces)

    def _take(self, *, is_last: bool) -> None:
        text = self._decode(self._ids)
        if text.endswith("\ufffd") and not is_last:
            self.pieces.append("")
            return
        piece = text[len(self._decode(self._ids[: self._n_read])) :]
        self.pieces.append(piece)
        if piece:  # a token without text (a special one) is no place to begin: the next would look like a first one
            self._ids = self._ids[self._n_read :]
        self._n_read = len(self._ids)

    def _decode(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def token_texts(tokenizer: Any, ids: Sequence[int]) -> tuple[str, ...]:
    """The piece of text that each token adds (`TextPieces`)."""
    pieces = TextPieces(tokenizer)
    for token_id in ids:
        pieces.add(token_id)
    return pieces.close()
