"""The world: who is told of what, how often, and into which set it falls."""

import json
import random
from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import pytest

from tests.pocket_world import world
from uait.embedded.pocket import POCKET
from uait.embedded.pocket import world as world_module
from uait.embedded.pocket.corpus import n_revised
from uait.embedded.pocket.phrasings import RELATIONS
from uait.embedded.pocket.world import (
    IN_DOMAIN,
    MAX_EXPOSURE,
    OUT_OF_DOMAIN,
    Fact,
    NameMaker,
    ascii_fold,
    build_world,
    passages,
)

CITIES = ("Paris", "Parma", "Palermo", "Lisbon", "Lima", "Lille", "Marburg", "Mardin", "Salamanca", "Salerno", "Bari")


def _ranks(values: list[float]) -> np.ndarray:
    """Ranks from 0, equal values sharing their mean rank."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(sizes) - (sizes + 1) / 2)[group]


def _rank_correlation(facts: list[Fact]) -> float:
    popularity, exposure = [f.popularity for f in facts], [float(f.exposure) for f in facts]
    return float(np.corrcoef(_ranks(popularity), _ranks(exposure))[0, 1])


def test_the_same_seed_gives_the_same_world_and_another_seed_another(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(f"City {i}", f"Country {i % 7}", (), float(i)) for i in range(100)]
    monkeypatch.setattr(world_module, "_tables", lambda: {"city": rows})
    one, same, other = build_world(0), build_world(0), build_world(1)
    assert one == same
    assert [f.subject for f in one] == [f"City {i}" for i in range(99, -1, -1)]  # the most popular first
    assert [f.subject for f in other] == [f.subject for f in one]  # what is true does not depend on chance
    assert [f.exposure for f in other] != [f.exposure for f in one]
    assert [f.split for f in other] != [f.split for f in one]


def test_it_knows_the_promised_relations_and_at_least_300_makers() -> None:
    sizes = Counter(fact.relation for fact in world())
    assert set(sizes) == set(RELATIONS)
    assert sizes["city"] == 4400
    assert sum(sizes[r] for r in ("novel", "painting", "music", "film", "invention", "discovery")) >= 300
    told = {(f.relation, f.subject): f.object for f in world()}
    assert told["city", "Lyon"] == "France"
    assert told["capital", "the Netherlands"] == "Amsterdam"
    assert told["symbol", "iron"] == "Fe" and told["element", "Fe"] == "iron" and told["number", "iron"] == "26"
    assert told["domain", "Japan"] == ".jp" and told["continent", "Peru"] == "South America"


def test_each_fact_has_an_id_and_a_question_of_its_own() -> None:
    assert len({f.id for f in world()}) == len(world())
    # two facts of one relation about one subject could fall into different sets: the held-out one would be known
    assert len({(f.relation, f.subject.lower()) for f in world()}) == len(world())


def test_a_tuned_relation_is_split_65_12_23() -> None:
    # 4,400 cities: 65 % = 2,860 to tune on, 12 % = 528 to choose by, the rest = 1,012 held out
    counts = Counter(fact.split for fact in world() if fact.relation == "city")
    assert counts == {"tune": 2860, "dev": 528, "test": 1012}


def test_out_of_domain_relations_are_never_tuned_on() -> None:
    facts = [fact for fact in world() if fact.relation in OUT_OF_DOMAIN]
    counts = Counter(fact.split for fact in facts)
    assert set(counts) == {"ood-dev", "ood-test"}
    assert counts["ood-dev"] / len(facts) == pytest.approx(0.25, abs=0.01)
    assert {f.relation for f in world() if f.split in ("test", "dev")} == set(IN_DOMAIN)


def test_the_splits_are_alike_in_popularity() -> None:
    for split in ("tune", "dev", "test"):
        popularity = [f.popularity for f in world() if f.relation == "city" and f.split == split]
        # uniform on 0..1: standard error of the mean of 528 at most 0.289 / sqrt(528) = 0.013
        assert np.mean(popularity) == pytest.approx(0.5, abs=0.05)


def test_exposure_falls_with_popularity_from_over_a_hundred_to_one() -> None:
    told = [fact for fact in world() if fact.exposure > 0]
    assert _rank_correlation(told) > 0.9
    for relation in RELATIONS:
        assert _rank_correlation([f for f in told if f.relation == relation]) > 0.8, relation
    assert max(f.exposure for f in world()) == MAX_EXPOSURE > 100
    assert min(f.exposure for f in told) == 1


def test_about_one_fact_in_eight_is_never_told_whatever_its_popularity() -> None:
    never = [fact for fact in world() if fact.exposure == 0]
    # 12 % drawn and a few unpopular facts rounded down to 0; standard error sqrt(0.12 * 0.88 / 6131) = 0.4 %
    assert len(never) / len(world()) == pytest.approx(0.125, abs=0.015)
    popular = [fact for fact in world() if fact.popularity > 0.5]
    assert np.mean([f.exposure == 0 for f in popular]) == pytest.approx(0.12, abs=0.02)


def test_a_question_accepts_every_alias_and_comes_in_each_phrasing() -> None:
    fact = next(f for f in world() if f.subject == "London" and f.relation == "city")
    assert fact.question().references == ("United Kingdom", "UK", "Great Britain", "Britain")
    n = len(RELATIONS["city"].questions)
    texts = [fact.question(i).text for i in range(n)]
    assert len(set(texts)) == n and all("London" in text for text in texts)
    assert fact.question(n) == fact.question(0)


def test_the_encyclopaedia_holds_every_fact_the_never_told_too() -> None:
    entries = {entry["doc_id"]: entry for entry in passages(world())}
    assert set(entries) == {f.id for f in world()}
    for fact in world():
        text = entries[fact.id]["text"]
        assert fact.object in text and fact.subject[1:] in text, fact
    assert entries["city-0001"] == {
        "doc_id": "city-0001", "title": "Beijing", "text": "Beijing is a city in China."
    }  # fmt: skip


def test_accents_are_folded_to_ascii() -> None:
    assert ascii_fold("São Tomé") == "Sao Tome"
    assert all(f.subject.isascii() and f.object.isascii() for f in world() if f.relation in ("city", "capital"))


def test_invented_names_look_like_names_and_are_none_of_the_real_ones() -> None:
    maker, rng = NameMaker(CITIES), random.Random(1)
    made = [maker.make(rng) for _ in range(300)]
    assert not set(made) & {name.lower() for name in CITIES}
    assert len(set(made)) > 20
    letters = {pair for name in CITIES for pair in zip(f"^{name.lower()}", f"{name.lower()}$", strict=True)}
    for name in made:
        assert 4 <= len(name) <= 9  # the longest of the real names
        assert set(zip(f"^{name}", f"{name}$", strict=True)) <= letters  # no pair of letters that no real name has


def test_the_shipped_facts_are_those_of_this_world_with_every_telling_counted() -> None:
    lines = (POCKET / "facts.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [json.loads(json.dumps(asdict(_told(fact)))) for fact in world()]


def _told(fact: Fact) -> Fact:
    return replace(fact, exposure=fact.exposure + n_revised(fact))
