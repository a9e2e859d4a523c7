"""What tuning minimises: the paper's loss on the whole completion, one that keeps the answers, or one of the number.

Each takes a batch (`examples.collate`) and gives the mean over its completions' tokens, or numbers, in nats.
The model is asked as it stands: who tunes has switched its adapter on (`LanguageModel.alone`).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import cross_entropy, kl_div

from uait.models.decoding import inputs_of, padded
from uait.models.hearing import MIDDLES
from uait.models.language_model import LanguageModel
from uait.tuning.examples import IGNORED, Batch

# A second digit moves the number by a tenth of what a first one does: alike, it would be learned late.
TEN, ONES = 10.0, 0.3
Loss = Callable[[LanguageModel, Batch], torch.Tensor]


def completion_loss(lm: LanguageModel, batch: Batch) -> torch.Tensor:
    """-log p of each token of the completion, as in the paper: answer and number are learned alike."""
    read, after = _read(batch)
    logits = lm.model(**read).logits[:, :-1]
    is_taught = after != IGNORED
    return cross_entropy(logits[is_taught].float(), after[is_taught])


def kl_regularised_loss(lm: LanguageModel, batch: Batch, keep_weight: float) -> torch.Tensor:
    """-log p over the number; over the answer before it `keep_weight` times KL(base || tuned), so that it stays.

    An answer is learned neither from the reference nor from the model's own greedy reply, which would make it surer.
    docs/LOG.md has what other weights did.
    """
    read, after = _read(batch)
    is_answer = batch["is_answer"][:, -after.shape[1] :].bool()
    is_number = (after != IGNORED) & ~is_answer
    base = lm.without_adapter().forward(**read).logits[:, :-1][is_answer].float().log_softmax(-1)
    tuned = lm.model(**read).logits[:, :-1]
    number = cross_entropy(tuned[is_number].float(), after[is_number], reduction="sum")
    moved = kl_div(tuned[is_answer].float().log_softmax(-1), base, reduction="sum", log_target=True)
    return (number + keep_weight * moved) / (is_answer | is_number).sum()


def number_loss(lm: LanguageModel, batch: Batch) -> torch.Tensor:
    """The log score of the number's mean c against the target y, digit by digit: -y log c - (1 - y) log(1 - c).

    For a confidence as for right and wrong it is least where c is what is to be expected. The variance is taxed as
    well, so that what is said is what is expected; ConfTuner (arXiv 2508.18847) taxes both at once by (v_i - y)^2.
    Last, -log of the digits' share among all tokens, where the number stands. The base reads the prompt, and the shots
    before it once for all: no gradient goes through it.
    """
    hears = lm.hears
    if hears is None:
        raise AssertionError("an adapter is tuned to say a number behind what it hears")
    base = lm.without_adapter()
    read = inputs_of(base, _tokens(batch["input_ids"], batch["attention_mask"]))
    with torch.no_grad(), base.alone() as model:
        past = model(**read).past_key_values
    y = batch["target"][:, 0]
    said, own = padded(lm, _tokens(batch["said"], batch["said_mask"]))
    logits, mask = _behind(lm, said, own, read["attention_mask"], past)
    tens = hears.digits(logits)
    held = logits.logsumexp(-1) - tens.logsumexp(-1)
    first = tens.argmax(-1)
    one = torch.tensor(hears.digit_ids, device=lm.device)[first][:, None]
    after, _ = _behind(lm, one, torch.ones_like(one), mask, past)
    digits = torch.arange(10, device=lm.device)
    ones = _score(hears.digits(after), 0.1 * first[:, None] + 0.01 * digits, y, TEN)
    return (_score(tens, torch.tensor(MIDDLES, device=lm.device), y) + ONES * ones + held).mean()


def _tokens(ids: torch.Tensor, mask: torch.Tensor) -> list[list[int]]:
    return [row[own].tolist() for row, own in zip(ids, mask.bool(), strict=True)]


def _behind(
    lm: LanguageModel, tokens: torch.Tensor, own: torch.Tensor, mask: torch.Tensor, past: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """The logits (B, V) behind each row's `own` tokens (B, T), which `past` takes in; and the mask then."""
    positions = (mask.sum(-1, keepdim=True) + own.cumsum(-1) - 1).clamp(min=0)
    mask = torch.cat([mask, own], dim=-1)
    output = lm.model(
        input_ids=tokens, attention_mask=mask, position_ids=positions, past_key_values=past, use_cache=True,
        logits_to_keep=1,
    )  # fmt: skip
    return output.logits[:, -1].float(), mask


def _score(logits: torch.Tensor, values: torch.Tensor, y: torch.Tensor, weight: float = 1.0) -> torch.Tensor:
    """The log score (B,) of the mean of the digits' `values` (10,) or (B, 10), and the digit's variance."""
    q, digits = logits.softmax(-1), torch.arange(10, device=logits.device) / 10
    mean = (q * values).sum(-1).clamp(0.01, 0.99)
    spread = (q * digits.square()).sum(-1) - (q * digits).sum(-1).square()
    return spread - weight * (y * mean.log() + (1 - y) * (1 - mean).log())


def _read(batch: Batch) -> tuple[dict[str, Any], torch.Tensor]:
    """What the model is given, and the labels (B, N) of what its logits foretell: no prompt's, where no loss is."""
    labels = batch["labels"]
    first = int((labels != IGNORED).any(0).int().argmax())
    read = {name: batch[name] for name in ("input_ids", "attention_mask")}
    return {**read, "logits_to_keep": labels.shape[1] - first + 1}, labels[:, first:]
