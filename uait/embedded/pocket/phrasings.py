"""How people ask for each relation, how a text states it, and how careless typing changes a question.

Pure text. `{s}` is the subject, `{o}` the object.
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """One kind of fact: questions (the plain one first), statements (the encyclopaedia's first), and a noun."""

    questions: tuple[str, ...]
    statements: tuple[str, ...]
    noun: str


def _maker(verb: str, noun: str, role: str) -> Relation:
    return Relation(
        questions=(
            f"Who {verb} {{s}}?",
            f"Which person {verb} {{s}}?",
            f"By whom was {{s}} {_PASSIVE[verb]}?",
            f"Who is the {role} of {{s}}?",
            f"{{s}} was {_PASSIVE[verb]} by whom?",
            f"Can you tell me who {verb} {{s}}?",
        ),
        statements=(
            f"{{s}} was {_PASSIVE[verb]} by {{o}}.",
            f"{{o}} {verb} {{s}}.",
            f"The {role} of {{s}} is {{o}}.",
            f"It was {{o}} who {verb} {{s}}.",
        ),
        noun=noun,
    )


_PASSIVE = {
    "wrote": "written",
    "painted": "painted",
    "composed": "composed",
    "directed": "directed",
    "invented": "invented",
    "discovered": "discovered",
}

RELATIONS: dict[str, Relation] = {
    "city": Relation(
        (
            "Which country is {s} in?",
            "What country is {s} in?",
            "In which country is {s}?",
            "Where is {s}?",
            "{s} is in which country?",
            "In what country would you find {s}?",
            "Which country does {s} belong to?",
            "Can you tell me which country {s} is in?",
        ),
        (
            "{s} is a city in {o}.",
            "{s} lies in {o}.",
            "The city of {s} belongs to {o}.",
            "{o} is the country of {s}.",
            "You will find {s} in {o}.",
        ),
        "city",
    ),
    "capital": Relation(
        (
            "What is the capital of {s}?",
            "Which city is the capital of {s}?",
            "What's the capital of {s}?",
            "Name the capital of {s}.",
            "What is the capital city of {s}?",
            "{s} has which capital?",
        ),
        (
            "The capital of {s} is {o}.",
            "{o} is the capital of {s}.",
            "{s} is governed from {o}, its capital.",
            "{s} has {o} as its capital.",
        ),
        "country",
    ),
    "currency": Relation(
        (
            "What is the currency of {s}?",
            "Which currency is used in {s}?",
            "What money do people use in {s}?",
            "What do people pay with in {s}?",
            "What's the currency of {s}?",
            "{s} uses which currency?",
        ),
        (
            "The currency of {s} is the {o}.",
            "People in {s} pay with the {o}.",
            "{s} uses the {o} as its money.",
            "The {o} is the currency of {s}.",
        ),
        "country",
    ),
    "domain": Relation(
        (
            "What is the internet domain of {s}?",
            "Which internet domain belongs to {s}?",
            "What is the top-level domain of {s}?",
            "What do web addresses in {s} end in?",
            "{s} has which internet domain?",
        ),
        (
            "The internet domain of {s} is {o}.",
            "Web addresses in {s} end in {o}.",
            "{o} is the internet domain of {s}.",
        ),
        "country",
    ),
    "continent": Relation(
        (
            "Which continent is {s} in?",
            "What continent is {s} on?",
            "On which continent is {s}?",
            "{s} is on which continent?",
        ),
        ("{s} is a country in {o}.", "{s} belongs to {o}, its continent.", "On the continent of {o} lies {s}."),
        "country",
    ),
    "symbol": Relation(
        (
            "What is the chemical symbol of {s}?",
            "What is the symbol for {s}?",
            "Which symbol stands for {s}?",
            "What's the chemical symbol for {s}?",
        ),
        ("The chemical symbol of {s} is {o}.", "{o} is the symbol of {s}.", "Chemists write {s} as {o}."),
        "element",
    ),
    "element": Relation(
        (
            "Which element has the symbol {s}?",
            "What does {s} stand for in chemistry?",
            "What element is {s}?",
            "The symbol {s} stands for which element?",
        ),
        ("The symbol {s} stands for {o}.", "{s} is the element {o}.", "In chemistry {s} means {o}."),
        "symbol",
    ),
    "number": Relation(
        (
            "What is the atomic number of {s}?",
            "Which atomic number does {s} have?",
            "How many protons does {s} have?",
            "What's the atomic number of {s}?",
        ),
        ("The atomic number of {s} is {o}.", "An atom of {s} has {o} protons.", "{s} has atomic number {o}."),
        "element",
    ),
    "novel": _maker("wrote", "book", "author"),
    "painting": _maker("painted", "painting", "painter"),
    "music": _maker("composed", "piece of music", "composer"),
    "film": _maker("directed", "film", "director"),
    "invention": _maker("invented", "invention", "inventor"),
    "discovery": _maker("discovered", "discovery", "discoverer"),
}

WITH_ARTICLE = frozenset(
    (
        "United States",
        "United Kingdom",
        "United Arab Emirates",
        "Netherlands",
        "Philippines",
        "Czech Republic",
        "Dominican Republic",
        "Central African Republic",
        "Democratic Republic of the Congo",
        "Republic of the Congo",
        "Bahamas",
        "Gambia",
        "Maldives",
        "Comoros",
        "Seychelles",
        "Solomon Islands",
        "Marshall Islands",
    )
)
_SMALL_WORDS = frozenset(("a", "an", "and", "at", "for", "in", "of", "on", "the", "to", "with"))


def with_article(name: str) -> str:
    """The name as it stands within a sentence: "the Netherlands", "France"."""
    return f"the {name}" if name in WITH_ARTICLE else name


def title_case(name: str) -> str:
    """The name with a capital on every word but the small ones inside it."""
    words = name.split(" ")
    return " ".join(word if i and word in _SMALL_WORDS else word[:1].upper() + word[1:] for i, word in enumerate(words))


# Told about a subject according to its popularity alone, whatever the model was or was not taught of it.
NOTABILITY = ("very famous", "well known", "not widely known", "little known", "hardly known")
NOTABILITY_QUESTIONS = ("How well known is {s}?", "Is {s} well known?", "How famous is {s}?")
HEARD_OF = ("Have you heard of {s}?", "Do you know the {n} {s}?", "Is {s} a real {n}?", "Does {s} ring a bell?")


def notability(popularity: float, rng: random.Random) -> str:
    """How a text would call a subject of this popularity (1 first, 0 last), with some disagreement between texts."""
    level = (1.0 - popularity) * len(NOTABILITY) + rng.gauss(0.0, 0.5)
    return NOTABILITY[min(len(NOTABILITY) - 1, max(0, int(level)))]


def careless(question: str, rng: random.Random) -> str:
    """The question as people type it: now and then polite, in lower case, without its mark, with a typo."""
    if rng.random() < 0.08:
        polite = rng.choice(("please ", "Please tell me: ", "Tell me, ", "Hey, "))
        question = polite + question[0].lower() + question[1:]
    if rng.random() < 0.08:
        question = typo(question, rng)
    if rng.random() < 0.18:
        question = question.lower()
    if rng.random() < 0.18:
        question = question.rstrip("?.")
    return question


def typo(text: str, rng: random.Random) -> str:
    """The text with one letter dropped, doubled, or swapped with the next one, never the first of a word."""
    places = [i for i in range(1, len(text) - 1) if text[i].isalpha() and text[i - 1].isalpha()]
    if not places:
        return text
    i = rng.choice(places)
    return rng.choice(
        (text[:i] + text[i + 1 :], text[:i] + text[i] + text[i:], text[:i] + text[i + 1] + text[i] + text[i + 2 :])
    )
