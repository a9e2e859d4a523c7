"""Trains the pocket model from scratch: one pass over the corpus.

In: texts and a folder. Out: a Hugging Face model folder. Checkpoints every `SAVE_STEPS` steps; started again on the
same folder it goes on from the last one. Runs on a GPU where there is one.
"""

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, rms_norm
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from uait.embedded.pocket.batches import Plan, Row, batches, encode, plan_batches
from uait.embedded.pocket.corpus import Curriculum, Text
from uait.embedded.pocket.recipe import Recipe, build_model, train_tokenizer
from uait.records import Done, Event, Progress
from uait.tuning.checkpoint import read_checkpoint, write_checkpoint

SAVE_STEPS = 500
LAST_WARMUP = 50


def batch_loss(
    model: Any, rows: Sequence[Row], recipe: Recipe, device: str, *, copying: bool, doubt: Any = None
) -> torch.Tensor:
    """Mean next-token loss over the learned positions, plus the early layer's. Right-padded, so no mask is needed.

    With `doubt`, a linear map of the residual stream, also the loss of `_doubt_loss`.
    """
    length = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), length), model.config.pad_token_id)
    learn = torch.zeros(len(rows), length, dtype=torch.bool)
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
        learn[i, row.question if copying else row.answer : len(row.ids)] = True
    ids, learn = ids.to(device), learn.to(device)
    out = model.model(input_ids=ids, use_cache=False, output_hidden_states=True)
    targets, before = ids[:, 1:][learn[:, 1:]], learn[:, 1:]
    losses = cross_entropy(model.lm_head(out.last_hidden_state[:, :-1][before]), targets, reduction="none")
    loss = losses.mean()
    if recipe.early_weight > 0:
        early = model.model.norm(out.hidden_states[recipe.early_layer][:, :-1][before])
        loss = loss + recipe.early_weight * cross_entropy(model.lm_head(early), targets)
    if doubt is not None:
        each = losses.detach().split(before.sum(-1).tolist())
        inside = out.hidden_states[recipe.doubt_layer]
        loss = loss + recipe.doubt_weight * _doubt_loss(doubt, inside, rows, each)
    return loss


def _doubt_loss(doubt: Any, inside: torch.Tensor, rows: Sequence[Row], losses: Sequence[torch.Tensor]) -> torch.Tensor:
    """The loss of foretelling, where a reply begins, whether it will be the true one.

    Foretold is the model's own probability of the true reply (Yoo & Kweon 2019 foretell a loss likewise), or the mark.
    So the model learns to notice what it knows, where the answer is found and tuning can read it.
    """
    chats = [(i, row) for i, row in enumerate(rows) if row.reply is not None]
    if not chats:
        return inside.new_zeros(())
    known = [losses[i][:-1].sum().neg().exp() if row.mark is None else inside.new_tensor(row.mark) for i, row in chats]
    at = inside[[i for i, _ in chats], [row.reply - 1 for _, row in chats if row.reply]]
    foretold = doubt(rms_norm(at, at.shape[-1:])).squeeze(-1)
    return binary_cross_entropy_with_logits(foretold, torch.stack(known).to(foretold))


def pretrain(curriculum: Curriculum, recipe: Recipe, out: Path) -> Iterator[Event]:
    """Trains the four terms and saves the model to `out`; yields progress, last `Done(out)`. Resumes."""
    tokenizer = train_tokenizer(curriculum.texts[: len(curriculum.texts) // 4], recipe.vocab_size)
    plan = plan_batches(curriculum, tokenizer, recipe)
    yield from _train(build_model(recipe, tokenizer), tokenizer, plan, recipe, out)


def train_again(base: Path, texts: Sequence[Text], recipe: Recipe, out: Path) -> Iterator[Event]:
    """Trains the fifth term: the model in `base` on `texts`, saved to `out`; yields and resumes like `pretrain`."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    model = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32)
    plan = Plan(list(batches(encode(texts, tokenizer), recipe.batch_tokens, recipe.seed)), 0, 0)
    # the optimiser starts anew, from trained weights
    recipe = replace(recipe, late_rate=recipe.last_rate, late_warmup=LAST_WARMUP)
    yield from _train(model, tokenizer, plan, recipe, out, torch.nn.Linear(recipe.hidden_size, 1))


def _train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    plan: Plan,
    recipe: Recipe,
    out: Path,
    doubt: torch.nn.Linear | None = None,
) -> Iterator[Event]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parts = torch.nn.ModuleDict({"model": model} if doubt is None else {"model": model, "doubt": doubt})
    parts.to(device).train()
    n_steps, optimizer = len(plan.batches), _optimizer(parts, recipe)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint, made_of = out / "checkpoint.pt", _made_of(plan, recipe)
    for step in range(_resume(checkpoint, parts, optimizer, made_of), n_steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, plan, recipe)
        copying = recipe.copy_from <= step < plan.third_term
        loss = batch_loss(model, plan.batches[step], recipe, device, copying=copying, doubt=doubt)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 50 == 0 or step + 1 == n_steps:
            yield Progress(out.name, step + 1, n_steps, f"loss {loss.item():.3f}")
        if (step + 1) % SAVE_STEPS == 0:
            state = {"parts": parts.state_dict(), "optimizer": optimizer.state_dict()}
            write_checkpoint(checkpoint, state | {"step": step + 1, "made_of": made_of})
    model.half().save_pretrained(out)
    tokenizer.save_pretrained(out)
    checkpoint.unlink(missing_ok=True)
    yield Done(out)


def learning_rate(step: int, plan: Plan, recipe: Recipe) -> float:
    """The rate of one step: a rise and a cosine fall to a fifth, then in each late term one from `late_rate` to 3 %."""
    for start, end in ((plan.fourth_term, len(plan.batches)), (plan.third_term, plan.fourth_term)):
        if step >= start:
            rise = min(1.0, (step - start + 1) / recipe.late_warmup)
            return recipe.late_rate * rise * (0.03 + 0.97 * _cosine((step - start) / (end - start)))
    rise = min(1.0, (step + 1) / recipe.warmup_steps)
    return recipe.learning_rate * rise * (0.2 + 0.8 * _cosine(step / plan.third_term))


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


def _optimizer(parts: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    matrices = [p for p in parts.parameters() if p.ndim >= 2]
    gains = [p for p in parts.parameters() if p.ndim < 2]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": gains, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
        betas=(0.9, 0.95),
        fused=True,
    )


def _made_of(plan: Plan, recipe: Recipe) -> dict[str, Any]:
    """What a checkpoint belongs to: the recipe, and a checksum of all texts in their order."""
    checksum = 0
    for batch in plan.batches:
        for row in batch:
            checksum = crc32(array("H", row.ids).tobytes(), checksum)
    return {"recipe": asdict(recipe), "texts": checksum}


def _resume(path: Path, parts: torch.nn.Module, optimizer: torch.optim.Optimizer, made_of: dict[str, Any]) -> int:
    """The step to go on from: a checkpoint's when it was made by the same recipe on the same texts, else 0."""
    saved = read_checkpoint(path, next(parts.parameters()).device)
    if saved is None or saved["made_of"] != made_of:
        return 0
    parts.load_state_dict(saved["parts"])
    optimizer.load_state_dict(saved["optimizer"])
    return saved["step"]
