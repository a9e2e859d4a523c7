"""Tunes the student on answers of the base: what is read once an answer has ended is adapted, from `FIRST_LAYER` on.

So the base's keys and values of the question, and the lower layers' output, never change: each is computed once, and a
step reads an answer and the few tokens behind it. Axes: B rows, T tokens.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from uait.embedded.smollm2.shared_prefix import Past, Prefix, padded
from uait.embedded.smollm2.student import Student
from uait.embedded.smollm2.teacher import TeacherRow
from uait.models.hearing import mean_number

FIRST_LAYER = 15
ONES_WEIGHT = 0.3  # of the second digit's loss: what it says is a tenth of the first's


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question, the base's answer, and how sure to be of it, in [0, 1]."""

    question: str
    row: TeacherRow
    target: float


@dataclass(frozen=True, slots=True)
class Stage:
    """How to tune."""

    epochs: float = 2.0
    batch_size: int = 32
    learning_rate: float = 2e-3
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

    def tune(self, lessons: Sequence[Lesson], below: Sequence[Below], stage: Stage) -> Iterator[dict[str, float]]:
        """Yields every step's number and loss, and how many steps there will be."""
        weights = list(self.student.lm.adapter_weights().values())
        optimiser = torch.optim.AdamW(weights, lr=stage.learning_rate, weight_decay=0.0)
        n_steps = max(1, round(stage.epochs * math.ceil(len(lessons) / stage.batch_size)))
        warm = max(1, round(stage.warmup * n_steps))
        draws = torch.Generator().manual_seed(stage.seed)
        order: list[int] = []
        for step in range(n_steps):
            if not order:
                order = torch.randperm(len(lessons), generator=draws).tolist()
            batch, order = order[: stage.batch_size], order[stage.batch_size :]
            rate = min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * step / n_steps)))
            for group in optimiser.param_groups:
                group["lr"] = stage.learning_rate * rate
            with self.student.lm.alone():
                loss = self.loss([lessons[i] for i in batch], [below[i] for i in batch])
                optimiser.zero_grad()
                loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            yield {"step": step + 1, "total": n_steps, "loss": loss.item()}

    @torch.no_grad()
    def below(self, lessons: Sequence[Lesson]) -> list[Below]:
        """What the base and the frozen layers make of each example."""
        hears, n = self.student.hears, len(lessons)
        past = self.student.read([lesson.question for lesson in lessons])
        rows = [[*x.row.ids, *hears.opening(hears.level(x.row.probability))] for x in lessons]
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

    def loss(self, lessons: Sequence[Lesson], below: Sequence[Below]) -> Tensor:
        """The loss per number, a scalar."""
        past = _joined([b.layers for b in below])
        said = pad_sequence([b.said for b in below], batch_first=True)
        lengths = torch.tensor([len(b.said) for b in below])
        mask = (torch.arange(said.shape[1])[None] < lengths[:, None]).long()
        positions = self._after(past.mask, said.shape[1])
        hidden, past = self._read(said, positions, mask, self.high, past, FIRST_LAYER, self.n_layers)
        tens = self._digit_logits(hidden[torch.arange(len(below)), lengths - 1])
        target = torch.tensor([lesson.target for lesson in lessons])
        number, wanted = number_loss(tens, target)
        first = wanted // 10
        # one token more: the first digit, and behind it the second
        each = torch.stack([b.digits[int(digit)] for b, digit in zip(below, first, strict=True)])[:, None]
        after = self._after(past.mask, 1)
        hidden, _ = self._read(each, after, torch.ones_like(after), self.high, past, FIRST_LAYER, self.n_layers)
        return number + ONES_WEIGHT * cross_entropy(self._digit_logits(hidden[:, -1]), wanted % 10)

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


def number_loss(tens: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """-log q_i of the target's first digit i, and 5 (c - target)^2; with it the whole numbers to say (B,), 1 to 99."""
    wanted = (100 * target).round().long().clamp(1, 99)
    distance = (mean_number(tens.softmax(-1)) - target).square().mean()
    return cross_entropy(tens, wanted // 10) + 5.0 * distance, wanted
