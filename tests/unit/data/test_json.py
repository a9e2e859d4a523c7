import json

import numpy as np
import pytest

from uait.data.json import from_json, to_json
from uait.records import (
    Action,
    Adapter,
    Answer,
    Decision,
    DistilledSet,
    Done,
    EvalReport,
    Explanation,
    Finish,
    Label,
    MethodResult,
    Partial,
    Passage,
    Progress,
    Provenance,
    Question,
    Reason,
    Relevance,
    Reply,
    Retrieved,
    Sample,
    SampleSet,
    SarScore,
    TokenExplanation,
    TrainingExample,
    Unscored,
)
from uait.records.errors import DataError

QUESTION = Question("q1", "What is the capital of Österreich?", ("Wien", "Vienna"))
SAMPLE = Sample("Wien", (3, 7), ("W", "ien"), np.array([-0.5, -1.25]), Finish.STOP)
SAMPLES = SampleSet(QUESTION, SAMPLE, (SAMPLE, SAMPLE), "the prompt")
RELEVANCE = Relevance("q1", (np.array([0.7, 0.1]), np.array([0.5])), np.array([[1.0, 0.2], [0.2, 1.0]]), "scorer")
SCORE = SarScore("q1", np.array([0.5625, 2.5]), -3.78, 0.25, 0.001)
LABEL = Label(QUESTION, "Wien", 0.25, 0.3, -3.78, True, None, ("Wien", "Graz"))
EXAMPLE = TrainingExample(QUESTION, "Wien", 0.25, True)
ANSWER = Answer("Wien", 0.9, None, SAMPLE, "the prompt", 0.2, "pocket")
DECISION = Decision(Action.RETRIEVE, None, 0.7, "The model stated no confidence: looking it up.")
PASSAGE = Passage("d1", "Wien", "Wien is a city.", 0.5, "bundle")
RETRIEVED = Retrieved("Wien", (PASSAGE,), ("a note",), 0.1)
TOKEN = TokenExplanation("W", 0.6, 0.5, 0.7, 1.0, "ien", 0.3)
EXPLANATION = Explanation(ANSWER, (TOKEN,), (SAMPLE,), np.eye(1), Unscored("q1", Reason.EMPTY), 4, 0.3)
RESULT = MethodResult("sar", "test", 4, 1, 0.5, 0.75, (0.5, 1.0), None, 0.1, 0.2, 0.3, ((0.5, 1.0, 2),))
PROVENANCE = Provenance("pocket", None, {"seed": 1}, 1, "0.1.0", "2025-01-01")

RECORDS = [
    QUESTION,
    SAMPLE,
    SAMPLES,
    RELEVANCE,
    SCORE,
    Unscored("q1", Reason.TRUNCATED),
    LABEL,
    EXAMPLE,
    DistilledSet((EXAMPLE,), (), {"right": 1}, {"balance": 2}, (0, 1), 1.0, None),
    Adapter("folder", "base", "hash", {"rank": 4}, {"loss": 0.5}, 0.7),
    ANSWER,
    DECISION,
    PASSAGE,
    RETRIEVED,
    TOKEN,
    EXPLANATION,
    Explanation(ANSWER, (TOKEN,), (SAMPLE,), np.eye(1), SCORE, 4, 0.3),
    Reply(QUESTION, ANSWER, DECISION, RETRIEVED, ANSWER, 1.0, EXPLANATION),
    Reply(QUESTION, ANSWER, DECISION, None, ANSWER, 1.0),
    RESULT,
    EvalReport((RESULT,), {"thresholds": [0.5]}, {}, {}, ({"id": "q1"},), PROVENANCE),
    PROVENANCE,
    Progress("label", 1, 2, "note"),
    Partial("Wi"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: type(r).__name__)
def test_every_record_survives_json(record: object) -> None:
    text = json.dumps(to_json(record), allow_nan=False)
    back = from_json(type(record), json.loads(text))
    assert type(back) is type(record)
    assert to_json(back) == json.loads(text)


def test_arrays_enums_and_tuples_get_their_types_back() -> None:
    back = from_json(SampleSet, to_json(SAMPLES))
    assert isinstance(back.greedy.logprobs, np.ndarray)
    assert back.greedy.logprobs.tolist() == [-0.5, -1.25]
    assert back.samples[0].finish is Finish.STOP
    assert back.question == QUESTION
    relevance = from_json(Relevance, to_json(RELEVANCE))
    assert relevance.sentence.shape == (2, 2)
    assert [len(r) for r in relevance.token_K] == [2, 1]


def test_done_is_saved_with_its_record() -> None:
    assert to_json(Done(QUESTION)) == {"record": to_json(QUESTION)}


def test_a_union_of_records_is_told_apart_by_its_keys() -> None:
    unscored = from_json(Explanation, to_json(EXPLANATION)).score
    assert unscored == Unscored("q1", Reason.EMPTY)


def test_an_impossible_logprob_survives_and_stays_impossible() -> None:
    sample = Sample("x", (1,), ("x",), np.array([-np.inf]), Finish.STOP)
    data = to_json(sample)
    assert data["logprobs"] == ["-inf"]
    assert from_json(Sample, data).logprobs.tolist() == [-np.inf]


def test_a_number_that_is_none_is_refused_outside_arrays() -> None:
    with pytest.raises(DataError, match="nan"):
        to_json({"auroc": float("nan")})


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(DataError, match="set can't be saved"):
        to_json({1, 2})
    with pytest.raises(DataError, match=r"key is 0\.5"):
        to_json({0.5: "threshold"})


def test_a_key_that_is_an_enum_becomes_its_text() -> None:
    assert json.dumps(to_json({Reason.EMPTY: 1})) == '{"empty answer": 1}'


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, "Question.colour is no known field"),
        ({"text": None}, "Question.text is None; it must be str"),
        ({"references": "Wien"}, "Question.references is 'Wien'"),
        ({"references": ["Wien", 3]}, r"Question.references\[1\] is 3"),
        ({"text": " "}, "is empty"),
    ],
)
def test_a_wrong_field_is_named(change: dict, named: str) -> None:
    with pytest.raises(DataError, match=named):
        from_json(Question, {**to_json(QUESTION), **change})


def test_a_missing_field_is_named_unless_it_has_a_default() -> None:
    with pytest.raises(DataError, match=r"Question\.id is missing"):
        from_json(Question, {"text": "Who?"})
    assert from_json(Question, {"id": "a", "text": "Who?"}).references == ()


@pytest.mark.parametrize("logprobs", [[None], ["3"], [[-1.0], [-1.0, -2.0]], "-1", [True]])
def test_an_array_holds_numbers_only(logprobs: object) -> None:
    with pytest.raises(DataError, match="logprobs"):
        from_json(Sample, {**to_json(SAMPLE), "logprobs": logprobs})


def test_a_truth_value_is_no_number_and_a_whole_number_is_a_float() -> None:
    data = to_json(DECISION)
    with pytest.raises(DataError, match="threshold is True"):
        from_json(Decision, {**data, "threshold": True})
    assert from_json(Decision, {**data, "threshold": 1}).threshold == 1.0


def test_a_range_checked_by_the_record_is_checked_on_reading() -> None:
    with pytest.raises(DataError, match=r"confidence of 'q1' is 1\.5"):
        from_json(Label, {**to_json(LABEL), "confidence": 1.5})


def test_an_example_of_an_earlier_version_held_its_answer_in_a_text() -> None:
    older = {"question": to_json(QUESTION), "completion": "Wien; Donau; 25.0%", "confidence": 0.25, "is_correct": True}
    assert from_json(TrainingExample, older) == TrainingExample(QUESTION, "Wien; Donau", 0.25, True)
