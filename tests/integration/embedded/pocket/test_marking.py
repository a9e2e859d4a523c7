"""The fifth term of the pocket model: which questions are marked, and that the marks are true."""

from dataclasses import replace

import pytest

from tests.pocket_world import small_world, world
from uait.data.catalogue import preset
from uait.embedded.pocket.corpus import Corpus, Text
from uait.embedded.pocket.marking import N_INVENTED, mark, quiz
from uait.embedded.pocket.questions import NOWHERE, outside
from uait.method.correctness import is_correct
from uait.models.loading import LanguageModel, load_model
from uait.records import Done, Progress

STYLE = preset("pocket").prompts


@pytest.fixture(scope="module")
def pocket() -> LanguageModel:
    settings = preset("pocket")
    return load_model(replace(settings, model=replace(settings.model, adapter="none")))


def test_no_held_out_fact_is_ever_marked() -> None:
    held_out = {fact.id for fact in world() if fact.split != "tune"}
    questions = quiz(small_world(), Corpus(small_world(), STYLE, 1), 0)
    assert not {question.text for question in questions} & {q.text for split in ("dev", "test") for q in outside(split)}
    invented = [question for question in questions if question.references == (NOWHERE,)]
    assert len(invented) == N_INVENTED
    assert len(questions) > N_INVENTED
    assert not {question.id for question in questions} & held_out


def test_each_different_answer_is_marked_once_and_truly(pocket: LanguageModel) -> None:
    asked = [q for q in quiz(small_world(), Corpus(small_world(), STYLE, 1), 0) if q.references != (NOWHERE,)][:12]
    events = list(mark(pocket, asked, 0))
    assert isinstance(events[0], Progress)
    assert isinstance(events[-1], Done)
    texts: list[Text] = events[-1].record
    assert len(texts) >= len(asked)
    for text in (text for text in texts if text.given):
        question = next(q for q in asked if q.text == text.prompt)
        is_right = is_correct(text.given.removesuffix(";"), question.references, "exact")
        assert text.completion == ("yes" if is_right else "no")
    assert len({(text.prompt, text.given, text.completion) for text in texts}) == len(texts)
    assert {text.completion for text in texts} == {"yes", "no"}
