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
from torch.nn.functional import binary_cross_entropy, cross_entropy

from uait.embedded.smollm2.shared_prefix import Prefix, padded
from uait.embedded.smollm2.student import Student
from uait.models.hearing import mean_number

FIRST_LAYER = 15
ONES_WEIGHT = 0.3  # of the second digit's loss: what it says is a tenth of the first's


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
    spread_weight: float = 1.0
    warmup: float = 0.06
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Below:
    """One lesson's hidden states after the frozen layers: of its tokens (T, hidden), and of every digit after them."""

    tokens: Tensor
    digits: Tensor | None


class Tuner:
    """Tunes a student's trainable weights, which all lie from `FIRST_LAYER` on, in place."""

    def __init__(self, student: Student) -> None:
        self.student, self.llama = student, student.llama
        self.n_layers = len(self.llama.body.layers)
        self.digits = torch.tensor(student.hears.digit_ids)
        with torch.no_grad(), student.lm.alone():
            embedded = self.llama.embed(torch.tensor([student.prefix_ids]))
            self.below_prefix, layers = self.llama.prefix_layers(embedded, 0, FIRST_LAYER)
        self.low = Prefix(layers, len(student.prefix_ids))

    def tune(self, lessons: Sequence[Lesson], stage: Stage) -> Iterator[dict[str, float]]:
        """Yields every step's number and losses, and how many steps there will be."""
        weights = list(self.student.lm.adapter_weights().values())
        optimiser = torch.optim.AdamW(weights, lr=stage.learning_rate, weight_decay=0.0)
        n_steps = max(1, round(stage.epochs * math.ceil(len(lessons) / stage.batch_size)))
        warm = max(1, round(stage.warmup * n_steps))
        draws = torch.Generator().manual_seed(stage.seed)
        known: dict[int, Below] = {}  # a second epoch reads the frozen layers' output here
        order: list[int] = []
        for step in range(n_steps):
            if not order:
                order = torch.randperm(len(lessons), generator=draws).tolist()
            batch, order = order[: stage.batch_size], order[stage.batch_size :]
            rate = min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * step / n_steps)))
            for group in optimiser.param_groups:
                group["lr"] = stage.learning_rate * rate
            new = [i for i in batch if i not in known]
            with self.student.lm.alone():
                known.update(zip(new, self.below([lessons[i] for i in new]), strict=True))
                keep, number = self.losses([lessons[i] for i in batch], [known[i] for i in batch], stage)
                optimiser.zero_grad()
                (stage.keep_weight * keep + number).backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            if stage.epochs <= 1:
                known.clear()
            yield {"step": step + 1, "total": n_steps, "keep": keep.item(), "number": number.item()}

    @torch.no_grad()
    def below(self, lessons: Sequence[Lesson]) -> list[Below]:
        """What the frozen layers make of each lesson."""
        if not lessons:
            return []
        tokens, mask, positions = self._tokens(lessons)
        hidden, past = self.llama.read(self.llama.embed(tokens), positions, mask, self.low, None, 0, FIRST_LAYER)
        numbered = torch.tensor([i for i, lesson in enumerate(lessons) if lesson.target is not None]).long()
        digits: dict[int, Tensor] = {}
        if len(numbered):
            rows = numbered.repeat_interleave(10)
            places = (self.low.length + mask.sum(-1))[rows][:, None]
            embedded = self.llama.embed(self.digits.repeat(len(numbered))[:, None])
            ones = torch.ones(len(rows), 1, dtype=torch.long)
            after, _ = self.llama.read(embedded, places, ones, self.low, past.select(rows), 0, FIRST_LAYER)
            digits = dict(zip(numbered.tolist(), after.view(len(numbered), 10, -1), strict=True))
        lengths = mask.sum(-1).tolist()
        return [Below(hidden[i, :n].clone(), digits.get(i)) for i, n in enumerate(lengths)]

    def losses(self, lessons: Sequence[Lesson], below: Sequence[Below], stage: Stage) -> tuple[Tensor, Tensor]:
        """The answers' KL per token, and the numbers' loss per number; both scalars."""
        _, layers = self.llama.prefix_layers(self.below_prefix, FIRST_LAYER, self.n_layers)
        high = Prefix(layers, self.low.length)
        _, mask, positions = self._tokens(lessons)
        hidden = torch.nn.utils.rnn.pad_sequence([b.tokens for b in below], batch_first=True)
        hidden, past = self.llama.read(hidden, positions, mask, high, None, FIRST_LAYER, self.n_layers)
        keep = self._answers_loss(lessons, hidden)
        at = torch.tensor([i for i, lesson in enumerate(lessons) if lesson.target is not None]).long()
        if not len(at):
            return keep, keep.new_zeros(())
        ends = mask.sum(-1)[at] - 1
        target = torch.tensor([lesson.target for lesson in lessons if lesson.target is not None])
        tens = self._digit_logits(hidden[at, ends])
        if stage.truth:
            number, wanted = truth_loss(tens, target, stage.spread_weight)
        else:
            number, wanted = teacher_loss(tens, target)
        first = tens.argmax(-1) if stage.truth else wanted // 10
        # one token more: the first digit, and behind it the second
        each = [b.digits[int(digit)] for b, digit in zip((below[i] for i in at.tolist()), first, strict=True)]  # type: ignore[index]
        places = positions[at, ends][:, None] + 1
        after, _ = self.llama.read(
            torch.stack(each)[:, None],
            places,
            torch.ones_like(places),
            high,
            past.select(at),
            FIRST_LAYER,
            self.n_layers,
        )
        second = (wanted - 10 * first).clamp(0, 9)
        return keep, number + ONES_WEIGHT * cross_entropy(self._digit_logits(after[:, -1]), second)

    def _digit_logits(self, hidden: Tensor) -> Tensor:
        return self.llama.body.norm(hidden) @ self.llama.causal.lm_head.weight[self.digits].T

    def _tokens(self, lessons: Sequence[Lesson]) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens, mask and positions (B, T): question, answer and, where a number is learned, what opens it."""
        rows = []
        for lesson in lessons:
            heard = [] if lesson.decile is None else self.student.hears.opening(lesson.decile)
            rows.append([*lesson.question_ids, *lesson.answer_ids, *heard])
        tokens, mask = padded(rows, 0)
        return tokens, mask, self.low.length + (mask.cumsum(-1) - 1).clamp(min=0)

    def _answers_loss(self, lessons: Sequence[Lesson], hidden: Tensor) -> Tensor:
        """KL(base || student) per step of the answers that are the base's, over its likeliest tokens and all others."""
        places, ids, ps = [], [], []
        for i, lesson in enumerate(lessons):
            if lesson.thought is not None:
                start = len(lesson.question_ids) - 1
                places += [(i, start + t) for t in range(len(lesson.answer_ids) + 1)]
                ids.append(lesson.thought[0])
                ps.append(lesson.thought[1])
        if not places:
            return hidden.new_zeros(())
        rows, columns = torch.tensor(places).T
        logprobs = self.llama.logits(hidden[rows, columns]).log_softmax(-1)
        base, wanted = torch.cat(ps), torch.cat(ids)
        tuned = logprobs.gather(-1, wanted.clamp(min=0))
        rest = (1 - base.sum(-1)).clamp(min=1e-6)
        tuned_rest = torch.log1p(-(tuned.exp() * (wanted >= 0)).sum(-1).clamp(max=1 - 1e-6))
        kl = (base * (base.clamp(min=1e-9).log() - tuned)).sum(-1) + rest * (rest.log() - tuned_rest)
        return kl.mean()


def teacher_loss(tens: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """-log q_i of the target's first digit i, and 5 (c - target)^2; with it the whole numbers to say (B,), 1 to 99."""
    wanted = (100 * target).round().long().clamp(1, 99)
    distance = (mean_number(tens.softmax(-1)) - target).square().mean()
    return cross_entropy(tens, wanted // 10) + 5.0 * distance, wanted


def truth_loss(tens: Tensor, right: Tensor, spread_weight: float) -> tuple[Tensor, Tensor]:
    """-log c of right and -log(1 - c) of wrong answers, c the mean of the number; and what to say, 100 c, rounded.

    The number's variance is taxed as well, so that what is said is what is expected. ConfTuner (arXiv 2508.18847)
    taxes both at once by (v_i - y)^2.
    """
    q = tens.softmax(-1)
    expected = mean_number(q)
    spread = q @ (torch.arange(10) / 10 + 0.045).square() - expected.square()
    wanted = (100 * expected.detach()).round().long()
    return binary_cross_entropy(expected, right) + spread_weight * spread.mean(), wanted


def thought_of(student: Student, stops: frozenset[int], top_ids: Any, top_logprobs: Any) -> tuple[Tensor, Tensor]:
    """The base's distributions (T+1, 32) as the student can say them: every token that ends a line is its end token.

    A place that is not used holds the token -1 with probability 0.
    """
    ids, p = torch.as_tensor(top_ids).long().clone(), torch.as_tensor(top_logprobs).float().exp()
    is_stop = torch.tensor([[int(i) in stops for i in row] for row in ids.tolist()])
    is_end = ids == student.hears.end_id
    mass = (p * (is_stop | is_end)).sum(-1)
    p = p.masked_fill(is_stop | is_end, 0.0)
    ids[:, -1] = student.hears.end_id  # the least likely place makes room: one end token a row
    p[:, -1] = mass
    ids = ids.masked_fill(is_stop, student.hears.end_id)
    twice = ids == student.hears.end_id
    twice[:, -1] = False
    return ids.masked_fill(twice, -1), p / p.sum(-1, keepdim=True).clamp(min=1.0)
