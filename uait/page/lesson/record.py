"""A lesson: two questions taken through the whole path, with every number in it that a class can check by hand.

Which questions make a good lesson is a list of rules, so that a retrained model gets a lesson of its own.
The arithmetic is that of `sar`, rearranged for a blackboard. Knows nothing of models, nor how a lesson is told.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uait.data.files import read_json
from uait.data.json import from_json
from uait.method.correctness import is_correct, normalise_answer
from uait.records import (
    Action,
    Answer,
    Label,
    Provenance,
    Question,
    Relevance,
    Reply,
    SampleSet,
    SarScore,
    TokenExplanation,
)
from uait.records.errors import DataError

OVERCONFIDENT = 0.9  # what a wrong answer has to claim to open a lesson
FILE = "lesson.json"


@dataclass(frozen=True, slots=True)
class LessonExample:
    """One question on its whole way: the number it claims, samples, relevance, score, label, and the tuned reply.

    `tokens` explain the greedy answer of `samples`; `rule` says when an answer counts as right.
    """

    question: Question
    claimed: Answer
    samples: SampleSet
    relevance: Relevance
    tokens: tuple[TokenExplanation, ...]
    score: SarScore
    label: Label
    reply: Reply
    rule: str = "exact"

    def __post_init__(self) -> None:
        n_samples, n_tokens = len(self.samples.samples), len(self.samples.greedy.token_ids)
        shapes = {
            "token relevances": (len(self.relevance.token_K), n_samples),
            "token scores": (len(self.score.token_sar), n_samples),
            "explained tokens": (len(self.tokens), n_tokens),
        }
        for name, (n, expected) in shapes.items():
            if n != expected:
                raise DataError(f"The lesson on {self.question.id!r} has {n} {name} for {expected}; record it again.")

    def is_right(self, answer: str) -> bool:
        """Whether `answer` is one of the accepted ones."""
        return bool(is_correct(answer, self.question.references, self.rule))

    @property
    def n_distinct(self) -> int:
        """How many different answers the samples give."""
        return len({normalise_answer(sample.text) for sample in self.samples.samples})


@dataclass(frozen=True, slots=True)
class Lesson:
    """The running example, one that the model knows, labels of many questions, and how the probes' numbers moved.

    `probes` holds `source`, `steps` and per question what it said at each; `rules` are those the example meets.
    """

    example: LessonExample
    known: LessonExample
    labels: tuple[Label, ...]
    probes: dict[str, Any]
    rules: tuple[str, ...]
    provenance: Provenance


def recorded_lesson(folder: Path) -> Lesson | None:
    """The lesson in a model's folder, or None when there is none. Raises DataError when it is damaged."""
    path = folder / FILE
    return from_json(Lesson, read_json(path)) if path.is_file() else None


# -- the arithmetic ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SampleScore:
    """One sample's share of the confidence: `p`, what the others add to it (`support`), and `score` in [0, 1]."""

    p: float
    support: float
    score: float


def sample_scores(score: SarScore, similarity: np.ndarray) -> tuple[SampleScore, ...]:
    """One score per sample, (p_k + (1/t) sum_{j != k} g_kj p_j) / (1 + (K-1)/t); `similarity` (K, K).

    Their geometric mean is the confidence: exp(-SAR) is the geometric mean of the numerators.
    """
    p = np.exp(-score.token_sar)
    others = similarity * (1 - np.eye(len(p)))
    support = others @ p
    scores = (p + support / score.t) / (1 + (len(p) - 1) / score.t)
    return tuple(SampleScore(float(a), float(b), float(c)) for a, b, c in zip(p, support, scores, strict=True))


def geometric_mean(values: Sequence[float]) -> float:
    """The n-th root of the product of n values > 0."""
    return math.exp(sum(math.log(value) for value in values) / len(values))


# -- the choice ----------------------------------------------------------------------------------

Rule = tuple[str, Callable[[LessonExample], bool]]


def _relevance_differs(example: LessonExample) -> bool:
    relevance = [token.relevance for token in example.tokens]
    return len(relevance) > 1 and max(relevance) > 2 * min(relevance)


# In order of importance: a later rule only chooses among those that meet the earlier ones, and the first is a must:
# a lesson ends with a right answer.
EXAMPLE_RULES: tuple[Rule, ...] = (
    ("the tuned model is right after reading", lambda e: e.is_right(e.reply.final.text)),
    ("the untuned model is wrong", lambda e: not e.is_right(e.claimed.text)),
    ("it claims to be at least 90 % sure", lambda e: (e.claimed.spoken or 0.0) >= OVERCONFIDENT),
    ("it is wrong without being asked for a number, too", lambda e: e.label.is_correct is False),
    ("its samples disagree", lambda e: e.n_distinct >= 3),
    ("its answer has several tokens, of different relevance", _relevance_differs),
    ("the confidence from the samples is below 50 %", lambda e: e.score.confidence < 0.5),
    ("the tuned model doubts it", lambda e: e.reply.decision.action is Action.RETRIEVE),
    ("the tuned model is wrong before reading", lambda e: not e.is_right(e.reply.first.text)),
)
KNOWN_RULES: tuple[Rule, ...] = (
    ("the untuned model is right", lambda e: e.is_right(e.claimed.text) and e.label.is_correct is True),
    ("its samples agree", lambda e: e.n_distinct == 1),
    ("the tuned model is right", lambda e: e.is_right(e.reply.first.text)),
    ("the tuned model is sure of it", lambda e: e.reply.decision.action is Action.ANSWER),
    ("the confidence from the samples is at least 90 %", lambda e: e.score.confidence >= 0.9),
)


def choose(candidates: Sequence[LessonExample], rules: Sequence[Rule]) -> tuple[LessonExample, tuple[str, ...]]:
    """The first candidate left when each rule in turn has kept those that meet it, and the rules it meets.

    A rule that none of those left meets is passed over, but the first. Raises DataError when none meets that one.
    """
    left = [example for example in candidates if rules[0][1](example)]
    if not left:
        raise DataError(f"Of none of {len(candidates)} questions holds that {rules[0][0]}; look at more of them.")
    for _, is_met in rules:
        left = [example for example in left if is_met(example)] or left
    return left[0], tuple(name for name, is_met in rules if is_met(left[0]))
