"""What may be read out of a passage: whole words that stand there, and say something that the question does not."""

import pytest

from uait.method.spans import Spans, source_of
from uait.records import Passage

PALAU = Spans(["The capital of Palau is Melekeok."], "What is the capital of Palau?")


@pytest.mark.parametrize("text", ["M", "Melek", "Melekeok", " Melekeok"])
def test_a_run_may_begin_with_it(text: str) -> None:
    assert PALAU.begins(text)


@pytest.mark.parametrize("text", ["", "Mitwe", "elekeok", "The", "is Melekeok", "Palau", "melekeok"])
def test_no_run_begins_with_what_is_not_there_or_says_nothing(text: str) -> None:
    assert not PALAU.begins(text)


def test_a_run_ends_with_its_word() -> None:
    assert PALAU.holds("Melekeok") and not PALAU.holds("Melek")


def test_a_name_may_hold_a_word_of_the_question_but_not_be_one() -> None:
    mexico = Spans(["The capital of Mexico is Mexico City."], "Mexico has which capital?")
    assert mexico.holds("Mexico City") and not mexico.holds("Mexico")


def test_a_sign_before_a_word_belongs_to_it() -> None:
    assert Spans(["The internet domain of France is .fr."], "Which internet domain belongs to France?").holds(".fr")


def test_the_source_is_the_first_passage_that_holds_the_answer() -> None:
    texts = ("Palau is an island.", "The capital of Palau is Melekeok.")
    passages = [Passage(str(i), "Palau", text, 1.0, "bundle") for i, text in enumerate(texts)]
    assert source_of("Melekeok", passages) == 2
    assert source_of("Mitwe", passages) is None
