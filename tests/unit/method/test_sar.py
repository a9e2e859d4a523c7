import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uait.method.sar import bounded_confidence, sar_score, token_sar
from uait.records import Finish, Question, Reason, Relevance, Sample, SampleSet, SarScore, Unscored
from uait.records.errors import DataError

QUESTION = Question("q1", "Who?")
LOGPROB = st.floats(-20.0, 0.0)
WEIGHT = st.floats(0.01, 1.0)


def _sample(logprobs: list[float], text: str = "word", finish: Finish = Finish.STOP) -> Sample:
    ids = tuple(range(len(logprobs)))
    return Sample(text, ids, tuple("w" for _ in ids), np.array(logprobs, dtype=float), finish)


def _set(*samples: Sample) -> SampleSet:
    return SampleSet(QUESTION, samples[0], samples, "Who?")


def _relevance(tokens: list[list[float]], similarity: float | np.ndarray = 0.2, question_id: str = "q1") -> Relevance:
    k = len(tokens)
    matrix = similarity * np.ones((k, k))
    return Relevance(question_id, tuple(np.array(r, dtype=float) for r in tokens), matrix, "fake")


def _score(samples: SampleSet, relevance: Relevance, t: float = 0.001) -> SarScore:
    score = sar_score(samples, relevance, t)
    assert isinstance(score, SarScore)
    return score


def test_sar_of_the_golden_case_worked_by_hand() -> None:
    # E_1 = (.7*.5 + .1*1) / .8 = .5625 ; E_2 = (.5*2 + .5*3) / 1 = 2.5
    # p_1 = e^-.5625 = .56978282, p_2 = e^-2.5 = .08208500 ; 1/t = 1000, g = .2
    # -log(p_1 + 200 p_2) = -log(16.98678282) = -2.83243567 ; -log(p_2 + 200 p_1) = -log(114.03864970) = -4.73653730
    # mean = -3.78448649
    golden = _set(_sample([-0.5, -1.0]), _sample([-2.0, -3.0]))
    score = _score(golden, _relevance([[0.7, 0.1], [0.5, 0.5]]))
    assert score.token_sar == pytest.approx([0.5625, 2.5], abs=1e-12)
    assert score.sar == pytest.approx(-3.78448649, abs=1e-8)
    # c = e^3.78448649 / 1001 = 44.0126 / 1001
    assert score.confidence == pytest.approx(0.0439686, abs=1e-6)


@pytest.mark.parametrize("p", [0.9, 0.01])
@pytest.mark.parametrize("t", [0.001, 1.0])
def test_confidence_is_p_when_every_sample_has_p_and_all_agree(p: float, t: float) -> None:
    # SAR = -log(p (1 + 4/t)), which for p = .9, t = .001 is -log(3600.9) = -8.189: exp(-SAR) would be 360,090 %
    samples = _set(*[_sample([math.log(p)]) for _ in range(5)])
    score = _score(samples, _relevance([[1.0]] * 5, 1.0), t)
    assert score.sar == pytest.approx(-math.log(p * (1 + 4 / t)))
    assert score.confidence == pytest.approx(p)


def test_confidence_falls_as_sar_rises_and_stays_within_its_range() -> None:
    values = [bounded_confidence(sar, 5, 0.001) for sar in (-9.0, -8.0, -1.0, 0.0, 5.0, 5000.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] == 1.0 and values[-1] > 0.0


def test_with_one_sample_sar_is_token_sar_and_confidence_its_probability() -> None:
    score = _score(_set(_sample([-0.5, -1.0])), _relevance([[0.7, 0.1]]))
    assert score.sar == pytest.approx(0.5625)
    assert score.confidence == pytest.approx(math.exp(-0.5625))


def test_duplicate_samples_count_as_agreement() -> None:
    # p = e^-1; alone among strangers (g = 0): SAR = 1; two equal samples (g = 1): 1 - log(1 + 1000)
    samples = _set(_sample([-1.0]), _sample([-1.0]))
    strangers = _score(samples, _relevance([[1.0], [1.0]], 0.0))
    equals = _score(samples, _relevance([[1.0], [1.0]], 1.0))
    assert strangers.sar == pytest.approx(1.0)
    assert equals.sar == pytest.approx(1.0 - math.log(1001.0))


def test_a_token_without_relevance_adds_no_doubt() -> None:
    assert token_sar(np.array([-0.1, -9.0]), np.array([0.4, 0.0])) == pytest.approx(0.1)


def test_samples_too_unlikely_for_a_float_still_get_a_finite_sar() -> None:
    # exp(-2000) is 0 as a float: SAR = 2000 - log(1 + 1000 * .2) all the same
    score = _score(_set(_sample([-2000.0]), _sample([-2000.0])), _relevance([[1.0], [1.0]]))
    assert score.sar == pytest.approx(2000.0 - math.log(201.0))
    assert 0.0 < score.confidence < 1e-300


@settings(max_examples=25)
@given(st.lists(st.tuples(LOGPROB, WEIGHT), min_size=1, max_size=6), st.floats(1e-300, 1e300))
def test_scaling_the_relevance_leaves_token_sar_unchanged(rows: list[tuple[float, float]], scale: float) -> None:
    logprobs, relevance = (np.array(column) for column in zip(*rows, strict=True))
    assert token_sar(logprobs, scale * relevance) == pytest.approx(token_sar(logprobs, relevance))


@settings(max_examples=25)
@given(st.data(), st.integers(1, 5))
def test_permuting_the_samples_leaves_sar_unchanged(data: st.DataObject, k: int) -> None:
    rows = data.draw(st.lists(st.lists(st.tuples(LOGPROB, WEIGHT), min_size=1, max_size=4), min_size=k, max_size=k))
    raw = np.array(data.draw(st.lists(st.lists(st.floats(0, 1), min_size=k, max_size=k), min_size=k, max_size=k)))
    matrix, order = (raw + raw.T) / 2, data.draw(st.permutations(range(k)))
    logprobs, relevance = [[p for p, _ in row] for row in rows], [[r for _, r in row] for row in rows]
    before = _score(_set(*[_sample(p) for p in logprobs]), _relevance(relevance, matrix))
    shuffled = _set(*[_sample(logprobs[i]) for i in order])
    after = _score(shuffled, _relevance([relevance[i] for i in order], matrix[np.ix_(order, order)]))
    assert after.sar == pytest.approx(before.sar)
    assert after.confidence == pytest.approx(before.confidence)


FINE = _sample([-0.5])


@pytest.mark.parametrize(
    ("samples", "relevance", "reason"),
    [
        ([FINE, _sample([], "")], [[1.0], []], Reason.EMPTY),
        ([FINE, _sample([-0.1], " \n")], [[1.0], [1.0]], Reason.EMPTY),
        ([FINE, _sample([-0.1], "cut o", Finish.LENGTH)], [[1.0], [1.0]], Reason.TRUNCATED),
        ([FINE, _sample([-0.1, -0.2])], [[1.0], [0.0, 0.0]], Reason.NO_RELEVANCE),
        ([FINE, _sample([-0.1, -0.2])], [[1.0], [1.0]], Reason.MISMATCH),
        ([FINE, FINE], [[1.0]], Reason.MISMATCH),
        ([FINE, _sample([-math.inf])], [[1.0], [1.0]], Reason.NOT_FINITE),
        ([FINE, FINE], [[1.0], [math.inf]], Reason.NOT_FINITE),
    ],
)
def test_what_cannot_be_scored_has_a_reason_and_no_number(
    samples: list[Sample], relevance: list[list[float]], reason: Reason
) -> None:
    assert sar_score(_set(*samples), _relevance(relevance), 0.001) == Unscored("q1", reason)


@pytest.mark.parametrize("similarity", [math.nan, -0.5])
def test_an_impossible_similarity_is_unscored(similarity: float) -> None:
    score = sar_score(_set(FINE, FINE), _relevance([[1.0], [1.0]], similarity), 0.001)
    assert score == Unscored("q1", Reason.NOT_FINITE)


def test_relevance_of_another_question_is_refused() -> None:
    with pytest.raises(DataError, match="'q2' came with 'q1'"):
        sar_score(_set(FINE), _relevance([[1.0]], question_id="q2"), 0.001)


def test_the_similarity_matrix_is_left_as_it_was() -> None:
    relevance = _relevance([[1.0], [1.0]], 0.2)
    _score(_set(FINE, FINE), relevance)
    assert (relevance.sentence == 0.2).all()
