"""The shots that stand before every question: the base reads them once, and every prompt goes on from there."""

from collections.abc import Sequence
from copy import deepcopy
from itertools import takewhile
from typing import Any

import torch

from uait.models.language_model import LanguageModel

MIN_TOKENS = 16  # fewer are read again as fast as they are copied


def held(lm: LanguageModel, ids: Sequence[Sequence[int]]) -> tuple[int, Any]:
    """How many tokens of the shots all these prompts begin with, and what the base holds of them, a row a prompt.

    0 and None where there are no shots, where an adapter reads, and where a model lets go of what is far behind.
    """
    if not lm.prompts.shots or lm.lora is not None or lm.family.window is not None:
        return 0, None
    shots = lm.tokenizer(f"{lm.prompts.shots.rstrip()}\n\nQuestion:", add_special_tokens=False)["input_ids"]
    n = min(_n_common(shots, prompt[:-1]) for prompt in ids)
    cache = _read_once(lm, tuple(shots)) if n >= MIN_TOKENS else None
    if cache is None:
        return 0, None
    rows = deepcopy(cache)
    rows.crop(n - len(shots))
    rows.batch_repeat_interleave(len(ids))
    return n, rows


def _n_common(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _read_once(lm: LanguageModel, shots: tuple[int, ...]) -> Any:
    """The cache (1 row) behind these tokens; None where it can't be gone on from with a gap."""
    held = lm.weights.held  # another thread may put its own in the place
    if shots not in held:
        ids = torch.tensor([shots], device=lm.device)
        cache = lm.forward(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
        held = {shots: cache if getattr(cache, "is_croppable", False) else None}  # of the last shots alone
        lm.weights.held = held
    return held[shots]
