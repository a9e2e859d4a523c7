"""What the teacher says of a question, what is learned from it, and the adapter that came of it."""

from dataclasses import dataclass
from typing import Any

from uait.records.base import require, unit
from uait.records.questions import Question
from uait.records.samples import Reason


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
        unit(f"confidence of {self.question.id!r}", self.confidence)
        require(
            (self.confidence is None) == (self.unscored is not None),
            f"Label of {self.question.id!r}: a confidence or a reason for its absence, exactly one of the two.",
        )


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One row to learn from: the question, the answer to give, and how sure to be of it, in [0, 1]."""

    question: Question
    answer: str
    confidence: float
    is_correct: bool

    @staticmethod
    def from_older(data: dict[str, Any]) -> dict[str, Any]:
        """The fields as they are now: files of earlier versions held the text `answer; 87.3%` as `completion`."""
        if "completion" not in data:
            return data
        answer = data["completion"].rpartition(";")[0]
        return {"answer": answer, **{key: value for key, value in data.items() if key != "completion"}}


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
        shared = {e.question.fact for e in self.train} & {e.question.fact for e in self.dev}
        require(not shared, f"{len(shared)} facts are in train and dev, e.g. {sorted(shared)[:1]}; split by fact.")


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """From which confidence on an adapter's answers are trusted, and what that was chosen by.

    `value` is None exactly when `reason` says why. `n` answers with a number, `n_right` of them right, to the questions
    that `source` names; on them, how well the number and the threshold do.
    """

    value: float | None
    source: str
    n: int
    n_right: int
    balanced_accuracy: float | None = None
    auroc: float | None = None
    ece: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        unit("threshold", self.value)
        require((self.value is None) == bool(self.reason), "A threshold, or a reason for its absence: one of the two.")


@dataclass(frozen=True, slots=True)
class Origin:
    """The adapter whose weights a tuning went on with: its name, the SHA-256 of its weights and of its examples."""

    adapter: str
    sha256: str
    data_hash: str


@dataclass(frozen=True, slots=True)
class Adapter:
    """A tuned LoRA adapter on disk and the card saved beside it.

    `chosen` says what `threshold` was chosen by, where that is known. `level_edges`: for an adapter that
    hears how probable its answer was, what parts the levels that it hears; None for one that doesn't. `origin`: the
    adapter that it was tuned on from; None where it began afresh.
    """

    path: str
    base_model_id: str
    data_hash: str
    settings: dict[str, Any]
    metrics: dict[str, Any]
    threshold: float | None = None
    level_edges: tuple[float, ...] | None = None
    chosen: ThresholdChoice | None = None
    origin: Origin | None = None
