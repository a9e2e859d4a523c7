"""How often training told what a question asks for."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.pocket_world import world
from uait.data.facts import Facts
from uait.embedded.pocket import POCKET
from uait.embedded.pocket.phrasings import RELATIONS
from uait.embedded.pocket.world import Fact

PHRASINGS = POCKET / "phrasings.json"
FACTS = (
    Fact("city-1", "city", "Lyon", "France", (), 0.9, 57, "tune"),
    Fact("city-2", "city", "Bergen", "Norway", (), 0.5, 0, "test"),
    Fact("element-1", "element", "Fe", "iron", (), 0.9, 98, "tune"),
)


def _write(path: Path, facts: tuple[Fact, ...]) -> Path:
    path.write_text("".join(json.dumps(asdict(fact)) + "\n" for fact in facts), encoding="utf-8")
    return path


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    return _write(tmp_path / "facts.jsonl", FACTS)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.id)
def test_every_phrasing_of_a_fact_finds_its_exposure(facts: Path, fact: Fact) -> None:
    seen = Facts(facts, PHRASINGS).exposure
    n = len(RELATIONS[fact.relation].questions)
    assert [seen(fact.question(i).text) for i in range(n)] == [fact.exposure] * n


@pytest.mark.parametrize(
    "typed", ["which country is lyon in", "WHERE IS LYON?", "  Where  is Lyon ? ", "Where is Lyon."]
)
def test_case_marks_and_spaces_do_not_matter(facts: Path, typed: str) -> None:
    assert Facts(facts, PHRASINGS).exposure(typed) == 57


def test_never_told_is_zero_and_what_is_no_fact_is_none(facts: Path) -> None:
    seen = Facts(facts, PHRASINGS).exposure
    assert seen("Where is Bergen?") == 0
    assert [seen(text) for text in ("Where is Atlantis?", "Who won the 1998 World Cup?", "", "?")] == [None] * 4


def test_no_two_facts_of_the_world_are_asked_alike(tmp_path: Path) -> None:
    seen = Facts(_write(tmp_path / "facts.jsonl", world()), PHRASINGS).exposure
    wrong = [
        (fact.id, i)
        for fact in world()
        for i in range(len(RELATIONS[fact.relation].questions))
        if seen(fact.question(i).text) != fact.exposure
    ]
    assert wrong == []


def test_a_question_that_two_facts_answer_shows_the_count_of_neither(tmp_path: Path) -> None:
    play = Fact("novel-1", "novel", "Hamlet", "William Shakespeare", (), 0.9, 0, "dev")
    film = Fact("novel-2", "novel", "Hamlet", "Kenneth Branagh", (), 0.4, 31, "tune")
    known = Facts(_write(tmp_path / "facts.jsonl", (play, film)), PHRASINGS)
    assert (known.exposure("Who wrote Hamlet?"), known.references("Who wrote Hamlet?")) == (None, None)


def test_the_shipped_phrasings_are_those_that_the_model_was_raised_on() -> None:
    shipped = json.loads(PHRASINGS.read_text(encoding="utf-8"))
    assert shipped == {name: list(relation.questions) for name, relation in RELATIONS.items()}
