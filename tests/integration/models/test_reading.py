"""Reading with a model that knows nothing: whatever it would rather say, only words of the passage come out."""

import pytest

from uait.models.confidence import answer, answer_batch
from uait.models.language_model import LanguageModel
from uait.records import Done, Passage
from uait.settings import AnswerSettings

SETTINGS = AnswerSettings(max_new_tokens=60)
QUESTIONS = ["What is the capital of Palau?", "Who wrote Faust?", "Which planet is the largest?"]
TEXTS = ["The capital of Palau is Melekeok.", "Faust was written by Goethe.", "Jupiter, of all planets, weighs most."]


def _passages(texts: list[str]) -> list[list[Passage]]:
    return [[Passage("1", "a title", text, 1.0, "bundle")] for text in texts]


@pytest.mark.parametrize("name", ["random_lm", "taught_lm"])
def test_an_answer_that_was_read_stands_in_its_passage_or_is_none(name: str, request: pytest.FixtureRequest) -> None:
    lm: LanguageModel = request.getfixturevalue(name)
    answers = answer_batch(lm, QUESTIONS, SETTINGS, _passages(TEXTS))
    assert all(found.text in text for found, text in zip(answers, TEXTS, strict=True))
    assert name == "random_lm" or any(found.text for found in answers)


def test_one_that_is_read_alone_is_read_as_in_a_batch(random_lm: LanguageModel) -> None:
    batch = answer_batch(random_lm, QUESTIONS, SETTINGS, _passages(TEXTS))
    for question, text, together in zip(QUESTIONS, TEXTS, batch, strict=True):
        *_, last = answer(random_lm, question, _passages([text])[0], SETTINGS)
        assert isinstance(last, Done) and last.record.text == together.text


def test_a_passage_with_nothing_to_say_leaves_the_answer_empty(random_lm: LanguageModel) -> None:
    (found,) = answer_batch(random_lm, ["What is Palau?"], SETTINGS, _passages(["What is Palau?"]))
    assert found.text == ""
