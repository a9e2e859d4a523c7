import math

import pytest

from uait.method.gate import decide, decide_again, recourse
from uait.records import Action
from uait.records.errors import DataError


@pytest.mark.parametrize(
    ("confidence", "threshold", "action", "reason"),
    [
        (0.497, 0.7, Action.RETRIEVE, "49.7 % is below 70 %: looking it up."),
        (0.931, 0.7, Action.ANSWER, "93.1 % is at least 70 %: answering."),
        (0.7, 0.7, Action.ANSWER, "70.0 % is at least 70 %: answering."),
        (0.6, 0.655, Action.RETRIEVE, "60.0 % is below 65.5 %: looking it up."),
        (1.0, 1.0, Action.ANSWER, "100.0 % is at least 100 %: answering."),
        (0.0, 0.0, Action.ANSWER, "0.0 % is at least 0 %: answering."),
        (None, 0.7, Action.RETRIEVE, "The model stated no confidence: looking it up."),
        (None, 0.0, Action.RETRIEVE, "The model stated no confidence: looking it up."),
    ],
)
def test_the_gate_answers_from_the_threshold_on_and_says_why(
    confidence: float | None, threshold: float, action: Action, reason: str
) -> None:
    decision = decide(confidence, threshold)
    assert (decision.action, decision.reason) == (action, reason)
    assert (decision.confidence, decision.threshold) == (confidence, threshold)


def test_the_sentence_never_calls_a_number_below_itself() -> None:
    assert decide(0.69996, 0.7).reason == "69.996 % is below 70 %: looking it up."
    assert decide(0.3, 0.1 + 0.2).action is Action.RETRIEVE  # 0.1 + 0.2 is a hair above 0.3


@pytest.mark.parametrize(("confidence", "threshold"), [(math.nan, 0.5), (1.01, 0.5), (-0.1, 0.5), (0.5, 70.0)])
def test_numbers_outside_the_range_are_refused(confidence: float, threshold: float) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        decide(confidence, threshold)


@pytest.mark.parametrize(
    ("when_unsure", "reason"),
    [
        (Action.RETRIEVE, "49.7 % is below 70 %: looking it up."),
        (Action.ESCALATE, "49.7 % is below 70 %: asking another model."),
        (Action.ABSTAIN, "49.7 % is below 70 %: leaving it open."),
    ],
)
def test_an_unsure_answer_leads_to_what_was_chosen(when_unsure: Action, reason: str) -> None:
    decision = decide(0.497, 0.7, when_unsure)
    assert (decision.action, decision.reason) == (when_unsure, reason)
    assert decide(0.7, 0.7, when_unsure).action is Action.ANSWER


@pytest.mark.parametrize("name", ["answer", "web", "", "Retrieve"])
def test_an_unsure_answer_is_never_given_because_a_word_asks_for_it(name: str) -> None:
    assert [recourse(word) for word in ("retrieve", "abstain")] == [Action.RETRIEVE, Action.ABSTAIN]
    with pytest.raises(DataError, match=f"'{name}' is nothing .* choose one of retrieve, escalate, abstain"):
        recourse(name)


def test_a_kind_of_question_that_was_never_measured_is_not_answered_however_sure() -> None:
    decision = decide(0.99, 0.0, is_familiar=False)
    assert decision.action is Action.RETRIEVE and decision.is_familiar is False
    unlike = "but the question looks unlike those the model was measured on"
    assert decision.reason == f"99.0 % is at least 0 %, {unlike}: looking it up."
    assert decide(0.3, 0.7, is_familiar=False).reason == "30.0 % is below 70 %: looking it up."  # the number is enough
    assert decide(0.99, 0.7, is_familiar=True).action is decide(0.99, 0.7).action is Action.ANSWER


def test_a_second_answer_is_given_or_left_open_by_its_own_number() -> None:
    assert decide_again(0.6, 0.6).action is Action.ANSWER
    assert decide_again(0.59, 0.6).action is Action.ABSTAIN
    silent = decide_again(None, None)  # an endpoint states no number
    assert (silent.action, silent.confidence) == (Action.ANSWER, None)
