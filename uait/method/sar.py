"""SAR: samples and their relevance -> one number of doubt, and the confidence made of it.

Source: Duan et al., "Shifting Attention to Relevance" (arXiv 2307.01379), used by Uncertainty-aware Instruction
Tuning (EMNLP 2024) as its teacher. Knows nothing about models or about how relevance is measured.

Where the published script gives a failed sample the score 0, that is probability 1, we give `Unscored(reason)`.
"""

import math
import sys

import numpy as np

from uait.records import Reason, Relevance, SampleSet, SarScore, Unscored
from uait.records.errors import DataError


def token_sar(logprobs: np.ndarray, relevance: np.ndarray) -> float | Reason:
    """tokenSAR of one sample in nats, >= 0, higher is less certain; or the reason why there is none.

    E = sum_i R_i / (sum_n R_n) * (-log p_i), both arrays of shape (T,). Scaling the relevance changes nothing.
    Source: SAR paper, token-level shift; our R_i, p_i, E are its R_T(z_i, s, x), p(z_i | s_<i, x), tokenSAR(s, x).
    """
    if len(logprobs) != len(relevance):
        return Reason.MISMATCH
    if len(logprobs) == 0:
        return Reason.EMPTY
    if not (np.isfinite(logprobs).all() and np.isfinite(relevance).all()):
        return Reason.NOT_FINITE
    highest = float(np.max(relevance))
    if highest <= 0.0:
        return Reason.NO_RELEVANCE
    share = relevance / highest  # before the sum, so that tiny or huge relevance neither vanishes nor overflows
    return float(np.dot(share / share.sum(), -np.minimum(logprobs, 0.0)))


def sentence_shift(nll: np.ndarray, similarity: np.ndarray, t: float) -> float:
    """The mean doubt of K sentences in nats, each relieved by the others that say the same; unbounded on both sides.

    mean_k -log(p_k + (1/t) sum_{j != k} g_kj p_j), with p_k = exp(-nll_k); `nll` (K,), `similarity` (K, K) in [0, 1].
    Computed in logarithms, so that no p_k underflows; the diagonal of `similarity` is not used.
    Source: SAR paper, sentence-level shift; our g_kj, p_k are its g(s_k, s_j), p(s_k | x); t is its temperature.
    """
    weight = similarity / t
    np.fill_diagonal(weight, 1.0)
    with np.errstate(divide="ignore"):  # similarity 0 is weight log 0 = -inf: the other sentence adds nothing
        log_terms = np.log(weight) - nll[np.newaxis, :]
    highest = log_terms.max(axis=1, keepdims=True)
    log_sums = highest[:, 0] + np.log(np.exp(log_terms - highest).sum(axis=1))
    return -float(log_sums.mean())


def bounded_confidence(sar: float, n_samples: int, t: float) -> float:
    """The confidence in (0, 1] that ranks exactly as SAR does; 0.9 when every sample has p = 0.9 and all agree.

    c = exp(-SAR) / (1 + (K-1)/t). Source: ours. With p, g <= 1 the sum inside SAR's logarithm is at most 1 + (K-1)/t,
    so c <= 1; the published script uses exp(-SAR), which reaches 1 + (K-1)/t = 4001 at K = 5, t = 0.001.
    It is a bounded score, not a frequency: see `calibration`.
    """
    confidence = math.exp(min(-sar - math.log1p((n_samples - 1) / t), 0.0))
    return max(confidence, sys.float_info.min)


def sar_score(samples: SampleSet, relevance: Relevance, t: float) -> SarScore | Unscored:
    """SAR of one question from its K samples, or Unscored when any sample is empty, cut off or has no relevance.

    SAR = sentence_shift(E, g, t), where E_k is the tokenSAR of sample k and g the sentence similarity.
    Source: SAR paper, tokenSAR and sentSAR together. With K = 1 it is tokenSAR alone.
    Raises DataError when `relevance` belongs to another question.
    """
    question_id = samples.question.id
    if relevance.question_id != question_id:
        raise DataError(f"The relevance of {relevance.question_id!r} came with {question_id!r}; join them by id.")
    reason = set_flaw(samples) or _relevance_flaw(samples, relevance)
    if reason is not None:
        return Unscored(question_id, reason)
    scores = [token_sar(s.logprobs, r) for s, r in zip(samples.samples, relevance.token_K, strict=True)]
    for score in scores:
        if isinstance(score, Reason):
            return Unscored(question_id, score)
    nll = np.array(scores, dtype=float)
    sar = sentence_shift(nll, relevance.sentence, t)
    return SarScore(question_id, nll, sar, bounded_confidence(sar, len(nll), t), t)


def set_flaw(samples: SampleSet) -> Reason | None:
    """Why these samples can't be scored: the first flaw of any of them, or None."""
    return next((sample.flaw for sample in samples.samples if sample.flaw is not None), None)


def _relevance_flaw(samples: SampleSet, relevance: Relevance) -> Reason | None:
    if len(relevance.token_K) != len(samples.samples):
        return Reason.MISMATCH
    similarity = relevance.sentence
    if not np.isfinite(similarity).all() or (similarity < 0.0).any():
        return Reason.NOT_FINITE
    return None
