import pytest

from uait.method.surface import Spelling, plain_question

SPELLING = Spelling(
    titles=["Sri Lanka", "Of Mice and Men", "As", "Sete Lagoas"],
    texts=[
        "The capital of Sri Lanka is Colombo.",
        "Colombo is large, as it is in Asia.",
        "Which country is it in, as you know?",
        "Who wrote it?",
    ],
)


@pytest.mark.parametrize(
    "noisy",
    [
        "Which country is Sete Lagoas in?",
        "Which country is Sete Lagoas in",
        "Which country is Sete Lagoas in ??",
        "Hello, which country is Sete Lagoas in?",
        "hi there! Which country is Sete Lagoas in",
        "Please, which country is Sete Lagoas in? Thanks!",
        "which country is sete lagoas in pls",
        "WHICH COUNTRY IS SETE LAGOAS IN?",
        "GOOD MORNING WHICH COUNTRY IS SETE LAGOAS IN",
    ],
)
def test_surface_noise_is_taken_off(noisy: str) -> None:
    assert plain_question(noisy, SPELLING) == "Which country is Sete Lagoas in?"


@pytest.mark.parametrize(
    "text",
    [
        "the Gambia has which capital?",  # a small beginning may be meant
        "Name a country that borders Peru.",
        "Which element has the symbol As?",
        "Who painted Whaam!?",
    ],
)
def test_a_question_as_it_should_be_stays_as_it_is(text: str) -> None:
    assert plain_question(text, SPELLING) == text


@pytest.mark.parametrize("text", ["?", "Hello", "Hello!", "Please", "...", "hi thanks"])
def test_of_a_text_that_is_nothing_else_nothing_is_taken(text: str) -> None:
    assert plain_question(text, SPELLING) == text


def test_names_are_spelt_by_title_then_by_word_and_an_unknown_word_is_a_name() -> None:
    asked = plain_question("who wrote of mice and men as it is in colombo, xanthe?", SPELLING)
    assert asked == "Who wrote Of Mice and Men as it is in Colombo, Xanthe?"


def test_without_a_spelling_capitals_are_left_alone() -> None:
    assert plain_question("hello, WHO WROTE FAUST") == "WHO WROTE FAUST?"
