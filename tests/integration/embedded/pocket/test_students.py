"""The shipped recipe once more: what is shuffled and what is asked of the controls."""

from dataclasses import replace

import pytest

from uait.data.catalogue import describe, preset
from uait.embedded.pocket.students import ALONE, SHUFFLED, _numbers, _variants
from uait.models.confidence import answer_batch
from uait.models.loading import load_model
from uait.records import DistilledSet, Question, TrainingExample
from uait.stages.report import IN_DOMAIN


def test_told_at_random_as_many_are_right_and_the_answers_are_the_same() -> None:
    train = tuple(TrainingExample(Question(str(i), f"{i}?"), "Lima", 0.5, i < 30) for i in range(100))
    distilled = DistilledSet(train, (), {}, {}, (), 0.0)
    tune = replace(preset("pocket").tune, recipe="told")
    variants = _variants(tune, distilled)
    _, shuffled = variants[SHUFFLED]
    assert [x.question for x in shuffled.train] == [x.question for x in train]
    assert sum(x.is_correct for x in shuffled.train) == 30
    assert shuffled.train != train
    assert variants[ALONE][0].recipe == "hearing"
    assert len({made_with.seed for made_with, _ in variants.values()}) == 3


def test_the_controls_ask_as_the_product_does() -> None:
    settings, description = preset("pocket"), describe("pocket")
    assert description is not None
    lm, questions = load_model(settings), description.held_out[IN_DOMAIN][:12]
    answers = answer_batch(lm, [question.text for question in questions], settings.answer)
    expected = [answer.expected for answer in answers]
    assert _numbers(lm, answers, answers, None) == pytest.approx(expected, abs=1e-4)
    low, high = (_numbers(lm, answers, answers, percentile) for percentile in (0, 99))
    assert sum(low) < sum(high)
