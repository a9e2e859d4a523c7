import math
from collections.abc import Callable

import numpy as np
import pytest

from uait.method.baselines import (
    greedy_probability,
    length_normalised_entropy_confidence,
    lexical_similarity_confidence,
    predictive_entropy_confidence,
    semantic_entropy_confidence,
    sentence_sar_confidence,
    token_sar_confidence,
)
from uait.records import Finish, Question, Reason, Relevance, Sample, SampleSet, Unscored


def _sample(text: str, logprobs: list[float], finish: Finish = Finish.STOP) -> Sample:
    ids = tuple(sum(map(ord, text)) + i for i in range(len(logprobs)))  # other texts, other ids
    return Sample(text, ids, tuple("w" for _ in ids), np.array(logprobs, dtype=float), finish)


def _set(*samples: Sample, greedy: Sample | None = None) -> SampleSet:
    return SampleSet(Question("q1", "Who?"), greedy or samples[0], samples, "Who?")


GOLDEN = _set(_sample("Ann Lee", [-0.5, -1.0]), _sample("Ann Poe", [-2.0, -3.0]))
RELEVANCE = Relevance("q1", (np.array([0.7, 0.1]), np.array([0.5, 0.5])), np.full((2, 2), 0.2), "fake")


def test_predictive_entropy_is_the_mean_negative_log_probability() -> None:
    # (1.5 + 5) / 2 = 3.25
    assert predictive_entropy_confidence(GOLDEN) == pytest.approx(math.exp(-3.25))


def test_length_normalised_entropy_averages_over_tokens_first() -> None:
    # (.75 + 2.5) / 2 = 1.625
    assert length_normalised_entropy_confidence(GOLDEN) == pytest.approx(math.exp(-1.625))


def test_length_normalisation_forgives_length_and_plain_entropy_does_not() -> None:
    short, long = _set(_sample("a", [-0.5])), _set(_sample("a b", [-0.5, -0.5]))
    assert length_normalised_entropy_confidence(short) == length_normalised_entropy_confidence(long)
    assert predictive_entropy_confidence(long) == pytest.approx(math.exp(-1.0))


def test_token_sar_averages_the_relevance_weighted_doubt() -> None:
    # (.5625 + 2.5) / 2 = 1.53125
    assert token_sar_confidence(GOLDEN, RELEVANCE, 0.001) == pytest.approx(math.exp(-1.53125))


def test_sentence_sar_uses_whole_sequence_probabilities() -> None:
    # p = e^-1.5 = .22313016, e^-5 = .00673795; -log(.22313016 + 200 * .00673795) = -.45109 (1.57072)
    # -log(.00673795 + 200 * .22313016) = -3.79848 (44.63277); mean -2.124987; e^2.124987 / 1001
    p, q = math.exp(-1.5), math.exp(-5)
    by_hand = math.sqrt((p + 200 * q) * (q + 200 * p)) / 1001
    assert by_hand == pytest.approx(0.0083644, abs=1e-6)
    assert sentence_sar_confidence(GOLDEN, RELEVANCE, 0.001) == pytest.approx(by_hand)


def test_lexical_similarity_is_the_mean_rouge_of_all_pairs() -> None:
    # "ann lee" / "ann poe" share 1 word of 2 + 2: 2*1/4 = .5; the third equals the first: 1; and .5 again: mean 2/3
    third = _sample("Ann Lee", [-1.0])
    assert lexical_similarity_confidence(_set(*GOLDEN.samples, third)) == pytest.approx(2 / 3)


def test_one_sample_has_no_lexical_similarity() -> None:
    assert lexical_similarity_confidence(_set(GOLDEN.samples[0])) == Unscored("q1", Reason.ONE_SAMPLE)


THREE = _set(_sample("Ann", [-1.0]), _sample("Miss Ann", [-1.0, -1.0]), _sample("Bob", [-2.0]))


def _alike(*pairs: tuple[int, int], n: int = 3) -> Relevance:
    """Samples i and j of each pair are alike, others are not."""
    g = np.eye(n)
    for i, j in pairs:
        g[i, j] = g[j, i] = 0.95
    return Relevance("q1", tuple(np.array([0.5]) for _ in range(n)), g, "fake")


def test_semantic_entropy_adds_up_the_answers_that_mean_the_same() -> None:
    # meanings {Ann, Miss Ann} and {Bob}: -log(e^-1 + e^-2) = .68674 and 2; their mean 1.34337
    first = math.exp(-1) + math.exp(-2)
    assert -math.log(first) == pytest.approx(0.68674, abs=1e-5)
    assert semantic_entropy_confidence(THREE, _alike((0, 1))) == pytest.approx(math.sqrt(first * math.exp(-2)))
    # three meanings: (1 + 2 + 2) / 3
    assert semantic_entropy_confidence(THREE, _alike()) == pytest.approx(math.exp(-5 / 3))


def test_a_chain_of_alike_answers_is_one_meaning_in_any_order() -> None:
    one = semantic_entropy_confidence(THREE, _alike((0, 2), (2, 1)))
    assert one == pytest.approx(math.exp(-1) + 2 * math.exp(-2))
    a, b, c = THREE.samples
    assert semantic_entropy_confidence(_set(c, a, b), _alike((1, 0), (0, 2))) == pytest.approx(one)


def test_an_answer_drawn_twice_is_one_answer_of_its_meaning() -> None:
    once = _sample("Ann", [-0.1])
    assert semantic_entropy_confidence(_set(once, once), _alike((0, 1), n=2)) == pytest.approx(math.exp(-0.1))


def test_semantic_entropy_needs_a_similarity_for_every_sample() -> None:
    assert semantic_entropy_confidence(THREE, _alike(n=2)) == Unscored("q1", Reason.MISMATCH)


def test_greedy_probability_is_the_geometric_mean_of_its_tokens() -> None:
    # e^((-.5 - 1) / 2) = e^-.75
    assert greedy_probability(GOLDEN) == pytest.approx(math.exp(-0.75))


def test_greedy_probability_looks_at_the_greedy_answer_only() -> None:
    cut = _sample("cut o", [-0.1], Finish.LENGTH)
    assert greedy_probability(_set(cut, greedy=GOLDEN.greedy)) == pytest.approx(math.exp(-0.75))
    assert greedy_probability(_set(GOLDEN.greedy, greedy=cut)) == Unscored("q1", Reason.TRUNCATED)


@pytest.mark.parametrize(
    "baseline",
    [
        predictive_entropy_confidence,
        length_normalised_entropy_confidence,
        lexical_similarity_confidence,
        lambda s: semantic_entropy_confidence(s, RELEVANCE),
        lambda s: token_sar_confidence(s, RELEVANCE, 0.001),
        lambda s: sentence_sar_confidence(s, RELEVANCE, 0.001),
    ],
)
def test_an_empty_or_cut_sample_is_never_scored(baseline: Callable[[SampleSet], float | Unscored]) -> None:
    fine = GOLDEN.samples[0]
    assert baseline(_set(fine, _sample("", []))) == Unscored("q1", Reason.EMPTY)
    assert baseline(_set(fine, _sample("cut", [-0.1, -0.1], Finish.LENGTH))) == Unscored("q1", Reason.TRUNCATED)


def test_a_hopeless_answer_is_unlikely_but_not_impossible() -> None:
    hopeless = predictive_entropy_confidence(_set(_sample("a", [-5000.0])))
    assert isinstance(hopeless, float) and 0.0 < hopeless < 1e-300
