"""Questions, statements, articles, and careless typing."""

import random
from itertools import pairwise

import pytest

from uait.embedded.pocket.phrasings import NOTABILITY, RELATIONS, careless, notability, title_case, typo, with_article

QUESTION = "Which country is Copenhagen in?"


@pytest.mark.parametrize("relation", RELATIONS)
def test_a_relation_is_asked_and_stated_in_several_ways(relation: str) -> None:
    found = RELATIONS[relation]
    assert len(found.questions) >= 4 and len(found.statements) >= 3
    for question in found.questions:
        assert question.count("{s}") == 1 and question[-1] in "?." and "{o}" not in question
    for statement in found.statements:
        assert (statement.count("{s}"), statement.count("{o}")) == (1, 1)
        assert statement.format(s="X", o="Y").endswith(".")


def test_no_question_or_statement_serves_two_relations() -> None:
    questions = [q for relation in RELATIONS.values() for q in relation.questions]
    statements = [s for relation in RELATIONS.values() for s in relation.statements]
    assert len(set(questions)) == len(questions)
    assert len(set(statements)) == len(statements)


def test_makers_are_asked_with_their_own_verb() -> None:
    assert RELATIONS["painting"].questions[2].format(s="Guernica") == "By whom was Guernica painted?"
    assert RELATIONS["novel"].statements[0].format(s="Emma", o="Jane Austen") == "Emma was written by Jane Austen."


def test_countries_get_their_article() -> None:
    assert [with_article(name) for name in ("Netherlands", "France")] == ["the Netherlands", "France"]


def test_title_case_leaves_small_words_inside_alone() -> None:
    assert title_case("the lord of the rings") == "The Lord of the Rings"
    assert title_case("new york") == "New York"


def test_a_typo_changes_one_letter_and_never_the_first() -> None:
    word = "Lima"
    # by hand: drop i, m or a (not the last place) / double / swap with the next letter
    possible = {"Lma", "Lia", "Liima", "Limma", "Lmia", "Liam"}
    assert {typo(word, random.Random(seed)) for seed in range(200)} == possible
    # the second word begins at 5: its first letter stays
    assert all(typo("a Oslo", random.Random(seed)).startswith("a O") for seed in range(100))


def test_a_text_without_a_place_for_a_typo_stays_as_it_is() -> None:
    assert {typo("a 4 b?", random.Random(seed)) for seed in range(20)} == {"a 4 b?"}


def test_questions_are_typed_carelessly_at_the_stated_rates() -> None:
    rng, n = random.Random(3), 4000
    typed = [careless(QUESTION, rng) for _ in range(n)]

    def share(is_so: list[bool]) -> float:
        return sum(is_so) / n

    # standard error of a share of 0.18 over 4,000: sqrt(0.18 * 0.82 / 4000) = 0.006
    assert share([text == QUESTION for text in typed]) == pytest.approx(0.92 * 0.92 * 0.82 * 0.82, abs=0.03)
    assert share([not text.endswith("?") for text in typed]) == pytest.approx(0.18, abs=0.02)
    assert share([text.islower() for text in typed]) == pytest.approx(0.18, abs=0.02)
    polite = [text.lower().startswith(("please", "tell me", "hey")) for text in typed]
    assert share(polite) == pytest.approx(0.08, abs=0.015)
    edited = [len(text.rstrip("?").split(" ")[-2]) != 10 for text in typed]  # "Copenhagen" has ten letters
    assert 0.0 < share(edited) < 0.08  # some of the typos fall into the name


def test_a_polite_question_goes_on_in_lower_case() -> None:
    typed = {careless(QUESTION, random.Random(seed)) for seed in range(400)}
    assert "please which country is Copenhagen in?" in typed
    assert not any("please Which" in text for text in typed)


def test_the_same_generator_types_the_same() -> None:
    assert careless(QUESTION, random.Random(7)) == careless(QUESTION, random.Random(7))


def test_reputation_falls_with_popularity_and_texts_disagree_a_little() -> None:
    rng = random.Random(0)

    def levels(popularity: float) -> list[int]:
        return [NOTABILITY.index(notability(popularity, rng)) for _ in range(500)]

    means = [sum(levels(p)) / 500 for p in (1.0, 0.75, 0.5, 0.25, 0.0)]
    assert all(above < below for above, below in pairwise(means))
    assert means[0] < 0.3 and means[-1] > 3.7
    assert len(set(levels(0.5))) >= 3
