"""What tuning minimises: the paper's loss on the whole completion, or one that keeps the answers as they were.

Each takes a batch (`examples.collate`) and gives the mean over its completions' tokens, in nats. The model is asked as
it stands: who tunes has switched its adapter on (`LanguageModel.alone`).
"""

from collections.abc import Callable

import torch
from torch.nn.functional import cross_entropy, kl_div

from uait.models.language_model import LanguageModel
from uait.tuning.examples import IGNORED, Batch

Loss = Callable[[LanguageModel, Batch], torch.Tensor]


def completion_loss(lm: LanguageModel, batch: Batch) -> torch.Tensor:
    """-log p of each token of the completion, as in the paper: answer and number are learned alike."""
    read, after = _read(batch), batch["labels"][:, 1:]  # the token that each position foretells
    logits = lm.model(**read).logits[:, :-1]
    is_taught = after != IGNORED
    return cross_entropy(logits[is_taught].float(), after[is_taught])


def kl_regularised_loss(lm: LanguageModel, batch: Batch, keep_weight: float) -> torch.Tensor:
    """-log p over the number; over the answer before it `keep_weight` times KL(base || tuned), so that it stays.

    An answer is learned neither from the reference nor from the model's own greedy reply, which would make it surer.
    docs/LOG.md has what other weights did.
    """
    read, after = _read(batch), batch["labels"][:, 1:]
    is_answer = batch["is_answer"][:, 1:].bool()
    is_number = (after != IGNORED) & ~is_answer
    base = lm.without_adapter().forward(**read).logits[:, :-1][is_answer].float().log_softmax(-1)
    tuned = lm.model(**read).logits[:, :-1]
    number = cross_entropy(tuned[is_number].float(), after[is_number], reduction="sum")
    moved = kl_div(tuned[is_answer].float().log_softmax(-1), base, reduction="sum", log_target=True)
    return (number + keep_weight * moved) / (is_answer | is_number).sum()


def _read(batch: Batch) -> Batch:
    return {name: batch[name] for name in ("input_ids", "attention_mask")}
