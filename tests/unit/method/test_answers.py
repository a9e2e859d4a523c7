"""What an opinion costs, how it is judged, and what it says where there is no number."""

import numpy as np

from uait.method.answers import p_true_answer, teacher_answer, uait_answer, verbalized_answer, without_number
from uait.records import Answer, Finish, Question, Reason, Sample, SampleSet, SarScore, Unscored

QUESTION = Question("q", "What is the capital of Palau?", ("Ngerulmud",))


def _sample(text: str, n_tokens: int, finish: Finish = Finish.STOP) -> Sample:
    return Sample(text, tuple(range(n_tokens)), ("x",) * n_tokens, np.full(n_tokens, -0.5), finish)


def _answer(spoken: float | None, expected: float | None, sample: Sample) -> Answer:
    return Answer("Ngerulmud", spoken, expected, sample, "the prompt", 0.2, "fake")


SAMPLES = SampleSet(QUESTION, _sample("Koror", 2), (_sample("Koror", 2), _sample("Airai State", 3)), "the prompt")


def test_a_stopped_answer_takes_a_pass_per_token_and_one_for_the_end() -> None:
    opinion = verbalized_answer(QUESTION, _answer(0.9, None, _sample("Ngerulmud; 90%", 5)), "exact")
    assert (opinion.n_passes, opinion.is_correct, opinion.confidences) == (6, True, {"stated": 0.9})


def test_a_cut_answer_has_no_pass_for_the_end() -> None:
    opinion = verbalized_answer(QUESTION, _answer(None, None, _sample("Nge", 5, Finish.LENGTH)), "exact")
    assert (opinion.n_passes, opinion.note) == (5, "It stated no number.")


def test_the_number_is_cut_off_with_whatever_cut_it() -> None:
    pieces = ("New", " York;", " 93", "%")
    reply = Sample("New York; 93%", (7, 8, 9, 6), pieces, np.array([-0.1, -0.2, -0.3, -0.4]), Finish.LENGTH)
    alone = without_number(reply)
    assert (alone.text, alone.token_ids, alone.token_texts) == ("New York", (7, 8), ("New", " York"))
    assert (alone.logprobs.tolist(), alone.finish) == ([-0.1, -0.2], Finish.STOP)
    silent = _sample("New York", 2, Finish.LENGTH)  # cut in the answer itself: that stays a flaw
    assert without_number(silent) is silent


def test_the_expected_confidence_takes_one_pass_more() -> None:
    said = _sample("Ngerulmud; 90%", 5)
    assert uait_answer(QUESTION, _answer(0.9, 0.88, said), "exact").n_passes == 7
    assert uait_answer(QUESTION, _answer(0.9, None, said), "exact").n_passes == 6


def test_a_number_said_behind_the_answer_takes_two_passes_more() -> None:
    heard = _answer(0.93, 0.91, _sample("Ngerulmud", 4))  # 4 tokens, the end, what is read again, a digit
    assert uait_answer(QUESTION, heard, "exact").n_passes == 7


def test_the_teacher_reads_the_prompt_once_for_all_answers() -> None:
    # greedy 2 tokens + end, samples 2 + end and 3 + end: 3 + 3 + 4 = 10, of which 3 read the same prompt: 1 + 2 + 2 + 3
    opinion = teacher_answer(QUESTION, SAMPLES, SarScore("q", np.ones(2), 0.5, 0.3, 0.001), "exact", 1.5)
    assert opinion.n_passes == 8
    assert (opinion.answer, opinion.is_correct, opinion.seconds) == ("Koror", False, 1.5)
    assert opinion.exchanges[1].replies == ("Koror", "Airai State")


def test_no_score_is_no_confidence_and_says_why() -> None:
    opinion = teacher_answer(QUESTION, SAMPLES, Unscored("q", Reason.TRUNCATED), "exact", 1.5)
    assert opinion.confidences == {"SAR": None}
    assert opinion.note == "No score: answer cut off at the token limit."


def test_p_true_judges_the_teachers_answer_in_one_pass() -> None:
    opinion = p_true_answer(QUESTION, SAMPLES, "is it right?", 0.25, "exact", 0.1)
    assert (opinion.answer, opinion.n_passes, opinion.confidences) == ("Koror", 1, {"P(yes)": 0.25})
    assert opinion.exchanges[0].replies == ("yes 25.0 %, no 75.0 %",)


def test_without_references_nothing_is_judged() -> None:
    question = Question("q", "What is the capital of Palau?")
    assert p_true_answer(question, SAMPLES, "is it right?", None, "exact", 0.1).is_correct is None
