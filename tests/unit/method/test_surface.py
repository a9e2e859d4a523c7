import pytest

from uait.method.surface import Spelling, is_in_latin_letters, plain_question, reads_otherwise

SPELLING = Spelling(
    titles=["Sri Lanka", "Of Mice and Men", "As", "Sete Lagoas"],
    texts=[
        "The capital of Sri Lanka is Colombo.",
        "Colombo is large, as it is in Asia.",
        "Which country is it in, as you know?",
        "Who wrote it?",
        "It is in the country of Kampala.",
    ],
    wordings=["Which country is in?", "Where is?"],
    others={"wetter", "counts"},
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


@pytest.mark.parametrize(
    ("slipped", "meant"),
    [
        ("Which countrry is Kampala in?", "Which country is Kampala in?"),
        ("Wich country is Kampala in?", "Which country is Kampala in?"),
        ("Whre is Kampala?", "Where is Kampala?"),
        ("Where is Kmpala?", "Where is Kampala?"),
        ("where is kapmala", "Where is Kampala?"),
        ("WHERE IS KAMPPALA", "Where is Kampala?"),
        ("Where is Sri Lnka?", "Where is Sri Lanka?"),
    ],
)
def test_one_slip_of_the_keys_is_mended(slipped: str, meant: str) -> None:
    assert plain_question(slipped, SPELLING) == meant
    assert reads_otherwise(slipped, meant)


@pytest.mark.parametrize(
    "text",
    [
        "Where is Kmplaa?",  # two slips
        "Where is wetter?",  # a word of its own, though one letter away from a known one
        "Where is the kampalas of it?",  # a small letter among capitals: no name
        "Where is Asa?",  # three letters
        "Where is K2mpala?",
    ],
)
def test_what_may_be_another_word_is_left_alone(text: str) -> None:
    assert plain_question(text, SPELLING) == text
    assert not reads_otherwise(text, plain_question(text, SPELLING))


@pytest.mark.parametrize(
    ("text", "is_latin"),
    [
        ("Where is Ærøskøbing?", True),
        ("Who wrote 紅楼夢, the novel?", True),
        ("帕劳的首都是哪里", False),
        ("ما عاصمة بالاو", False),
        ("Palau 的首都是哪里的哪里", False),
        ("?", True),
        ("12 + 7", True),
    ],
)
def test_a_text_is_in_the_letters_that_most_of_it_has(text: str, is_latin: bool) -> None:
    assert is_in_latin_letters(text) == is_latin
