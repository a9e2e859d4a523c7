"""The question sets of the pocket model: to tune on, to choose by, held out. In: facts and a seed. Out: Questions.

Held-out means held out: no question of a `test` or `ood-test` fact is labelled, tuned on, or used to choose anything.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from uait.data.questions import read_questions
from uait.embedded.pocket.corpus import Corpus
from uait.embedded.pocket.phrasings import RELATIONS
from uait.embedded.pocket.world import DATA, Fact
from uait.records import Question

N_PHRASINGS = 2  # per fact to tune on: the same knowledge, asked differently
N_INVENTED = {
    "city": 800,
    "capital": 80,
    "currency": 80,
    "symbol": 60,
    "novel": 120,
    "painting": 80,
    "film": 80,
}  # names nobody ever heard of teach "unfamiliar: unsure"
NOWHERE = "(there is none: the name is invented)"
SEEN = ("tune", "dev", "ood-dev")  # splits that something was tuned on or chosen by
MIN_KNOWN, HALF_KNOWN = 150, range(14, 36)


def to_tune_on(facts: Sequence[Fact], corpus: Corpus, seed: int) -> list[Question]:
    """Every fact of the `tune` split in several phrasings, invented names, and questions from outside; shuffled."""
    rng = random.Random(seed)
    questions = []
    for fact in facts:
        if fact.split == "tune":
            n = len(RELATIONS[fact.relation].questions)
            for phrasing in rng.sample(range(n), min(n, N_PHRASINGS)):
                asked = fact.question(phrasing)
                questions.append(Question(f"{asked.id}.{phrasing}", asked.text, asked.references, group(fact)))
    for relation, n in N_INVENTED.items():
        for i in range(n):
            text = rng.choice(RELATIONS[relation].questions).format(s=corpus.invent(relation, rng))
            questions.append(Question(f"{relation}-invented-{i + 1:04d}", text, (NOWHERE,)))
    questions.extend(outside("tune"))
    rng.shuffle(questions)
    return questions


def outside(split: str) -> list[Question]:
    """What people ask that the model's world does not hold; `split` is "tune", "dev" or "test", none like another's."""
    return read_questions(DATA / f"out_of_world_{split}.jsonl")


def of_split(facts: Sequence[Fact], split: str, seed: int) -> list[Question]:
    """Every fact of a split once, in a random phrasing."""
    rng = random.Random(f"{split} {seed}")
    return [fact.question(rng.randrange(100)) for fact in facts if fact.split == split]


def held_out(facts: Sequence[Fact], split: str, seed: int) -> list[Question]:
    """Every fact of a test split once, but for those that are tuned on or chosen by the other way round.

    "Which city is the capital of France?" tells where Paris is; who was tuned on the one was told the other.
    """
    seen = {group(fact) for fact in facts if fact.split in SEEN}
    groups = {fact.id: group(fact) for fact in facts}
    kept = [question for question in of_split(facts, split, seed) if groups[question.id] not in seen]
    return [replace(question, group=groups[question.id]) for question in kept]


def examples(facts: Sequence[Fact], others: Sequence[Question], seed: int, n: int = 3) -> dict[str, list[dict]]:
    """A few questions per kind for the page, with how often training told the fact (None outside its world)."""
    rng = random.Random(seed)
    told = {_pair(fact) for fact in facts if fact.exposure}
    kinds = {
        "known": lambda f: f.exposure >= MIN_KNOWN and f.popularity > 0.9,
        "half": lambda f: f.exposure in HALF_KNOWN,
        "unseen": lambda f: _pair(f) not in told and f.popularity > 0.5,
    }
    groups: dict[str, list[dict]] = {}
    for kind, is_kind in kinds.items():
        relations = {}
        for fact in rng.sample(list(facts), len(facts)):
            if is_kind(fact):
                relations.setdefault(fact.relation, fact)
        chosen = rng.sample(list(relations.values()), min(n, len(relations)))
        groups[kind] = [{"text": fact.question().text, "seen": fact.exposure} for fact in chosen]
    groups["outside"] = [{"text": question.text, "seen": None} for question in others[:n]]
    return groups


def group(fact: Fact) -> str:
    """A name for the two things that a fact joins, the same for its reverse."""
    return " | ".join(sorted(_pair(fact)))


def _pair(fact: Fact) -> frozenset[str]:
    """What a fact joins, either way round: "Paris is in France" is told by "the capital of France is Paris" too."""
    return frozenset(name.removeprefix("the ") for name in (fact.subject, fact.object))
