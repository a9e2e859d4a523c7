"""What tuning minimises: the paper's loss on the whole completion, or one that keeps the answers as they were."""

from typing import Any

import torch
from torch.nn.functional import cross_entropy, kl_div
from transformers import Trainer

from uait.tuning.examples import IGNORED


class LearnsAnswers(Trainer):
    """Next-token loss over the whole completion, as in the paper."""

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        known = {name: tensor for name, tensor in inputs.items() if name != "is_answer"}
        return super().compute_loss(model, known, *args, **kwargs)


class KeepsAnswers(Trainer):
    """Next-token loss over the number; over the answer before it, KL(base || tuned): what was said is not unlearned.

    An answer is learned neither from the reference nor from the model's own greedy reply, which would make it surer.
    `keep_weight` weighs that KL beside the number's loss; docs/LOG.md has what other weights did.
    """

    keep_weight = 5.0

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        read = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        outputs = model(**read)
        with torch.no_grad(), self.accelerator.unwrap_model(model).disable_adapter():
            untuned = model(**read).logits
        after = inputs["labels"][:, 1:]  # the token that each position foretells
        is_answer = inputs["is_answer"][:, 1:].bool()
        is_number = (after != IGNORED) & ~is_answer
        tuned = outputs.logits[:, :-1].float()
        said = cross_entropy(tuned[is_number], after[is_number], reduction="sum")
        before = untuned[:, :-1][is_answer].float().log_softmax(-1)
        moved = kl_div(tuned[is_answer].log_softmax(-1), before, reduction="sum", log_target=True)
        loss = (said + self.keep_weight * moved) / (is_answer | is_number).sum()
        return (loss, outputs) if return_outputs else loss
