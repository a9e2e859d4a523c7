"""What the student says, what the gate decides, and why: answers, explanations, replies."""

from dataclasses import dataclass

import numpy as np

from uait.records.base import Text, unit
from uait.records.questions import Question, Retrieved
from uait.records.samples import Sample, SarScore, Unscored


@dataclass(frozen=True, slots=True)
class Answer:
    """One greedy answer. `spoken`: the number it said; `expected`: its mean over the number tokens; [0, 1] or None.

    `probability` of all that it generated, its end included; None where it did not end.
    """

    text: str
    spoken: float | None
    expected: float | None
    sample: Sample
    prompt: str
    seconds: float
    model_id: str
    n_passages: int = 0
    probability: float | None = None

    def __post_init__(self) -> None:
        unit("spoken confidence", self.spoken)
        unit("expected confidence", self.expected)


class Action(Text):
    """What the gate decided."""

    ANSWER = "answer"
    RETRIEVE = "retrieve"
    ESCALATE = "escalate"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's verdict on one confidence; `reason` is a sentence for people.

    `is_familiar`: whether the question is of a kind that the model was measured on; None where that is not known.
    """

    action: Action
    confidence: float | None
    threshold: float
    reason: str
    is_familiar: bool | None = None


@dataclass(frozen=True, slots=True)
class StrongerAnswer:
    """What a stronger model answered. Tokens read and written and their cost are None where they are not known.

    `confidence` and `threshold` are those of a model that states one; None of any other.
    """

    text: str
    model_id: str
    n_tokens_read: int | None
    n_tokens_written: int | None
    cost: float | None
    seconds: float
    confidence: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class TokenExplanation:
    """One token of the explained answer: probability, nats, relevance, share of the doubt, the sentence without it."""

    text: str
    p: float
    nll: float
    relevance: float
    contribution: float
    without: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """One answer's doubt, all of the model that gave it: its tokens, K samples, their similarity (K, K) and SAR.

    A number said behind an answer is cut off its tokens and the samples. `n_tokens` were drawn, numbers among them, and
    `seconds` went into drawing and comparing.
    """

    answer: Answer
    tokens: tuple[TokenExplanation, ...]
    samples: tuple[Sample, ...]
    similarity: np.ndarray
    score: SarScore | Unscored
    n_tokens: int
    seconds: float

    @property
    def probability(self) -> float | None:
        """Of the answer under the model that gave it, its tokens' probabilities multiplied; None of no answer."""
        return float(np.prod([token.p for token in self.tokens])) if self.tokens else None


@dataclass(frozen=True, slots=True)
class Reply:
    """Everything that one question brought: first answer, decision, what was read or who was asked, final answer.

    `second` is the gate's verdict on what was read or what the `stronger` model said: ANSWER or ABSTAIN; None where
    there was no second answer. `notes` say why there was none. `read_as` is a sentence on how the question was
    read, where that isn't as it stands.
    """

    question: Question
    first: Answer
    decision: Decision
    retrieved: Retrieved | None
    final: Answer
    seconds: float
    explanation: Explanation | None = None
    stronger: StrongerAnswer | None = None
    second: Decision | None = None
    notes: tuple[str, ...] = ()
    read_as: str = ""

    @property
    def is_read(self) -> bool:
        """Whether the final answer was read in a passage: where passages don't say, it is empty."""
        return bool(self.retrieved and self.retrieved.passages and self.final.text)

    @property
    def outcome(self) -> Answer | StrongerAnswer | None:
        """The answer that the gate lets through, with who gave it; None where it is not known."""
        if self.decision.action is Action.ANSWER:
            return self.first
        if self.second is not None and self.second.action is Action.ABSTAIN:
            return None
        if self.stronger is not None:
            return self.stronger
        return self.final if self.is_read else None
