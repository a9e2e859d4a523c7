"""The questions that we own for SmolLM2: enough of them, and no fact on two sides."""

from functools import cache

from uait.data.catalogue import preset
from uait.embedded.smollm2.questions import DEV_RELATIONS, SPLITS, TEST_RELATIONS, AskedQuestion, build_questions
from uait.embedded.smollm2.shots import FEW_SHOT, SHOTS


@cache
def _asked() -> dict[str, list[AskedQuestion]]:
    return build_questions()


def test_there_are_more_than_six_thousand() -> None:
    assert sum(map(len, _asked().values())) >= 6_000


def test_no_fact_is_on_two_sides() -> None:
    groups = [{row.group for row in _asked()[split]} for split in SPLITS]
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_held_out_relations_are_never_tuned_on() -> None:
    relations = {split: {row.relation for row in _asked()[split]} for split in SPLITS}
    assert relations["tune"] & {*DEV_RELATIONS, *TEST_RELATIONS} == set()
    assert relations["out-of-relation"] >= {*TEST_RELATIONS}


def test_every_question_has_its_own_id_and_an_answer() -> None:
    rows = [row.question for split in SPLITS for row in _asked()[split]]
    assert len({question.id for question in rows}) == len(rows)
    assert all(question.references for question in rows)


def test_no_shot_is_asked() -> None:
    texts = {row.question.text for split in SPLITS for row in _asked()[split]}
    assert texts & {question for question, _ in SHOTS} == set()


def test_the_page_asks_behind_the_shots_that_the_teacher_was_asked_behind() -> None:
    assert preset("smollm2").prompts.shots == FEW_SHOT
