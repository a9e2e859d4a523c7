"""The question sets of SmolLM2: to tune on, to choose by, held out, and whole relations never tuned on.

In: facts and a seed. Out: `AskedQuestion` rows, the same for the same seed. Split by group, so that no phrasing and no
reverse of a fact is on two sides. Knows nothing about models.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from uait.data.files import write_jsonl
from uait.embedded.smollm2.facts import Fact, build_facts
from uait.records import Question

# Held out whole: never tuned on. `DEV_RELATIONS` choose what generalises, `TEST_RELATIONS` are asked once, at the end.
DEV_RELATIONS = ("language", "invention", "past")
TEST_RELATIONS = ("currency", "symbol", "element", "music", "discovery", "state", "young", "neighbour", "home")
SPLITS = ("tune", "dev", "dev-relation", "test", "out-of-relation")
SHARES = (("tune", 0.66), ("dev", 0.12), ("test", 0.22))  # of an in-domain relation's groups
# Facts of the shots in `shots.py`: in no split.
IN_THE_SHOTS = ("capital:KE", "novel:Robinson Crusoe", "general:What do pandas mainly eat?", "continent:BO")
IN_THE_SHOTS += ("general:In which sport does one use a puck?", "city:Sapporo", "opposite:cold")

_MAKERS = {
    "novel": ("wrote", "written", "author"),
    "painting": ("painted", "painted", "painter"),
    "film": ("directed", "directed", "director"),
    "music": ("composed", "composed", "composer"),
    "invention": ("invented", "invented", "inventor"),
    "discovery": ("discovered", "discovered", "discoverer"),
}
PHRASINGS: dict[str, tuple[str, ...]] = {
    "capital": (
        "What is the capital of {s}?",
        "Which city is the capital of {s}?",
        "What's the capital city of {s}?",
        "Name the capital of {s}.",
    ),
    "capital-of": (
        "{s} is the capital of which country?",
        "Which country has {s} as its capital?",
        "Of which country is {s} the capital?",
    ),
    "continent": (
        "On which continent is {s}?",
        "Which continent does {s} belong to?",
        "{s} is part of which continent?",
    ),
    "language": (
        "What is the main official language of {s}?",
        "Which language do most people speak in {s}?",
        "What language is spoken in {s}?",
    ),
    "currency": (
        "What is the currency of {s}?",
        "Which money is used in {s}?",
        "With what currency do you pay in {s}?",
    ),
    "neighbour": ("Name a country that borders {s}.", "Which country is a neighbour of {s}?"),
    "city": (
        "In which country is the city of {s}?",
        "Which country is {s} in?",
        "{s} is a city in which country?",
        "Which country does the city of {s} belong to?",
    ),
    "symbol": ("What is the chemical symbol for {s}?", "Which symbol stands for {s} in the periodic table?"),
    "element": ("Which chemical element has the symbol {s}?", "What element does {s} stand for in chemistry?"),
    "occupation": ("What was {s} known as by profession?", "What was the occupation of {s}?"),
    "nationality": ("What nationality was {s}?", "What is the nationality of {s}?"),
    "state": ("What is the capital of the U.S. state of {s}?", "Which city is the capital of {s} in America?"),
    "young": ("What is a young {s} called?", "What do you call the baby of a {s}?"),
    "opposite": ("What is the opposite of {s}?", "Which word means the opposite of {s}?"),
    "plural": ("What is the plural of {s}?", "What is the plural form of the word {s}?"),
    "past": ("What is the past tense of {s}?", "What is the simple past of the verb {s}?"),
    "landmark": ("In which country is {s}?", "Which country would you visit to see {s}?", "{s} is in which country?"),
    "kind_of_animal": (
        "What class of animal is the {s}?",
        "What kind of animal is a {s}: which class does it belong to?",
    ),
    "home": ("Which country does {s} come from?", "From which country is {s}?", "What is the home country of {s}?"),
    "general": ("{s}",),
}
for _kind, (_verb, _passive, _role) in _MAKERS.items():
    PHRASINGS[_kind] = (f"Who {_verb} {{s}}?", f"By whom was {{s}} {_passive}?", f"Who is the {_role} of {{s}}?")
# The share of labelled questions that a relation may make up: cities would drown the others.
LARGEST = {"city": 0.2}
OTHERS_LARGEST = 0.14


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question with what it is about: `group` ties all phrasings of a fact and its reverse together."""

    question: Question
    relation: str
    group: str
    popularity: float
    split: str


def build_questions(seed: int = 0) -> dict[str, list[AskedQuestion]]:
    """The questions by split, in an order that mixes the relations: a beginning of a split is a fair sample of it.

    `tune` holds every phrasing of a fact, the second ones after all first ones; the other splits one phrasing per fact.
    """
    facts = [fact for fact in build_facts() if not _is_in_shots(fact)]
    sides = _sides(facts, seed)
    rng = random.Random(f"phrasings {seed}")
    asked: dict[str, list[AskedQuestion]] = {split: [] for split in SPLITS}
    later: list[AskedQuestion] = []
    for fact in facts:
        split = sides[fact.group]
        order = rng.sample(range(len(PHRASINGS[fact.relation])), len(PHRASINGS[fact.relation]))
        rows = [_asked(fact, phrasing, split) for phrasing in order]
        asked[split].append(rows[0])
        if split == "tune":
            later.extend(rows[1:])
    for split in SPLITS:
        asked[split] = _mixed(asked[split], random.Random(f"{split} {seed}"))
    rng.shuffle(later)
    asked["tune"].extend(later)
    return asked


def write_questions(folder: Path, asked: Mapping[str, Sequence[AskedQuestion]]) -> None:
    """Writes what the page asks into the model's `folder`: questions to tune on, and those that are held out."""
    files = {"tuning_questions": "tune", "questions/in-domain": "test", "questions/out-of-domain": "out-of-relation"}
    for name, split in files.items():
        write_jsonl(folder / f"{name}.jsonl", [replace(row.question, group=row.group) for row in asked[split]])


def _asked(fact: Fact, phrasing: int, split: str) -> AskedQuestion:
    text = PHRASINGS[fact.relation][phrasing].format(s=fact.subject)
    name = fact.subject if fact.relation != "general" else f"{hash_text(fact.subject)}"
    question = Question(f"{fact.relation}:{name}#{phrasing}", text[:1].upper() + text[1:], fact.answers)
    return AskedQuestion(question, fact.relation, fact.group, fact.popularity, split)


def hash_text(text: str) -> str:
    """A short stable name of a text: its letters, in lower case, words joined."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def _is_in_shots(fact: Fact) -> bool:
    return fact.group in IN_THE_SHOTS or f"{fact.relation}:{fact.subject}" in IN_THE_SHOTS


def _sides(facts: Sequence[Fact], seed: int) -> dict[str, str]:
    """The split of every group. A group whose facts touch a held-out relation is held out whole."""
    sides: dict[str, str] = {}
    by_relation: dict[str, list[str]] = defaultdict(list)
    for fact in facts:
        if fact.relation in TEST_RELATIONS:
            sides[fact.group] = "out-of-relation"
        elif fact.relation in DEV_RELATIONS:
            sides[fact.group] = "dev-relation"
        elif fact.group not in by_relation[fact.group.partition(":")[0]]:
            by_relation[fact.group.partition(":")[0]].append(fact.group)
    for relation, groups in sorted(by_relation.items()):
        shuffled = sorted(groups)
        random.Random(f"{relation} {seed}").shuffle(shuffled)
        start = 0
        for split, share in SHARES:
            end = len(shuffled) if split == SHARES[-1][0] else start + round(share * len(shuffled))
            sides.update(dict.fromkeys(shuffled[start:end], split))
            start = end
    return sides


def _mixed(rows: Sequence[AskedQuestion], rng: random.Random) -> list[AskedQuestion]:
    """The rows shuffled so that every beginning holds the relations in the same capped shares."""
    by_relation: dict[str, list[AskedQuestion]] = defaultdict(list)
    for row in rows:
        by_relation[row.relation].append(row)
    weights = {}
    for relation, found in by_relation.items():
        rng.shuffle(found)
        weights[relation] = min(len(found), LARGEST.get(relation, OTHERS_LARGEST) * len(rows))
    keyed = [
        ((i + rng.random()) / weights[relation], i, row)
        for relation, found in by_relation.items()
        for i, row in enumerate(found)
    ]
    return [row for *_, row in sorted(keyed, key=lambda k: k[:2])]
