import json

import numpy as np
import pytest

from uait.cli import terminal
from uait.data.plain import reply_data
from uait.method.gate import decide, decide_again
from uait.records import (
    Action,
    Answer,
    Decision,
    DistilledSet,
    Explanation,
    Finish,
    Label,
    Passage,
    Question,
    Reason,
    Reply,
    Retrieved,
    Sample,
    SarScore,
    StrongerAnswer,
    TokenExplanation,
    TrainingExample,
    Unscored,
)

QUESTION = Question("ask", "What is the capital of Peru?")


def said(text: str, spoken: float | None) -> Answer:
    sample = Sample(text, (1,), (text,), np.array([-0.5]), Finish.STOP)
    return Answer(text, spoken, spoken, sample, "prompt", 0.1, "tiny")


def looked_up(*passages: Passage, notes: tuple[str, ...] = (), final: str = "Lima", sure: float | None = 0.81) -> Reply:
    decision = Decision(Action.RETRIEVE, 0.47, 0.5, "47.0 % is below 50 %: looking it up.")
    retrieved = Retrieved(QUESTION.text, passages, notes)
    second = decide(sure, 0.6, Action.ABSTAIN) if passages else None
    return Reply(QUESTION, said("Cusco", 0.47), decision, retrieved, said(final, None), 1.25, second=second)


def escalated(stronger: StrongerAnswer | None, notes: tuple[str, ...] = ()) -> Reply:
    decision = decide(0.47, 0.5, Action.ESCALATE)
    second = decide_again(stronger.confidence, stronger.threshold) if stronger else None
    first = said("Cusco", 0.47)
    return Reply(QUESTION, first, decision, None, first, 1.25, None, stronger, second, notes)


def explanation(score: SarScore | Unscored) -> Explanation:
    token = TokenExplanation("Lima", 0.5, 0.69, 0.8, 1.0, "What is the capital of Peru?", 0.2)
    samples = tuple(said(text, None).sample for text in ("Lima", "Cusco"))
    return Explanation(said("Lima", 0.47), (token,), samples, np.array([[1.0, 0.25], [0.25, 1.0]]), score, 9, 2.0)


def label(is_correct: bool | None, confidence: float | None) -> Label:
    reason = None if confidence is not None else Reason.TRUNCATED
    return Label(QUESTION, "Lima", confidence, confidence, None, is_correct, reason)


PASSAGE = Passage("peru", "Peru", "The capital of Peru is Lima.", 0.9, "bundle")


def test_reply_data_is_the_whole_reply() -> None:
    data = reply_data(looked_up(PASSAGE, notes=("The web took too long.",)))
    assert data == {
        "question": QUESTION.text,
        "answer": "Cusco",
        "confidence": {"spoken": 0.47, "expected": 0.47},
        "decision": {"action": "retrieve", "reason": "47.0 % is below 50 %: looking it up.", "is_familiar": None},
        "threshold": 0.5,
        "passages": [
            {
                "doc_id": "peru",
                "title": "Peru",
                "text": "The capital of Peru is Lima.",
                "score": 0.9,
                "source": "bundle",
                "url": None,
            }
        ],
        "read_as": "",
        "notes": ["The web took too long."],
        "second_decision": {"action": "answer", "reason": "81.0 % is at least 60 %: answering.", "is_familiar": None},
        "final": {"answer": "Lima", "confidence": 0.81, "by": "tiny", "seconds": 0.1},
        "seconds": 1.25,
    }


def test_explained_reply_data_holds_tokens_samples_and_sar() -> None:
    score = SarScore("ask", np.array([0.1, 0.2]), -5.5, 0.6, 0.001)
    reply = Reply(QUESTION, said("Lima", 0.9), looked_up().decision, None, said("Lima", 0.9), 1.0, explanation(score))
    data = json.loads(json.dumps(reply_data(reply), allow_nan=False))
    (token,) = data["tokens"]
    assert token == {
        "text": "Lima",
        "p": 0.5,
        "nll": 0.69,
        "relevance": 0.8,
        "contribution": 1.0,
        "without": "What is the capital of Peru?",
        "similarity": 0.2,
    }
    assert data["samples"] == ["Lima", "Cusco"]
    assert (data["sar"], data["sar_confidence"], data["unscored"]) == (-5.5, 0.6, None)


def test_no_score_is_null_with_a_reason() -> None:
    unscored = explanation(Unscored("ask", Reason.TRUNCATED))
    reply = Reply(QUESTION, said("Lima", None), looked_up().decision, None, said("Lima", None), 1.0, unscored)
    data = reply_data(reply)
    assert (data["sar"], data["sar_confidence"]) == (None, None)
    assert data["unscored"] == "answer cut off at the token limit"
    assert any("no score: answer cut off at the token limit" in line for line in terminal.reply_lines(reply))


def test_lines_of_a_corrected_answer_show_both_answers_and_the_source() -> None:
    assert terminal.reply_lines(looked_up(PASSAGE)) == [
        "answer      Cusco",
        "confidence  47.0 % stated, 47.0 % on average",
        "decision    47.0 % is below 50 %: looking it up.",
        "source 1    Peru: The capital of Peru is Lima. [bundle]",
        "final       Lima (81.0 % sure)",
        "time        1.2 s",
    ]


def test_lines_say_when_no_confidence_was_stated() -> None:
    reply = Reply(QUESTION, said("Lima", None), looked_up().decision, None, said("Lima", None), 1.0)
    assert terminal.reply_lines(reply)[1] == "confidence  none was stated"


def test_lines_say_when_nothing_was_found() -> None:
    lines = terminal.reply_lines(looked_up(notes=("The bundle has nothing.",), final="Cusco"))
    assert "note        The bundle has nothing." in lines
    assert "final       not known: nothing was found" in lines


@pytest.mark.parametrize(
    ("final", "sure", "line"),
    [
        ("", None, "final       not known: the passages do not say"),
        ("Lima", 0.3, "final       not known: 'Lima' is 30.0 % sure, below 60.0 %"),
    ],
)
def test_lines_and_data_say_when_it_is_not_known_after_reading(final: str, sure: float | None, line: str) -> None:
    reply = looked_up(PASSAGE, final=final, sure=sure)
    assert line in terminal.reply_lines(reply)
    assert reply_data(reply)["final"] is None


def test_a_stronger_models_answer_names_who_gave_it_and_what_it_cost() -> None:
    reply = escalated(StrongerAnswer("Lima", "big-1", 30, 2, 50e-6, 0.4))
    lines = terminal.reply_lines(reply)
    assert "asked       big-1, 30 tokens read, 2 tokens written, 0.4 s, cost 0.000050" in lines
    assert "final       Lima (no number)" in lines
    tokens = {"read": 30, "written": 2}
    final = {"answer": "Lima", "confidence": None, "by": "big-1", "seconds": 0.4, "tokens": tokens, "cost": 50e-6}
    assert reply_data(reply)["final"] == final


def test_a_stronger_model_that_is_unsure_too_is_not_believed() -> None:
    reply = escalated(StrongerAnswer("Lima", "second", 30, 2, None, 0.4, confidence=0.2, threshold=0.5))
    assert "final       not known: 'Lima' is 20.0 % sure, below 50.0 %" in terminal.reply_lines(reply)


def test_without_a_stronger_answer_the_first_stays_marked_unsure() -> None:
    reply = escalated(None, ("The stronger model 'big-1' is busy (429); try again later.",))
    lines = terminal.reply_lines(reply)
    assert "note        The stronger model 'big-1' is busy (429); try again later." in lines
    assert "final       Cusco (nobody else answered, so it stays unsure)" in lines
    assert reply_data(reply)["final"] is None


def test_lines_obey_no_control_character_of_a_model_or_a_page() -> None:
    hostile = Passage("x", "\x1b]0;title\x07", "red \x1b[31m\r\n\u202eover\x9b2J", 0.1, "web", "https://x\x1b[2J")
    text = "".join(terminal.reply_lines(looked_up(hostile, final="\x1b[2J<script>")))
    assert text.isprintable()
    assert "<script>" in text  # nothing visible is lost


def test_label_counts_by_hand() -> None:
    # 2 right (0.9, 0.7 -> mean 0.8), 1 wrong (0.2), 1 without references, 1 wrong and cut off: accuracy 2 / 4
    labels = [label(True, 0.9), label(True, 0.7), label(False, 0.2), label(None, 0.5), label(False, None)]
    data = terminal.label_data(labels)
    means = data.pop("mean_confidence")
    assert round(means["right"], 9) == 0.8
    assert means["wrong"] == 0.2
    assert data == {
        "n": 5,
        "right": 2,
        "wrong": 2,
        "unjudged": 1,
        "accuracy": 0.5,
        "unscored": {"answer cut off at the token limit": 1},
        "left_out": {},
    }


def test_questions_that_could_not_be_asked_are_counted_and_the_first_ten_named() -> None:
    left_out = [Unscored("twice", Reason.REPEATED), *(Unscored(f"q{i}", Reason.TOO_LONG) for i in range(11))]
    data = terminal.label_data([label(True, 0.9)], left_out)
    assert data["left_out"] == {str(Reason.REPEATED): ["twice"], str(Reason.TOO_LONG): [f"q{i}" for i in range(11)]}
    assert terminal.label_lines(data)[-3:-1] == [
        "Left out, its id came before (1): twice.",
        "Left out, longer than the model reads (11): q0, q1, q2, q3, q4, q5, q6, q7, q8, q9, ...",
    ]


def test_label_lines_without_a_judged_answer_claim_no_accuracy() -> None:
    assert terminal.label_lines(terminal.label_data([label(None, 0.5)]))[-1] == "accuracy none of 0 judged answers"


def test_distilled_lines_count_and_draw() -> None:
    example = TrainingExample(QUESTION, "Lima", 0.9, True)
    histogram = (1, *([0] * 18), 80)
    distilled = DistilledSet(
        (example,), (), {"right": 81, "wrong": 0}, {"wrong but sure": 3}, histogram, 0.1, "One value dominates."
    )
    lines = list(terminal.distilled_lines(distilled))
    assert "kept, right              81" in lines
    assert "dropped, wrong but sure  3" in lines
    assert "  0-  5 %      1 #" in lines  # 40 marks for 80, so half a mark, rounded up
    assert "  5- 10 %      0" in lines
    assert f" 95-100 %     80 {'#' * 40}" in lines
    assert lines[-1] == "warning: One value dominates."
    assert terminal.distilled_data(distilled)["train"] == 1
