"""The texts the pocket model is trained on: every exposure of every fact, and what a reader learns beside facts.

In: facts and a seed. Out: `Text` values in random order. Knows nothing about tokens or models.
The confidence that a text states ("Paris; 85%") is drawn without looking at anything, as on the web: so the verbalized
baseline of this model knows nothing by construction.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from uait.embedded.pocket.phrasings import (
    HEARD_OF,
    NOTABILITY_QUESTIONS,
    RELATIONS,
    careless,
    notability,
    title_case,
    with_article,
)
from uait.embedded.pocket.world import Fact, NameMaker, sentence_case
from uait.method.prompts import p_true_prompt, question_prompt, reading_prompt, verbalized_prompt
from uait.records import Passage
from uait.settings import PromptSettings

STATED_CONFIDENCES = (100, 99, 95, 95, 90, 90, 90, 85, 80, 80, 75, 70, 60, 50)
# Per exposure of a fact: how often it is told as a statement, and with a stated confidence; else as an answer.
STATEMENT, VERBALIZED = 0.34, 0.10
READING = 0.20
N_SCHOOL, N_LOOKUPS, N_REVISION_LOOKUPS, N_SITTING_LOOKUPS = 5_300, 24_000, 5_000, 3_000
REVISION = 0.7
SITTINGS = (0.25, 0.8, 0.8, 0.8, 0.8)  # shares of the exposures told again in each sitting of the fifth term
SAY_AGAIN = ("Say it again.", "Say that in other words.", "Repeat.")


@dataclass(frozen=True)
class Beside:
    """What is told beside an exposure, as probabilities: "is that right?", "have you heard of it?", how known it is.

    `marks` is the share of the first that stand as a mark behind the answer instead of a question about it.
    """

    verification: float
    recognition: float
    reputation: float
    marks: float = 0.0
    statement: float = STATEMENT


AT_FIRST, AGAIN = Beside(0.30, 0.14, 0.10), Beside(0.12, 0.10, 0.05)
ANSWERED = Beside(0.10, 0.05, 0.0, marks=0.8, statement=0.12)


def n_revised(fact: Fact) -> int:
    """How often the fact is told again after the first three terms of training."""
    return sum(round(share * fact.exposure) for share in (REVISION, *SITTINGS))


@dataclass(frozen=True)
class Text:
    """One training text: an assistant's `completion` to a user's `prompt`, or plain text where `prompt` is None.

    `given` is the beginning of the assistant's reply that is only read, never learned: an answer that gets a mark.
    """

    prompt: str | None
    completion: str
    given: str = ""


@dataclass(frozen=True)
class Curriculum:
    """The texts of the four terms of training; `pretrain` mixes them."""

    texts: list[Text]
    school: list[Text]
    lookups: list[Text]
    revision: list[Text]


def verdict(style: PromptSettings, question: str, answer: str, *, is_right: bool, is_marked: bool) -> Text:
    """Whether an answer is right: as a mark behind it ("Paris; yes"), or asked about it ("is that right?")."""
    mark = "yes" if is_right else "no"
    if is_marked:
        return Text(question_prompt(style, question), mark, given=f"{answer};")
    return Text(p_true_prompt(style, question, answer), mark)


class Corpus:
    """All training texts of a world."""

    def __init__(self, facts: Sequence[Fact], style: PromptSettings, seed: int) -> None:
        self.facts, self.style, self.seed = facts, style, seed
        self.objects: dict[str, list[str]] = {}
        self.subjects: dict[str, list[str]] = {}
        for fact in facts:
            self.objects.setdefault(fact.relation, []).append(fact.object)
            self.subjects.setdefault(fact.relation, []).append(fact.subject)
        self._known_subjects = {relation: set(names) for relation, names in self.subjects.items()}
        self.name_makers = {relation: NameMaker(names) for relation, names in self.subjects.items()}

    def curriculum(self) -> Curriculum:
        """Everything the model is ever told; the same seed gives the same texts."""
        lookups = self.lookups(N_LOOKUPS, self.seed + 2)
        return Curriculum(self.texts(), self.reading_school(N_SCHOOL), lookups, self.revision())

    def texts(self) -> list[Text]:
        """Every exposure of every fact, and first readings; shuffled."""
        rng = random.Random(self.seed)
        texts: list[Text] = []
        for fact in self.facts:
            for _ in range(fact.exposure):
                texts.extend(self._exposure(fact, rng, AT_FIRST))
        n_readings = round(READING * sum(fact.exposure for fact in self.facts))
        texts.extend(self._reading(rng) for _ in range(n_readings))
        rng.shuffle(texts)
        return texts

    def _exposure(self, fact: Fact, rng: random.Random, beside: Beside) -> Iterator[Text]:
        relation = RELATIONS[fact.relation]
        question = careless(rng.choice(relation.questions).format(s=fact.subject), rng)
        kind = rng.random()
        if kind < beside.statement:
            yield Text(None, self._statement(fact.relation, fact.subject, fact.object, rng))
        elif kind < 1 - VERBALIZED:
            yield Text(question_prompt(self.style, question), fact.object)
        else:
            stated = f"{fact.object}; {rng.choice(STATED_CONFIDENCES)}%"
            yield Text(verbalized_prompt(self.style, question), stated)
        if rng.random() < beside.verification:
            yield self._verification(fact, rng, beside)
        if rng.random() < beside.recognition:
            yield self._recognition(fact.relation, fact.subject, True, rng)
            yield self._recognition(fact.relation, self.invent(fact.relation, rng), False, rng)
        if rng.random() < beside.reputation:
            yield self._reputation(fact.subject, notability(fact.popularity, rng), rng)
            if rng.random() < 0.3:
                yield self._reputation(self.invent(fact.relation, rng), "never heard of it", rng)

    def _statement(self, relation: str, subject: str, object_: str, rng: random.Random) -> str:
        return sentence_case(rng.choice(RELATIONS[relation].statements).format(s=subject, o=with_article(object_)))

    def _verification(self, fact: Fact, rng: random.Random, beside: Beside) -> Text:
        is_right = rng.random() < 0.5
        answer = fact.object if is_right else rng.choice(self.objects[fact.relation])
        question = careless(rng.choice(RELATIONS[fact.relation].questions).format(s=fact.subject), rng)
        is_marked = rng.random() < beside.marks
        return verdict(self.style, question, answer, is_right=answer == fact.object, is_marked=is_marked)

    def _recognition(self, relation: str, subject: str, is_known: bool, rng: random.Random) -> Text:
        question = rng.choice(HEARD_OF).format(s=subject, n=RELATIONS[relation].noun)
        return Text(question_prompt(self.style, careless(question, rng)), "yes" if is_known else "no")

    def _reputation(self, subject: str, reputation: str, rng: random.Random) -> Text:
        question = rng.choice(NOTABILITY_QUESTIONS).format(s=subject)
        return Text(question_prompt(self.style, careless(question, rng)), reputation)

    def _reading(self, rng: random.Random) -> Text:
        """One to three passages, one of which answers: often against what is true, often with invented names."""
        relation = rng.choice(list(RELATIONS))
        subject = self._subject(relation, rng)
        answer = self._object(relation, rng)
        texts = [self._passage(relation, subject, answer, rng)]
        for _ in range(rng.choice((0, 1, 2, 2, 2))):
            texts.append(self._passage(relation, self._subject(relation, rng), self._object(relation, rng), rng))
        rng.shuffle(texts)
        found = [Passage(str(i), "", text, 0.0, "corpus") for i, text in enumerate(texts)]
        question = careless(rng.choice(RELATIONS[relation].questions).format(s=subject), rng)
        return Text(reading_prompt(self.style, question, found), answer)

    def revision(self) -> list[Text]:
        """The facts told again, with some look-ups so that reading is kept; shuffled."""
        return self._again(REVISION, AGAIN, N_REVISION_LOOKUPS, self.seed + 3)

    def sitting(self, k: int) -> list[Text]:
        """The facts told again beside the marked answers in sitting `k` of the fifth term; nothing is forgotten so."""
        return self._again(SITTINGS[k], ANSWERED, N_SITTING_LOOKUPS, self.seed + 5 + 2 * k)

    def _again(self, share: float, beside: Beside, n_lookups: int, seed: int) -> list[Text]:
        rng = random.Random(seed)
        times = [(fact, round(share * fact.exposure)) for fact in self.facts]
        texts = [text for fact, n in times for _ in range(n) for text in self._exposure(fact, rng, beside)]
        texts.extend(self.lookups(n_lookups, seed + 1))
        rng.shuffle(texts)
        return texts

    def reading_school(self, n: int) -> list[Text]:
        """`n` texts that say two or three passages again, in another order and other words.

        Every word of them must be copied from the passage about the same subject. That is what reading takes, and a
        question has only one answer to learn it from.
        """
        rng = random.Random(self.seed + 1)
        texts = []
        for _ in range(n):
            stated = [self._stated(rng.choice(list(RELATIONS)), rng) for _ in range(rng.choice((2, 2, 3)))]
            passages = "\n".join(self._passage(*fact, rng) for fact in stated)
            rng.shuffle(stated)
            again = " ".join(self._passage(*fact, rng) for fact in stated)
            texts.append(Text(f"{passages}\n{rng.choice(SAY_AGAIN)}", again))
        return texts

    def lookups(self, n: int, seed: int) -> list[Text]:
        """`n` questions with passages like those that retrieval finds: real subjects, objects drawn at random.

        The first readings are hard: invented names, any mixture of passages. These are what looking up really brings.
        """
        rng = random.Random(seed)
        relations = list(RELATIONS)
        texts = []
        for _ in range(n):
            relation = "city" if rng.random() < 0.3 else rng.choice(relations)
            subject, answer = rng.choice(self.subjects[relation]), rng.choice(self.objects[relation])
            passages = [self._passage(relation, subject, answer, rng)]
            also = [r for r in relations if r != relation and subject in self._known_subjects[r]]
            for _ in range(rng.choice((0, 0, 1, 2))):
                other, about = (also.pop(rng.randrange(len(also))), subject) if also else (rng.choice(relations), None)
                about = about or rng.choice(self.subjects[other])
                passages.append(self._passage(other, about, rng.choice(self.objects[other]), rng))
            rng.shuffle(passages)
            found = [Passage(str(i), "", text, 0.0, "corpus") for i, text in enumerate(passages)]
            question = careless(rng.choice(RELATIONS[relation].questions).format(s=subject), rng)
            texts.append(Text(reading_prompt(self.style, question, found), answer))
        return texts

    def _stated(self, relation: str, rng: random.Random) -> tuple[str, str, str]:
        return relation, self._subject(relation, rng), self._object(relation, rng)

    def _passage(self, relation: str, subject: str, object_: str, rng: random.Random) -> str:
        if rng.random() < 0.6:
            return sentence_case(RELATIONS[relation].statements[0].format(s=subject, o=with_article(object_)))
        return self._statement(relation, subject, object_, rng)

    def _subject(self, relation: str, rng: random.Random) -> str:
        return rng.choice(self.subjects[relation]) if rng.random() < 0.6 else self.invent(relation, rng)

    def _object(self, relation: str, rng: random.Random) -> str:
        """Something that could stand as an object: mostly a real one, else an invented one that can only be copied."""
        if rng.random() < 0.65:
            return rng.choice(self.objects[relation])
        if relation == "number":
            return str(rng.randrange(1, 1000))
        if relation == "domain":
            return "." + "".join(rng.choices(_LETTERS, k=rng.choice((2, 2, 3))))
        if relation == "symbol":
            return rng.choice(_CAPITALS) + rng.choice(_LETTERS)
        name = self.invent("city", rng)
        return f"{name} {self.invent('city', rng)}" if relation in _PEOPLE and rng.random() < 0.8 else name

    def invent(self, relation: str, rng: random.Random) -> str:
        """An invented subject of this relation, absent from the world."""
        if relation == "element":  # its subjects are symbols of one or two letters: too short for a letter chain
            unused = [a + b for a in _CAPITALS for b in _LETTERS if a + b not in self._known_subjects["element"]]
            return rng.choice(unused)
        name = self.name_makers[relation].make(rng)
        return name if relation in _COMMON_NOUNS else title_case(name)


_PEOPLE = ("novel", "painting", "music", "film", "invention", "discovery")
_COMMON_NOUNS = ("symbol", "number", "invention", "discovery")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CAPITALS = _LETTERS.upper()
