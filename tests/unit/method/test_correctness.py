from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uait.method.correctness import RULES, is_correct, label_question, normalise_answer, rouge_l
from uait.records import Finish, Question, Reason, Sample, SampleSet, SarScore, Unscored
from uait.records.errors import DataError, SettingsError

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=6).map(tuple)


def _sample(text: str, finish: Finish = Finish.STOP) -> Sample:
    ids = (1,) if text else ()
    return Sample(text, ids, tuple("w" for _ in ids), np.full(len(ids), -0.5), finish)


def _set(greedy: Sample, references: tuple[str, ...] = ("Paris",)) -> SampleSet:
    return SampleSet(Question("q1", "Capital of France?", references), greedy, (_sample("Paris"), _sample("Lyon")), "?")


SCORE = SarScore("q1", np.array([0.5, 0.6]), -6.0, 0.4, 0.001)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Beatles!", "beatles"),
        ("U.S.A.", "u s"),  # TriviaQA's own order: full stops become spaces first, then the lone "a" is an article
        ("St_Helena", "st helena"),
        ("an apple, a day", "apple day"),
        ("O\u2019Neill", "o neill"),
        ("Theatre", "theatre"),
        ("Sa\u0303o Paulo", "s\u00e3o paulo"),
        ("A", "a"),
        ("+", "+"),
        ("", ""),
    ],
)
def test_answers_are_normalised_by_the_trivia_rules(text: str, normal: str) -> None:
    assert normalise_answer(text) == normal


def test_rouge_l_of_a_case_worked_by_hand() -> None:
    # "the cat sat down" / "the dog sat": longest common subsequence "the sat" = 2; 2*2 / (4 + 3)
    assert rouge_l("The cat sat down.", "the dog sat") == pytest.approx(4 / 7)


def test_rouge_l_needs_the_same_order() -> None:
    # common subsequence of "b a" and "a b" is one word: 2*1 / 4
    assert rouge_l("b a", "a b") == 0.5


def test_texts_without_words_have_nothing_in_common() -> None:
    assert rouge_l("", "") == rouge_l("...", "...") == rouge_l("Paris", "") == 0.0


@settings(max_examples=25)
@given(WORDS, WORDS)
def test_rouge_l_equals_the_textbook_recursion_and_is_symmetric(a: tuple[str, ...], b: tuple[str, ...]) -> None:
    @cache
    def lcs(i: int, j: int) -> int:
        if i == len(a) or j == len(b):
            return 0
        return 1 + lcs(i + 1, j + 1) if a[i] == b[j] else max(lcs(i + 1, j), lcs(i, j + 1))

    expected = 2 * lcs(0, 0) / (len(a) + len(b)) if a and b else 0.0
    assert rouge_l(" ".join(a), " ".join(b)) == rouge_l(" ".join(b), " ".join(a)) == pytest.approx(expected)


def test_any_reference_makes_an_answer_right() -> None:
    assert is_correct("the UK", ("United Kingdom", "UK"), "exact") is True


def test_a_different_answer_is_wrong() -> None:
    assert is_correct("Lyon", ("Paris",), "exact") is False


def test_exact_wants_the_whole_answer_and_rouge_more_than_half() -> None:
    # "winston churchill" / "sir winston churchill": 2*2 / 5 = .8 ; "churchill" / "winston churchill jones": 2 / 4 = .5
    assert is_correct("Winston Churchill", ("Sir Winston Churchill",), "exact") is False
    assert is_correct("Winston Churchill", ("Sir Winston Churchill",), "rouge") is True
    assert is_correct("Churchill", ("Winston Churchill Jones",), "rouge") is False


def test_without_references_nothing_is_right_or_wrong() -> None:
    assert is_correct("Paris", (), "exact") is None


@pytest.mark.parametrize("rule", RULES)
def test_an_empty_answer_is_wrong_even_beside_an_empty_reference(rule: str) -> None:
    assert is_correct("  ", ("",), rule) is False


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(SettingsError, match="'bleu'"):
        is_correct("Paris", ("Paris",), "bleu")


def test_a_label_carries_the_greedy_answer_and_the_score() -> None:
    label = label_question(_set(_sample(" paris ")), SCORE, "exact")
    assert (label.answer, label.confidence, label.raw_confidence, label.sar) == ("paris", 0.4, 0.4, -6.0)
    assert (label.is_correct, label.unscored, label.samples) == (True, None, ("Paris", "Lyon"))


def test_an_unscored_question_keeps_its_reason_and_gets_no_number() -> None:
    label = label_question(_set(_sample("Lyon")), Unscored("q1", Reason.NO_RELEVANCE), "exact")
    assert (label.confidence, label.raw_confidence, label.sar) == (None, None, None)
    assert (label.unscored, label.is_correct) == (Reason.NO_RELEVANCE, False)


@pytest.mark.parametrize(
    ("greedy", "reason"), [(_sample(""), Reason.EMPTY), (_sample("Par", Finish.LENGTH), Reason.TRUNCATED)]
)
def test_a_flawed_greedy_answer_is_unscored_though_its_samples_are_fine(greedy: Sample, reason: Reason) -> None:
    label = label_question(_set(greedy), SCORE, "exact")
    assert (label.confidence, label.unscored) == (None, reason)


def test_a_question_without_references_is_labelled_neither_right_nor_wrong() -> None:
    label = label_question(_set(_sample("Paris"), ()), SCORE, "exact")
    assert label.is_correct is None and label.confidence == 0.4


def test_the_score_of_another_question_is_refused() -> None:
    with pytest.raises(DataError, match="'q2' came with 'q1'"):
        label_question(_set(_sample("Paris")), Unscored("q2", Reason.EMPTY), "exact")


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("The symbol Mn stands for manganese", "manganese"),
        ("It is Paris.", "Paris"),
        ("paris, france", "Paris"),
        ("The capital is the City of Dovemouth", "the City of Dovemouth"),
        ("He was born in Sao Paulo", "São Paulo"),
        ("The author is O'Neill", "O’Neill"),
        ("Simon and Garfunkel sang it", "Simon & Garfunkel"),
        ("The film is Dr. No", "Dr. No"),
        ("It is New York, New York", "New York, New York"),
        ("The symbol is Mn", "Mn"),
        ("The atomic number is 8", "8"),
        ("about 1,000,000 people", "1,000,000"),
        ("It is in South Korea", "South Korea"),
        ("AC/DC played it", "AC/DC"),
        ("Paris", "Paris"),
    ],
)
def test_a_short_answer_that_holds_the_reference_is_right_when_contained_counts(answer: str, reference: str) -> None:
    assert is_correct(answer, (reference,), "contained") is True


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("It is not Paris", "Paris"),
        ("It isn't Paris", "Paris"),
        ("It isn’t Paris", "Paris"),
        ("Paris was never the capital", "Paris"),
        ("No, Paris", "Paris"),
        ("Paris or Lyon", "Paris"),
        ("either Paris", "Paris"),
        ("Lyon / Paris", "Paris"),
        ("Lyon; Paris", "Paris"),
        ("Lyon, Paris, Nice", "Paris"),
        ("Lyon and Paris", "Paris"),
        ("Paris and Lyon", "Paris"),
        ("Lyon is larger than Paris", "Paris"),
        ("In fact nobody can say whether it was Paris", "Paris"),  # 9 words
        ("It is in South Korea", "Korea"),
        ("a town near Paris", "Paris"),
        ("Parisian", "Paris"),
        ("8 million", "8"),
        ("between 8 and 10", "8"),
        ("8-10", "8"),
        ("1.8", "8"),
        ("the 18th", "18"),
        ("It is in the city", "In"),
        ("In the city", "In"),
        ("vitamin K", "K"),
        ("vitamin C", "Vitamin A"),
        ("a man who sang", "The Who"),
        ("Lyon", "Paris"),
        ("", "Paris"),
        ("...", "Paris"),
    ],
)
def test_an_answer_that_only_mentions_the_reference_is_wrong(answer: str, reference: str) -> None:
    assert is_correct(answer, (reference,), "contained") is False


def test_only_the_contained_rule_looks_inside_an_answer() -> None:
    assert is_correct("It is Paris.", ("Paris",), "exact") is False


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("answer", "is_right"),
    [
        ("B", True),
        ("b", True),
        ("(B)", True),
        ("B.", True),
        ("B. Nitrogen", True),
        ("(b) nitrogen", True),
        ("B) Argon", True),  # the letter is what was chosen
        ("nitrogen", True),
        ("The answer is B", True),
        ("The correct answer is (B) nitrogen.", True),
        ("A", False),
        ("A. Nitrogen", False),  # "A" would fall as an article
        ("(C)", False),
        ("The answer is C: nitrogen", False),
        ("argon", False),
        ("B cells", False),
    ],
)
def test_a_choice_is_judged_by_letter_or_text(answer: str, is_right: bool, rule: str) -> None:
    assert is_correct(answer, ("Nitrogen", "B", "B. Nitrogen"), rule) is is_right


def test_an_option_that_begins_like_a_letter_is_judged_by_its_text() -> None:
    assert is_correct("E. coli", ("E. coli", "B", "B. E. coli"), "exact") is True


def test_a_letter_is_no_choice_where_the_question_has_none() -> None:
    assert is_correct("C", ("Carbon", "C"), "exact") is True
    assert is_correct("D. Trump", ("Donald Trump", "D Trump"), "exact") is True
