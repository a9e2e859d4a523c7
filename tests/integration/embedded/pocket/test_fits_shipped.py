"""The fits of the gate that are shipped: what is of a measured kind and what is not, and what reading is worth."""

import pytest

from uait.data.catalogue import describe
from uait.method.second_look import reading_confidence
from uait.method.surface import plain_question
from uait.models.familiarity import Familiarity
from uait.models.similarity import BiEncoder
from uait.records import GateFit

MEASURED = ("What is the capital of Palau?", "who wrote hamlet", "Which country is Lyon in?", "WHO PAINTED GUERNICA")
STRANGE = ("Hello", "?", "What did I eat yesterday?", "Who is the president of the United States?", "Tell me a joke")


@pytest.fixture(scope="module")
def gate() -> GateFit:
    described = describe("pocket")
    assert described is not None and described.gate is not None
    return described.gate


def test_kinds_that_were_measured_are_told_from_others(gate: GateFit) -> None:
    assert gate.kinds is not None
    familiarity = Familiarity(BiEncoder("cpu").embed, gate.kinds)
    assert familiarity.of([plain_question(text) for text in MEASURED]) == [True] * len(MEASURED)
    assert familiarity.of([plain_question(text) for text in STRANGE]) == [False] * len(STRANGE)


def test_what_was_read_is_surer_the_more_the_passages_are_about_the_question(gate: GateFit) -> None:
    fit = gate.reading
    assert fit is not None and fit.metrics["auroc"] > 0.9
    alike, strange = (reading_confidence(fit, -0.1, likeness) for likeness in (0.9, 0.4))
    assert strange < fit.threshold <= alike
