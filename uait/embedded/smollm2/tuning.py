"""Tunes the student on answers of the base: only what follows an answer is adapted, from `FIRST_LAYER` on.

So the base's keys and values of question and answer, and the lower layers' output, never change: each is computed
once, and a step reads four tokens an example. The number is learned towards the teacher's confidence (the paper's
premise), or towards whether the answer was right (EliCal, arXiv 2510.17509). Axes: B rows, T tokens.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy, cross_entropy
from torch.nn.utils.rnn import pad_sequence

from uait.embedded.smollm2.shared_prefix import Past, Prefix, padded
from uait.embedded.smollm2.student import Student
from uait.embedded.smollm2.teacher import TeacherRow
from uait.models.hearing import mean_number

FIRST_LAYER = 15
ONES_WEIGHT = 0.3  # of the second digit's loss: what it says is a tenth of the first's
READ_TOGETHER = 32


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question, the base's answer, and the number to say of it: a confidence, or 1 and 0 for right and wrong."""

    question: str
    row: TeacherRow
    target: float


@dataclass(frozen=True, slots=True)
class Stage:
    """How to tune. `truth`: the targets are right and wrong, not confidences."""

    truth: bool
    epochs: float = 2.0
    batch_size: int = 32
    learning_rate: float = 1e-3
    spread_weight: float = 1.0
    warmup: float = 0.06
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Below:
    """What stays as it is of one example, above `FIRST_LAYER`: keys and values (G, T, D), in 16 bits, of its question,
    and the hidden states of its answer with what opens the number (T, hidden) and of every digit after it (10, hidden).
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    said: Tensor
    digits: Tensor


class Tuner:
    """Tunes a student's trainable weights, which all lie from `FIRST_LAYER` on, in place."""

    def __init__(self, student: Student) -> None:
        self.student, self.llama = student, student.llama
        self.n_layers = len(self.llama.body.layers)
        self.digits = torch.tensor(student.hears.digit_ids)
        self.low = Prefix(student.prefix.layers[:FIRST_LAYER], student.prefix.length)
        self.high = Prefix(student.prefix.layers[FIRST_LAYER:], student.prefix.length)

    def tune(self, lessons: Sequence[Lesson], stage: Stage) -> Iterator[dict[str, float]]:
        """Yields every step's number and loss, and how many steps there will be."""
        weights = list(self.student.lm.adapter_weights().values())
        optimiser = torch.optim.AdamW(weights, lr=stage.learning_rate, weight_decay=0.0)
        n_steps = max(1, round(stage.epochs * math.ceil(len(lessons) / stage.batch_size)))
        warm = max(1, round(stage.warmup * n_steps))
        draws = torch.Generator().manual_seed(stage.seed)
        known: dict[int, Below] = {}
        order: list[int] = []
        for step in range(n_steps):
            if not order:
                order = torch.randperm(len(lessons), generator=draws).tolist()
            batch, order = order[: stage.batch_size], order[stage.batch_size :]
            rate = min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * step / n_steps)))
            for group in optimiser.param_groups:
                group["lr"] = stage.learning_rate * rate
            new = [i for i in batch if i not in known]
            known.update(zip(new, self.below([lessons[i] for i in new]), strict=True))
            with self.student.lm.alone():
                loss = self.loss([lessons[i] for i in batch], [known[i] for i in batch], stage)
                optimiser.zero_grad()
                loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            yield {"step": step + 1, "total": n_steps, "loss": loss.item()}

    @torch.no_grad()
    def below(self, lessons: Sequence[Lesson]) -> list[Below]:
        """What the base and the frozen layers make of each example."""
        return [
            below
            for start in range(0, len(lessons), READ_TOGETHER)
            for below in self._below(lessons[start : start + READ_TOGETHER])
        ]

    def _below(self, lessons: Sequence[Lesson]) -> list[Below]:
        hears, n = self.student.hears, len(lessons)
        past = self.student.read([lesson.question for lesson in lessons])
        rows = [[*x.row.ids, *hears.opening(hears.decile(x.row.probability))] for x in lessons]
        tokens, mask = padded(rows, 0)
        positions = self._after(past.mask, tokens.shape[1])
        low = Past(past.layers[:FIRST_LAYER], past.mask)
        every = torch.arange(n).repeat_interleave(10)
        with self.student.base.alone():
            said, low = self._read(self.llama.embed(tokens), positions, mask, self.low, low, 0, FIRST_LAYER)
            digits = self.llama.embed(self.digits.repeat(n)[:, None])
            after = self._after(low.mask, 1)[every]
            digits, _ = self._read(
                digits, after, torch.ones_like(after), self.low, low.select(every), 0, FIRST_LAYER
            )  # fmt: skip
        return [
            Below(
                tuple((k[i, :, :m].half(), v[i, :, :m].half()) for k, v in past.layers[FIRST_LAYER:]),
                said[i, : len(row)].clone(),
                digits.view(n, 10, -1)[i].clone(),
            )
            for i, (m, row) in enumerate(zip(past.mask.sum(-1).tolist(), rows, strict=True))
        ]

    def loss(self, lessons: Sequence[Lesson], below: Sequence[Below], stage: Stage) -> Tensor:
        """The loss per number, a scalar."""
        past = _joined([b.layers for b in below])
        said = pad_sequence([b.said for b in below], batch_first=True)
        lengths = torch.tensor([len(b.said) for b in below])
        mask = (torch.arange(said.shape[1])[None] < lengths[:, None]).long()
        positions = self._after(past.mask, said.shape[1])
        hidden, past = self._read(said, positions, mask, self.high, past, FIRST_LAYER, self.n_layers)
        tens = self._digit_logits(hidden[torch.arange(len(below)), lengths - 1])
        target = torch.tensor([lesson.target for lesson in lessons])
        if stage.truth:
            number, wanted = truth_loss(tens, target, stage.spread_weight)
        else:
            number, wanted = teacher_loss(tens, target)
        first = tens.argmax(-1) if stage.truth else wanted // 10
        # one token more: the first digit, and behind it the second
        each = torch.stack([b.digits[int(digit)] for b, digit in zip(below, first, strict=True)])[:, None]
        after = self._after(past.mask, 1)
        hidden, _ = self._read(each, after, torch.ones_like(after), self.high, past, FIRST_LAYER, self.n_layers)
        second = (wanted - 10 * first).clamp(0, 9)
        return number + ONES_WEIGHT * cross_entropy(self._digit_logits(hidden[:, -1]), second)

    def _read(
        self, hidden: Tensor, positions: Tensor, mask: Tensor, prefix: Prefix, past: Past, first: int, last: int
    ) -> tuple[Tensor, Past]:
        return self.llama.read(hidden, positions, mask, prefix, past, first, last)

    def _after(self, mask: Tensor, n_new: int) -> Tensor:
        """The positions (B, n_new) behind the tokens of `mask`."""
        return self.low.length + mask.sum(-1, keepdim=True) + torch.arange(n_new)

    def _digit_logits(self, hidden: Tensor) -> Tensor:
        return self.llama.body.norm(hidden) @ self.llama.causal.lm_head.weight[self.digits].T


def _joined(rows: Sequence[tuple[tuple[Tensor, Tensor], ...]]) -> Past:
    """The rows' keys and values as one batch (B, G, T, D), filled up on the right, and its mask."""

    def padded(parts: Sequence[Tensor]) -> Tensor:
        return pad_sequence([part.transpose(0, 1).float() for part in parts], batch_first=True).transpose(1, 2)

    lengths = torch.tensor([layers[0][0].shape[1] for layers in rows])
    mask = (torch.arange(int(lengths.max()))[None] < lengths[:, None]).long()
    layers = [(padded([k for k, _ in layer]), padded([v for _, v in layer])) for layer in zip(*rows, strict=True)]
    return Past(layers, mask)


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
