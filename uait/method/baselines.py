"""The confidences that UaIT is compared with, from the same records: higher is surer, all in [0, 1].

Entropies are estimated from the K samples and turned into a confidence by exp(-entropy), which keeps their ranking.
Stands above `sar` and `labelling`, whose formulas it shares. A set that can't be scored is Unscored, as for SAR.
"""

import math
import sys
from itertools import combinations

import numpy as np

from uait.method.correctness import rouge_l
from uait.method.sar import bounded_confidence, sar_score, sentence_shift, set_flaw
from uait.records import Reason, Relevance, Sample, SampleSet, SarScore, Unscored

SAME_MEANING = 0.7  # of two answers behind their question; chosen on questions to tune on, see docs/LOG.md


def predictive_entropy_confidence(samples: SampleSet) -> float | Unscored:
    """exp(-PE), PE = (1/K) sum_k -log p(s_k) with log p(s_k) = sum_i log p_i.

    Source: Malinin & Gales 2021 (arXiv 2002.07650), Monte-Carlo estimate of the sequence entropy H; our PE.
    It is the geometric mean of the samples' probabilities.
    """
    flaw = set_flaw(samples)
    if flaw is not None:
        return Unscored(samples.question.id, flaw)
    return _exp(float(np.mean([-sample.logprobs.sum() for sample in samples.samples])))


def length_normalised_entropy_confidence(samples: SampleSet) -> float | Unscored:
    """exp(-LN-PE), LN-PE = (1/K) sum_k (1/T_k) sum_i -log p_i.

    Source: Malinin & Gales 2021 (arXiv 2002.07650), the length-normalised estimate.
    """
    flaw = set_flaw(samples)
    if flaw is not None:
        return Unscored(samples.question.id, flaw)
    return _exp(float(np.mean([-sample.logprobs.mean() for sample in samples.samples])))


def token_sar_confidence(samples: SampleSet, relevance: Relevance, t: float) -> float | Unscored:
    """exp(-mean_k E_k), E_k the tokenSAR of sample k: SAR without its sentence-level shift.

    Source: SAR paper (arXiv 2307.01379), tokenSAR averaged over the samples.
    """
    score = sar_score(samples, relevance, t)
    return _exp(float(score.token_sar.mean())) if isinstance(score, SarScore) else score


def sentence_sar_confidence(samples: SampleSet, relevance: Relevance, t: float) -> float | Unscored:
    """exp(-sentSAR) / (1 + (K-1)/t), sentSAR = mean_k -log(p(s_k) + (1/t) sum_{j != k} g_kj p(s_j)).

    Source: SAR paper (arXiv 2307.01379), sentSAR: SAR without its token-level shift, so log p(s_k) = sum_i log p_i.
    Bounded as SAR is, see `sar.bounded_confidence`.
    """
    score = sar_score(samples, relevance, t)
    if isinstance(score, Unscored):
        return score
    nll = np.array([-sample.logprobs.sum() for sample in samples.samples])
    return bounded_confidence(sentence_shift(nll, relevance.sentence, t), len(nll), t)


def lexical_similarity_confidence(samples: SampleSet) -> float | Unscored:
    """The mean ROUGE-L F1 over all pairs of samples; Unscored with one sample, which has no pair.

    2 / (K (K-1)) sum_{j < k} ROUGE-L(s_j, s_k). Source: Fomicheva et al. 2020 (TACL), lexical similarity, with
    ROUGE-L in place of METEOR as in Kuhn et al. 2023 (arXiv 2302.09664).
    """
    reason = set_flaw(samples) or (Reason.ONE_SAMPLE if len(samples.samples) == 1 else None)
    if reason is not None:
        return Unscored(samples.question.id, reason)
    pairs = combinations([sample.text for sample in samples.samples], 2)
    return float(np.mean([rouge_l(a, b) for a, b in pairs]))


def semantic_entropy_confidence(samples: SampleSet, relevance: Relevance) -> float | Unscored:
    """exp(-SE), SE = -(1/C) sum_c log p(c), p(c) = sum_{s in c} p(s), over the C meanings among the samples.

    Source: Kuhn et al. 2023 (arXiv 2302.09664), the Monte-Carlo estimate of the entropy over meanings. There, two
    answers mean the same when each entails the other; here, when their sentence similarity is at least SAME_MEANING, or
    a chain of such pairs joins them. An answer drawn twice counts once in p(c), so that p(c) <= 1 and SE >= 0; the
    order of the samples changes nothing.
    """
    reason = set_flaw(samples) or (Reason.MISMATCH if len(relevance.sentence) != len(samples.samples) else None)
    if reason is not None:
        return Unscored(samples.question.id, reason)
    joined = (relevance.sentence >= SAME_MEANING) | np.eye(len(samples.samples), dtype=bool)
    for _ in samples.samples:  # a chain has at most K links
        joined = joined @ joined
    meanings: dict[int, dict[tuple[int, ...], float]] = {}
    for meaning, sample in zip(joined.argmax(1).tolist(), samples.samples, strict=True):
        meanings.setdefault(meaning, {})[sample.token_ids] = math.exp(float(sample.logprobs.sum()))
    nats = [-math.log(max(sum(answers.values()), sys.float_info.min)) for answers in meanings.values()]
    return _exp(float(np.mean(nats)))


def greedy_probability(samples: SampleSet) -> float | Unscored:
    """`mean_probability` of the greedy answer."""
    flaw = samples.greedy.flaw
    return Unscored(samples.question.id, flaw) if flaw is not None else mean_probability(samples.greedy)


def mean_probability(sample: Sample) -> float:
    """exp((1/T) sum_i log p_i): the geometric mean of an answer's token probabilities."""
    return _exp(-float(sample.logprobs.mean()))


def _exp(nats: float) -> float:
    """exp(-nats), never 0: a hopeless answer is unlikely, not impossible."""
    return max(math.exp(-max(nats, 0.0)), sys.float_info.min)
