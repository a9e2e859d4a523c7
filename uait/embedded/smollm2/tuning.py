"""Tunes the student: the layers below `FIRST_LAYER` stay as they are, LoRA teaches the ones above.

Two losses. On the answer's tokens KL(few-shot base || student), so that the zero-shot student answers as the base does
behind its shots (context distillation, Snell et al. 2022, arXiv 2209.15189). On the number, behind the decile that
the student hears: towards the teacher's confidence, or towards whether the answer was right. Axes: B rows, T tokens.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from uait.embedded.smollm2.shared_prefix import Prefix, padded
from uait.embedded.smollm2.student import Student, mean_number

FIRST_LAYER = 15


@dataclass(frozen=True, slots=True)
class Lesson:
    """One question with an answer to it, and what is learned of the two.

    `thought`: per step of the answer, its end included, the base's likeliest tokens and their probabilities; None
    where the answer is not the base's. `decile` and `target` (a confidence, or 1 and 0 for right and wrong): None where
    only the answer is learned.
    """

    question_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]
    thought: tuple[Tensor, Tensor] | None = None
    decile: int | None = None
    target: float | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One pass of tuning. `truth`: the targets are right and wrong, not confidences."""

    truth: bool
    epochs: float = 1.0
    batch_size: int = 16
    learning_rate: float = 1e-3
    keep_weight: float = 1.0
    number_weight: float = 1.0
    spread_weight: float = 1.0
    warmup: float = 0.06
    seed: int = 0


def tune(student: Student, lessons: Sequence[Lesson], stage: Stage) -> Iterator[dict[str, float]]:
    """Tunes the student's trainable weights in place; yields every step's number, losses and how many there will be."""
    weights = [w for w in student.llama.causal.parameters() if w.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=stage.learning_rate, weight_decay=0.0)
    per_epoch = math.ceil(len(lessons) / stage.batch_size)
    n_steps = max(1, round(stage.epochs * per_epoch))
    warm = max(1, round(stage.warmup * n_steps))
    draws = torch.Generator().manual_seed(stage.seed)
    with torch.no_grad():
        below, low = student.llama.prefix_layers(
            student.llama.embed(torch.tensor([student.prefix_ids])), 0, FIRST_LAYER
        )
    order: list[int] = []
    for step in range(n_steps):
        if not order:
            order = torch.randperm(len(lessons), generator=draws).tolist()
        batch, order = [lessons[i] for i in order[: stage.batch_size]], order[stage.batch_size :]
        rate = min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * step / n_steps)))
        for group in optimiser.param_groups:
            group["lr"] = stage.learning_rate * rate
        keep, number, extra = losses(student, batch, stage, below, Prefix(low, len(student.prefix_ids)))
        loss = stage.keep_weight * keep + stage.number_weight * number
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        yield {"step": step + 1, "total": n_steps, "keep": float(keep), "number": float(number), "spread": float(extra)}


def losses(
    student: Student, batch: Sequence[Lesson], stage: Stage, below: Tensor, low: Prefix
) -> tuple[Tensor, Tensor, Tensor]:
    """The answers' KL per token, the numbers' loss per number, and the spread of the numbers; each a scalar.

    `below`, `low`: the shared prefix after the frozen layers, and its keys and values in them.
    """
    llama, n_layers = student.llama, len(student.llama.body.layers)
    _, high_layers = llama.prefix_layers(below, FIRST_LAYER, n_layers)
    high = Prefix(high_layers, low.length)
    rows = [_row(student, lesson) for lesson in batch]
    tokens, mask = padded(rows, 0)
    positions = low.length + (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
        hidden, low_past = llama.read(llama.embed(tokens), positions, mask, low, None, 0, FIRST_LAYER)
    hidden, high_past = llama.read(hidden, positions, mask, high, None, FIRST_LAYER, n_layers)
    keep = _answers_loss(student, batch, hidden)
    numbered = [i for i, lesson in enumerate(batch) if lesson.target is not None]
    if not numbered:
        return keep, keep.new_zeros(()), keep.new_zeros(())
    at = torch.tensor(numbered)
    ends = mask.sum(-1)[at] - 1
    digits = torch.tensor(student.digit_ids)
    tens = llama.logits(hidden[at, ends])[:, digits]
    q = tens.softmax(-1)
    expected = mean_number(q)
    target = torch.tensor([batch[i].target for i in numbered])
    middles = torch.arange(10) / 10 + 0.045
    spread = (q @ middles.square() - expected.square()).mean()
    if stage.truth:
        number = torch.nn.functional.binary_cross_entropy(expected, target) + stage.spread_weight * spread
        first = q.argmax(-1)
        wanted = (100 * expected.detach()).round().long()
    else:
        wanted = (100 * target).round().long().clamp(1, 99)
        first = wanted // 10
        number = cross_entropy(tens, first) + 5.0 * (expected - target).square().mean()
    second = (wanted - 10 * first).clamp(0, 9)
    # one token more: the first digit, and behind it the second
    token, place = digits[first][:, None], positions[at, ends][:, None] + 1
    one = torch.ones_like(token)
    with torch.no_grad():
        hidden, _ = llama.read(llama.embed(token), place, one, low, low_past.select(at), 0, FIRST_LAYER)
    hidden, _ = llama.read(hidden, place, one, high, high_past.select(at), FIRST_LAYER, n_layers)
    number = number + 0.3 * cross_entropy(llama.logits(hidden[:, -1])[:, digits], second)
    return keep, number, spread.detach()


def _row(student: Student, lesson: Lesson) -> list[int]:
    heard = [] if lesson.decile is None else [student.end_id, *student.heard_ids(lesson.decile)]
    return [*lesson.question_ids, *lesson.answer_ids, *heard]


def _answers_loss(student: Student, batch: Sequence[Lesson], hidden: Tensor) -> Tensor:
    """KL(base || student) per step of the answers that are the base's, over its likeliest tokens and all others."""
    places, ids, ps = [], [], []
    for i, lesson in enumerate(batch):
        if lesson.thought is not None:
            start = len(lesson.question_ids) - 1
            places += [(i, start + t) for t in range(len(lesson.answer_ids) + 1)]
            ids.append(lesson.thought[0])
            ps.append(lesson.thought[1])
    if not places:
        return hidden.new_zeros(())
    rows, columns = torch.tensor(places).T
    logprobs = student.llama.logits(hidden[rows, columns]).log_softmax(-1)
    base, wanted = torch.cat(ps), torch.cat(ids)
    tuned = logprobs.gather(-1, wanted.clamp(min=0))
    rest = (1 - base.sum(-1)).clamp(min=1e-6)
    tuned_rest = torch.log1p(-(tuned.exp() * (wanted >= 0)).sum(-1).clamp(max=1 - 1e-6))
    kl = (base * (base.clamp(min=1e-9).log() - tuned)).sum(-1) + rest * (rest.log() - tuned_rest)
    return kl.mean()


def thought_of(student: Student, stops: frozenset[int], top_ids: Any, top_logprobs: Any) -> tuple[Tensor, Tensor]:
    """The base's distributions (T+1, 32) as the student can say them: every token that ends a line is its end token.

    A place that is not used holds the token -1 with probability 0.
    """
    ids, p = torch.as_tensor(top_ids).long().clone(), torch.as_tensor(top_logprobs).float().exp()
    is_stop = torch.tensor([[int(i) in stops for i in row] for row in ids.tolist()])
    is_end = ids == student.end_id
    mass = (p * (is_stop | is_end)).sum(-1)
    p = p.masked_fill(is_stop | is_end, 0.0)
    ids[:, -1] = student.end_id  # the least likely place makes room: one end token a row
    p[:, -1] = mass
    ids = ids.masked_fill(is_stop, student.end_id)
    twice = ids == student.end_id
    twice[:, -1] = False
    return ids.masked_fill(twice, -1), p / p.sum(-1, keepdim=True).clamp(min=1.0)
