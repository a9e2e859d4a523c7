"""A lesson's arithmetic is that of SAR, and its rules choose the best example that a model offers."""

from dataclasses import replace

import numpy as np
import pytest

from tests import fake_lesson
from uait.data.json import from_json, to_json
from uait.method.sar import bounded_confidence, sentence_shift
from uait.page.lesson.record import EXAMPLE_RULES, Lesson, choose, geometric_mean, sample_scores
from uait.records import Question
from uait.records.errors import DataError

PALAU = Question("p", "What is the capital of Palau?", ("Ngerulmud",))
WAVERING = ("Saint Mary Town", "New Port", "Old Port", "Bay City", "Koror")


@pytest.mark.parametrize("n_samples", [1, 2, 5])
def test_the_geometric_mean_of_the_scores_is_the_confidence_of_sar(n_samples: int) -> None:
    rng = np.random.default_rng(n_samples)
    example = fake_lesson.lesson().example
    nll, similarity = rng.exponential(size=n_samples), rng.uniform(size=(n_samples, n_samples))
    similarity = (similarity + similarity.T) / 2
    sar = sentence_shift(nll, similarity, 0.001)
    scored = sample_scores(replace(example.score, token_sar=nll, sar=sar), similarity)
    assert geometric_mean([s.score for s in scored]) == pytest.approx(bounded_confidence(sar, n_samples, 0.001))
    assert all(0.0 < s.score <= 1.0 for s in scored)


def test_certain_samples_that_agree_score_their_probability() -> None:
    score = replace(fake_lesson.lesson().example.score, token_sar=-np.log(np.full(5, 0.9)))
    scored = sample_scores(score, np.ones((5, 5)))
    assert [s.score for s in scored] == pytest.approx([0.9] * 5)
    assert scored[0].support == pytest.approx(3.6)


def test_rules_choose_the_first_example_that_meets_the_earlier_rules_and_most_of_the_later() -> None:
    right = fake_lesson.example(replace(PALAU, references=(WAVERING[0],)), WAVERING)
    modest = fake_lesson.example(PALAU, WAVERING, claim=0.5, final="Ngerulmud")
    agreeing = fake_lesson.example(PALAU, ("Saint Mary Town",) * 5, final="Ngerulmud")
    wavering = fake_lesson.example(PALAU, WAVERING, final="Ngerulmud")
    chosen, met = choose([right, modest, agreeing, wavering, wavering], EXAMPLE_RULES)
    assert chosen is wavering
    assert met[1:3] == ("the untuned model is wrong", "it claims to be at least 90 % sure")


@pytest.mark.parametrize("final", [None, "Koror"])
def test_no_lesson_ends_wrong_however_well_it_begins(final: str | None) -> None:
    ends_wrong = fake_lesson.example(PALAU, WAVERING, final=final)
    ends_right = fake_lesson.example(PALAU, ("Saint Mary Town",) * 5, claim=0.5, final="Ngerulmud")
    chosen, met = choose([ends_wrong, ends_right], EXAMPLE_RULES)
    assert chosen is ends_right
    assert met[0] == "the tuned model is right after reading"
    with pytest.raises(DataError, match="Of none of 1 questions holds that the tuned model is right after reading"):
        choose([ends_wrong], EXAMPLE_RULES)


def test_a_rule_that_no_question_meets_is_passed_over_but_the_first() -> None:
    right = fake_lesson.example(replace(PALAU, references=(WAVERING[0],)), WAVERING)
    chosen, met = choose([right], EXAMPLE_RULES)
    assert chosen is right
    assert "the untuned model is wrong" not in met
    assert "its samples disagree" in met
    with pytest.raises(DataError, match="look at more of them"):
        choose([], EXAMPLE_RULES)


def test_a_lesson_survives_its_file_and_a_damaged_one_names_what_is_amiss() -> None:
    lesson = fake_lesson.lesson()
    data = to_json(lesson)
    assert to_json(from_json(Lesson, data)) == data
    data["example"]["tokens"].pop()
    with pytest.raises(DataError, match="2 explained tokens for 3; record it again"):
        from_json(Lesson, data)
