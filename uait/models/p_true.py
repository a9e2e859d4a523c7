"""The baseline P(True): the untuned model is shown a proposed answer, and its "yes" is weighed against its "no"."""

from collections.abc import Sequence

import torch

from uait.method.prompts import p_true_prompt
from uait.models.batches import Room, in_batches
from uait.models.decoding import prefill
from uait.models.language_model import LanguageModel

_MIN_MASS = 0.05


@torch.inference_mode()
def p_true_batch(
    lm: LanguageModel, texts: Sequence[str], answers: Sequence[str], batch_size: int = 16
) -> list[float | None]:
    """The untuned model's P(yes) / (P(yes) + P(no)) for each answer (Kadavath et al. 2022).

    Read off the first token of the reply; None where yes and no together have a probability below 0.05.
    """
    chats = [lm.chat(p_true_prompt(lm.prompts, *pair)) for pair in zip(texts, answers, strict=True)]
    yes, no = _first_ids(lm, "yes"), _first_ids(lm, "no")

    def judged(batch: Sequence[str]) -> list[float | None]:
        p = prefill(lm.without_adapter(), batch).logits.softmax(-1)
        masses = zip(_mass(p, yes - no), _mass(p, no - yes), strict=True)
        return [p_yes / (p_yes + p_no) if p_yes + p_no >= _MIN_MASS else None for p_yes, p_no in masses]

    return list(in_batches(chats, Room(batch_size, "choose a smaller model"), judged))


def _mass(p: torch.Tensor, ids: set[int]) -> list[float]:
    return p[:, sorted(ids)].sum(-1).tolist()


def _first_ids(lm: LanguageModel, word: str) -> set[int]:
    """The tokens that can begin `word`, in any case, with or without a leading space."""
    variants = [space + cased for space in ("", " ") for cased in (word, word.capitalize(), word.upper())]
    return {ids[0] for ids in lm.tokenizer(variants, add_special_tokens=False)["input_ids"]}
