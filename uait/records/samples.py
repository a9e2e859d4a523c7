"""Every value that crosses a file boundary: frozen, and validated when it is made.

Knows nothing about models, files on disk or pages. Axes: K samples, T tokens of one sample.
One sign everywhere: `confidence` rises with certainty and lies in [0, 1]; `sar` and `nll` rise with doubt (nats).
"""

from dataclasses import dataclass

import numpy as np

from uait.records.base import Text, require, unit
from uait.records.questions import Question


class Finish(Text):
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
        require(
            n_ids == n_texts == n_logprobs,
            f"Sample {self.text!r} has {n_ids} ids, {n_texts} token texts and {n_logprobs} log-probabilities; "
            "the three must line up.",
        )
        require(bool(np.all(self.logprobs <= 1e-6)), f"Sample {self.text!r} has a log-probability above 0.")

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
        require(len(self.samples) >= 1, f"Question {self.question.id!r} has no samples; sample at least once.")


@dataclass(frozen=True, slots=True)
class Relevance:
    """Token relevance R_i per sample, K arrays of shape (T_k,) in [0, 1], and sentence similarity (K, K) in [0, 1]."""

    question_id: str
    token_K: tuple[np.ndarray, ...]
    sentence: np.ndarray
    scorer_id: str

    def __post_init__(self) -> None:
        n_samples = len(self.token_K)
        require(
            self.sentence.shape == (n_samples, n_samples),
            f"Question {self.question_id!r}: sentence similarity of shape {self.sentence.shape}, {n_samples} samples.",
        )
        require(
            all(bool(np.all(r >= 0)) for r in self.token_K), f"Question {self.question_id!r} has relevance below 0."
        )


class Reason(Text):
    """Why there is no score."""

    EMPTY = "empty answer"
    TRUNCATED = "answer cut off at the token limit"
    NO_RELEVANCE = "no token carries relevance"
    MISMATCH = "tokens and relevance do not line up"
    ONE_SAMPLE = "one sample has no other to agree with"
    NOT_FINITE = "a probability is not a finite number"
    TOO_LONG = "longer than the model reads"
    REPEATED = "its id came before"


@dataclass(frozen=True, slots=True)
class SarScore:
    """SAR of one question: `token_sar` (K,) and `sar` in nats, unbounded, rise with doubt; `confidence` in (0, 1]."""

    question_id: str
    token_sar: np.ndarray
    sar: float
    confidence: float
    t: float

    def __post_init__(self) -> None:
        require(bool(np.isfinite(self.sar)), f"Question {self.question_id!r} has SAR {self.sar}; use Unscored instead.")
        unit("confidence", self.confidence)


@dataclass(frozen=True, slots=True)
class Unscored:
    """The only way to say "no score"."""

    question_id: str
    reason: Reason
