"""The question sets: nothing held out is tuned on."""

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations

import pytest

from tests.pocket_world import SEED, world
from uait.data.catalogue import preset
from uait.data.files import read_rows
from uait.data.json import from_json
from uait.data.questions import read_questions
from uait.embedded.pocket import POCKET
from uait.embedded.pocket import questions as sets
from uait.embedded.pocket.corpus import Corpus, n_revised
from uait.embedded.pocket.phrasings import RELATIONS
from uait.embedded.pocket.world import Fact
from uait.records import Question

OUTSIDE = ("tune", "dev", "test")


@cache
def _corpus() -> Corpus:
    return Corpus(world(), preset("pocket").prompts, SEED + 1)


@cache
def _to_tune_on() -> tuple[Question, ...]:
    return tuple(sets.to_tune_on(world(), _corpus(), SEED))


def _invented() -> list[Question]:
    return [question for question in _to_tune_on() if "-invented-" in question.id]


def _all_phrasings(fact: Fact) -> set[str]:
    return {fact.question(i).text for i in range(len(RELATIONS[fact.relation].questions))}


@pytest.mark.parametrize("split", ["dev", "test", "ood-dev", "ood-test"])
def test_no_fact_of_another_split_is_tuned_on_in_any_phrasing(split: str) -> None:
    ids = {question.id.partition(".")[0] for question in _to_tune_on()}
    texts = {question.text for question in _to_tune_on()}
    facts = [fact for fact in world() if fact.split == split]
    assert facts
    for fact in facts:
        assert fact.id not in ids
        assert not _all_phrasings(fact) & texts, fact


def test_every_fact_to_tune_on_is_asked_in_two_phrasings() -> None:
    asked = Counter(
        q.id.partition(".")[0] for q in _to_tune_on() if not q.id.startswith("oow-") and "-invented-" not in q.id
    )
    facts = {fact.id: fact for fact in world() if fact.split == "tune"}
    assert asked == dict.fromkeys(facts, 2)
    for question in _to_tune_on():
        fact = facts.get(question.id.partition(".")[0])
        if fact is not None:
            assert question.text in _all_phrasings(fact)
            assert question.references == (fact.object, *fact.aliases)


def test_ids_are_unique_and_the_order_is_random() -> None:
    ids = [question.id for question in _to_tune_on()]
    assert len(set(ids)) == len(ids)
    assert ids != sorted(ids)
    assert len({i.partition("-")[0] for i in ids[:300]}) > 3  # many relations, not one after the other


def test_invented_names_are_asked_about_and_no_answer_is_right() -> None:
    assert Counter(q.id.partition("-")[0] for q in _invented()) == sets.N_INVENTED
    assert {question.references for question in _invented()} == {(sets.NOWHERE,)}
    real = {text.lower() for f in world() if f.relation in sets.N_INVENTED for text in _all_phrasings(f)}
    assert not {question.text.lower() for question in _invented()} & real


def test_what_is_asked_from_outside_the_world_to_tune_on_or_to_choose_by_is_not_asked_when_measuring() -> None:
    words = {split: [set(re.findall(r"[a-z0-9]+", q.text.lower())) for q in sets.outside(split)] for split in OUTSIDE}
    assert [len(asked) for asked in words.values()] == [204, 60, 60]
    for split, other in combinations(OUTSIDE, 2):
        assert max(len(a & b) / len(a | b) for a in words[split] for b in words[other]) < 0.6
    tuned_on = {question.text for question in _to_tune_on()}
    assert {question.text for question in sets.outside("tune")} <= tuned_on
    assert not tuned_on & {q.text for split in ("dev", "test") for q in sets.outside(split)}


def test_a_split_asks_each_of_its_facts_once_in_mixed_phrasings() -> None:
    questions = sets.of_split(world(), "test", SEED)
    facts = {fact.id: fact for fact in world() if fact.split == "test"}
    assert [question.id for question in questions] == list(facts)
    used = Counter()
    for question in questions:
        fact = facts[question.id]
        assert question.references == (fact.object, *fact.aliases)
        used[next(i for i in range(8) if fact.question(i).text == question.text)] += 1
    # 1,012 questions over 8 phrasings: 127 each
    assert set(used) == set(range(8)) and min(used.values()) > 80


def test_the_same_seed_gives_the_same_sets_and_another_seed_others() -> None:
    assert tuple(sets.to_tune_on(world(), _corpus(), SEED)) == _to_tune_on()
    assert tuple(sets.to_tune_on(world(), _corpus(), SEED + 1)) != _to_tune_on()
    assert sets.of_split(world(), "dev", 0) == sets.of_split(world(), "dev", 0) != sets.of_split(world(), "dev", 1)


def _fact(i: int, relation: str, subject: str, object_: str, popularity: float, exposure: int) -> Fact:
    return Fact(f"{relation}-{i}", relation, subject, object_, (), popularity, exposure, "tune")


def test_examples_show_what_is_known_half_known_never_seen_and_outside() -> None:
    outside = [Question("o1", "Who am I?"), Question("o2", "Who are you?")]
    told = [replace(fact, exposure=fact.exposure + n_revised(fact)) for fact in world()]
    groups = sets.examples(told, outside, SEED)
    seen = {kind: [entry["seen"] for entry in entries] for kind, entries in groups.items()}
    assert all(n >= 150 for n in seen["known"]) and all(14 <= n <= 35 for n in seen["half"])
    assert seen["unseen"] == [0, 0, 0]
    assert groups["outside"] == [{"text": "Who am I?", "seen": None}, {"text": "Who are you?", "seen": None}]
    exposures = {fact.question().text: fact.exposure for fact in told}
    for kind in ("known", "half", "unseen"):
        assert len({entry["text"] for entry in groups[kind]}) == 3
        assert all(exposures[entry["text"]] == entry["seen"] for entry in groups[kind])


def test_what_is_told_the_other_way_round_is_no_example_of_the_never_seen() -> None:
    facts = [
        _fact(1, "city", "Paris", "France", 0.9, 0),
        _fact(2, "capital", "France", "Paris", 0.9, 40),
        _fact(3, "city", "Amsterdam", "Netherlands", 0.9, 0),
        _fact(4, "capital", "the Netherlands", "Amsterdam", 0.9, 40),
        _fact(5, "city", "Bergen", "Norway", 0.9, 0),
    ]
    for seed in range(10):
        assert sets.examples(facts, [], seed)["unseen"] == [{"text": "Which country is Bergen in?", "seen": 0}]


def test_no_held_out_question_asks_for_a_fact_that_was_tuned_on_or_chosen_by() -> None:
    facts = [from_json(Fact, row) for _, row in read_rows(POCKET / "facts.jsonl")]
    seen = {sets.group(fact) for fact in facts if fact.split in sets.SEEN}
    for name in ("in-domain", "out-of-domain"):
        asked = {question.group for question in read_questions(POCKET / "questions" / f"{name}.jsonl")}
        assert len(asked) > 300 and "" not in asked
        assert asked & seen == set()


def test_the_phrasings_of_a_fact_and_its_reverse_are_one_group() -> None:
    gold = Fact("symbol-1", "symbol", "gold", "Au", (), 1.0, 3, "tune")
    back = Fact("element-1", "element", "Au", "gold", (), 1.0, 3, "ood-test")
    assert sets.group(gold) == sets.group(back)
    assert sets.held_out([gold, back], "ood-test", 0) == []
