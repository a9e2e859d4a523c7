"""Every value that crosses a file boundary: frozen, and validated when it is made.

Knows nothing about models, files on disk or pages. Axes: K samples, T tokens of one sample.
One sign everywhere: `confidence` rises with certainty and lies in [0, 1]; `sar` and `nll` rise with doubt (nats).
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from uait.errors import DataError


def _require(is_fine: bool, message: str) -> None:
    if not is_fine:
        raise DataError(message)


def _unit(name: str, value: float | None) -> None:
    _require(value is None or 0.0 <= value <= 1.0, f"{name} is {value}; it must lie between 0 and 1, or be None.")


class _Text(str, Enum):
    """Members that are their own text, as enum.StrEnum has them from Python 3.11 on."""

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a record comes from: enough to make it again."""

    model_id: str
    adapter_id: str | None
    settings: dict[str, Any]
    seed: int
    package_version: str
    time: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `references` holds every accepted answer, the one to teach first (may be empty)."""

    id: str
    text: str
    references: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(bool(self.id), "A question has an empty id; give every question its own id.")
        _require(bool(self.text.strip()), f"Question {self.id!r} is empty; write a question.")


class Finish(_Text):
    """Why a generation ended: the model closed its answer, or the token limit cut it."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Sample:
    """One generated answer with its tokens; ids, texts and log-probabilities line up by position.

    `logprobs` are natural logarithms at temperature 1, <= 0, shape (T,). The end token is not among them.
    """

    text: str
    token_ids: tuple[int, ...]
    token_texts: tuple[str, ...]
    logprobs: np.ndarray
    finish: Finish

    def __post_init__(self) -> None:
        n_ids, n_texts, n_logprobs = len(self.token_ids), len(self.token_texts), len(self.logprobs)
        _require(
            n_ids == n_texts == n_logprobs,
            f"Sample {self.text!r} has {n_ids} ids, {n_texts} token texts and {n_logprobs} log-probabilities; "
            "the three must line up.",
        )
        _require(bool(np.all(self.logprobs <= 1e-6)), f"Sample {self.text!r} has a log-probability above 0.")

    @property
    def flaw(self) -> "Reason | None":
        """Why no confidence can be computed from this sample, or None."""
        if not self.text.strip() or not self.token_ids:
            return Reason.EMPTY
        if self.finish is Finish.LENGTH:
            return Reason.TRUNCATED
        return None if np.isfinite(self.logprobs).all() else Reason.NOT_FINITE


@dataclass(frozen=True, slots=True)
class SampleSet:
    """The greedy answer and K sampled answers to one question; `prompt` is the text as the model saw it."""

    question: Question
    greedy: Sample
    samples: tuple[Sample, ...]
    prompt: str

    def __post_init__(self) -> None:
        _require(len(self.samples) >= 1, f"Question {self.question.id!r} has no samples; sample at least once.")


@dataclass(frozen=True, slots=True)
class Relevance:
    """Token relevance R_i per sample, K arrays of shape (T_k,) in [0, 1], and sentence similarity (K, K) in [0, 1]."""

    question_id: str
    token_K: tuple[np.ndarray, ...]
    sentence: np.ndarray
    scorer_id: str

    def __post_init__(self) -> None:
        n_samples = len(self.token_K)
        _require(
            self.sentence.shape == (n_samples, n_samples),
            f"Question {self.question_id!r}: sentence similarity of shape {self.sentence.shape}, {n_samples} samples.",
        )
        _require(
            all(bool(np.all(r >= 0)) for r in self.token_K), f"Question {self.question_id!r} has relevance below 0."
        )


class Reason(_Text):
    """Why there is no score."""

    EMPTY = "empty answer"
    TRUNCATED = "answer cut off at the token limit"
    NO_RELEVANCE = "no token carries relevance"
    MISMATCH = "tokens and relevance do not line up"
    ONE_SAMPLE = "one sample has no other to agree with"
    NOT_FINITE = "a probability is not a finite number"
    NO_NUMBER = "the model stated no confidence"
    NO_REFERENCE = "no reference answer to compare with"


@dataclass(frozen=True, slots=True)
class SarScore:
    """SAR of one question: `token_sar` (K,) and `sar` in nats, unbounded, rise with doubt; `confidence` in (0, 1]."""

    question_id: str
    token_sar: np.ndarray
    sar: float
    confidence: float
    t: float

    def __post_init__(self) -> None:
        _require(
            bool(np.isfinite(self.sar)), f"Question {self.question_id!r} has SAR {self.sar}; use Unscored instead."
        )
        _unit("confidence", self.confidence)


@dataclass(frozen=True, slots=True)
class Unscored:
    """The only way to say "no score"."""

    question_id: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Label:
    """What the teacher says of one question: the greedy answer, its confidence, and whether it is right.

    `confidence` is None exactly when `unscored` names a reason; `raw_confidence` is the value before calibration.
    """

    question: Question
    answer: str
    confidence: float | None
    raw_confidence: float | None
    sar: float | None
    is_correct: bool | None
    unscored: Reason | None = None
    samples: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _unit(f"confidence of {self.question.id!r}", self.confidence)
        _require(
            (self.confidence is None) == (self.unscored is not None),
            f"Label of {self.question.id!r}: a confidence or a reason for its absence, exactly one of the two.",
        )


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One row to learn from: the question, and the completion `answer; 87.3%`."""

    question: Question
    completion: str
    confidence: float
    is_correct: bool


@dataclass(frozen=True, slots=True)
class DistilledSet:
    """What is kept for tuning, split by question, with every drop counted by reason."""

    train: tuple[TrainingExample, ...]
    dev: tuple[TrainingExample, ...]
    kept: dict[str, int]
    dropped: dict[str, int]
    histogram: tuple[int, ...]
    entropy_bits: float
    warning: str | None = None

    def __post_init__(self) -> None:
        shared = {e.question.id for e in self.train} & {e.question.id for e in self.dev}
        _require(
            not shared, f"{len(shared)} questions are in train and dev, e.g. {sorted(shared)[:1]}; split by question."
        )


@dataclass(frozen=True, slots=True)
class Adapter:
    """A tuned LoRA adapter on disk and the card saved beside it."""

    path: str
    base_model_id: str
    data_hash: str
    settings: dict[str, Any]
    metrics: dict[str, Any]
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One greedy answer. `spoken`: the number it said; `expected`: its mean over the number tokens; [0, 1] or None."""

    text: str
    spoken: float | None
    expected: float | None
    sample: Sample
    prompt: str
    seconds: float
    model_id: str
    n_passages: int = 0

    def __post_init__(self) -> None:
        _unit("spoken confidence", self.spoken)
        _unit("expected confidence", self.expected)


@dataclass(frozen=True, slots=True)
class Passage:
    """One retrieved text. `score` is the engine's own, higher is better; `source` names the engine."""

    doc_id: str
    title: str
    text: str
    score: float
    source: str
    url: str | None = None


class Action(_Text):
    """What the gate decided."""

    ANSWER = "answer"
    RETRIEVE = "retrieve"


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's verdict on one confidence; `reason` is a sentence for people."""

    action: Action
    confidence: float | None
    threshold: float
    reason: str


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Passages found, or none, with every engine that failed on the way and its sentence."""

    query: str
    passages: tuple[Passage, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


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
    """Why the teacher doubts: the greedy answer's tokens, the samples, their similarity (K, K) and SAR."""

    tokens: tuple[TokenExplanation, ...]
    samples: tuple[Sample, ...]
    similarity: np.ndarray
    score: SarScore | Unscored
    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """Everything that one question brought: first answer, decision, what was read, final answer."""

    question: Question
    first: Answer
    decision: Decision
    retrieved: Retrieved | None
    final: Answer
    seconds: float
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class MethodResult:
    """How well one method's confidence tells right from wrong on one question set; intervals are 95 % bootstrap."""

    method: str
    split: str
    n: int
    n_unscored: int
    accuracy: float
    auroc: float | None
    auroc_interval: tuple[float, float] | None
    auprc: float | None
    ece: float | None
    brier: float | None
    risk_coverage_area: float | None
    reliability: tuple[tuple[float, float, int], ...] = ()  # per bin: mean confidence, accuracy, count


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """What a tuning on the labels that one distillation threshold keeps (None: all) came to; `kept`: right, wrong."""

    threshold: float | None
    kept: dict[str, int]
    results: tuple[MethodResult, ...]


@dataclass(frozen=True, slots=True)
class EvalReport:
    """One evaluation: a result per method and split, the paper's two figures, per-question rows, provenance."""

    results: tuple[MethodResult, ...]
    threshold_sweep: dict[str, Any]
    budget_curve: dict[str, Any]
    extras: dict[str, Any]
    rows: tuple[dict[str, Any], ...] = field(repr=False)
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A long stage moved on."""

    stage: str
    done: int
    total: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Partial:
    """The answer so far, while it is being generated."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """A stage ended well; `record` is its result."""

    record: Any


Event = Progress | Partial | Done
