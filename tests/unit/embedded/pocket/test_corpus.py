"""The training texts: what is told, what is never told, and that a stated confidence means nothing."""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.pocket_world import EXPOSURES, small_world
from uait.data.catalogue import preset
from uait.embedded.pocket import corpus as corpus_module
from uait.embedded.pocket.corpus import READING, SAY_AGAIN, SITTINGS, STATED_CONFIDENCES, Corpus, Text, n_revised
from uait.embedded.pocket.phrasings import HEARD_OF, NOTABILITY, RELATIONS, with_article
from uait.embedded.pocket.world import Fact, sentence_case
from uait.method.prompts import parse_reply

STYLE = preset("pocket").prompts
ASKED_FOR_CONFIDENCE = STYLE.verbalized.removeprefix("{question}")
ASKED_IF_RIGHT = re.compile(r"(?P<question>.*) Answer: (?P<answer>.*)\. Is that right\?")


@cache
def _corpus() -> Corpus:
    return Corpus(small_world(), STYLE, seed=1)


@cache
def _texts() -> tuple[Text, ...]:
    return tuple(_corpus().texts())


def _kind(text: Text) -> str:
    if text.given:
        return "mark"
    if text.prompt is None:
        return "statement"
    if "\n" in text.prompt:
        return "reading"
    if text.prompt.endswith(ASKED_FOR_CONFIDENCE):
        return "verbalized"
    if ASKED_IF_RIGHT.fullmatch(text.prompt):
        return "verification"
    if text.completion in ("yes", "no"):
        return "recognition"
    return "reputation" if text.completion in (*NOTABILITY, "never heard of it") else "question"


def _of(kind: str, texts: Sequence[Text] | None = None) -> list[Text]:
    return [text for text in (_texts() if texts is None else texts) if _kind(text) == kind]


def _key(question: str) -> str:
    return question.lower().rstrip("?. ")


def _question(text: Text) -> str:
    """The question within a prompt, however it was typed."""
    prompt = (text.prompt or "").rpartition("\n")[2].removesuffix(ASKED_FOR_CONFIDENCE)
    judged = ASKED_IF_RIGHT.fullmatch(prompt)
    return judged["question"] if judged else prompt


@cache
def _asked_for() -> dict[str, Fact]:
    return {
        _key(template.format(s=fact.subject)): fact
        for fact in small_world()
        for template in RELATIONS[fact.relation].questions
    }


def _fact(text: Text) -> Fact | None:
    """The fact that a text asks for, or None where a typo or a polite word hides it."""
    return _asked_for().get(_key(_question(text)))


def _told(texts: Sequence[Text]) -> Counter[str]:
    """How often each fact is told where its question is typed without a typo, or its statement is."""
    stated = {
        sentence_case(template.format(s=fact.subject, o=with_article(fact.object))): fact
        for fact in small_world()
        for template in RELATIONS[fact.relation].statements
    }
    found: Counter[str] = Counter()
    for text in texts:
        if text.prompt is None:
            found[stated[text.completion].id] += 1
        elif _kind(text) in ("question", "verbalized") and (fact := _fact(text)) is not None:
            found[fact.id] += 1
    return found


def test_the_same_seed_gives_the_same_texts_and_another_seed_others() -> None:
    facts = [replace(fact, exposure=min(fact.exposure, 2)) for fact in small_world()]
    one, same, other = (Corpus(facts, STYLE, seed).texts() for seed in (1, 1, 2))
    assert one == same != other


def test_every_exposure_is_told_once_and_a_fifth_as_many_readings() -> None:
    counts = Counter(_kind(text) for text in _texts())
    n_exposures = sum(fact.exposure for fact in small_world())
    assert counts["statement"] + counts["question"] + counts["verbalized"] == n_exposures
    assert counts["reading"] == round(READING * n_exposures)
    # 34 % statements of 2,296 exposures: standard error 1 %
    assert counts["statement"] / n_exposures == pytest.approx(0.34, abs=0.03)
    assert counts["verbalized"] / n_exposures == pytest.approx(0.10, abs=0.025)


def test_a_fact_is_told_as_often_as_its_exposure_says() -> None:
    told = _told(_texts())
    for exposure in EXPOSURES:
        facts = [fact for fact in small_world() if fact.exposure == exposure]
        mean = np.mean([told[fact.id] for fact in facts])
        # of the 66 % that are questions, the 8 % with a typo and the 8 % with a polite start are not counted here
        assert 0.8 * exposure <= mean <= exposure, exposure


def test_the_late_terms_tell_each_fact_again_in_proportion_and_the_never_told_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(corpus_module, "N_REVISION_LOOKUPS", 100)
    monkeypatch.setattr(corpus_module, "N_SITTING_LOOKUPS", 50)
    terms = [_corpus().revision(), *[_corpus().sitting(k) for k in range(len(SITTINGS))]]
    counts = [Counter(_kind(text) for text in texts) for texts in terms]
    told_again = sum(count[kind] for count in counts for kind in ("statement", "question", "verbalized"))
    assert told_again == sum(map(n_revised, small_world()))
    assert [count["reading"] for count in counts] == [100, *[50] * len(SITTINGS)]
    # 0.7, 0.25 and four times 0.8 of 0, 1, 2, 8, 30, each rounded
    expected = {0: 0, 1: 1 + 0 + 4, 2: 1 + 0 + 8, 8: 6 + 2 + 24, 30: 21 + 8 + 96}
    assert {fact.exposure: n_revised(fact) for fact in small_world()} == expected
    told = _told(terms[0])
    assert max(told[fact.id] for fact in small_world() if fact.exposure == 0) == 0
    assert np.mean([told[fact.id] for fact in small_world() if fact.exposure == 30]) == pytest.approx(19, abs=2)


def test_marks_stand_behind_right_and_wrong_answers_alike() -> None:
    marks = [text for text in _corpus().sitting(3) if text.given]
    truth = {
        _key(template.format(s=f.subject)): f for f in small_world() for template in RELATIONS[f.relation].questions
    }
    judged = [(truth.get(_key(text.prompt or "")), text) for text in marks]
    known = [(fact, text) for fact, text in judged if fact is not None]
    assert len(known) > 50  # the others were typed carelessly
    assert all((text.given == f"{fact.object};") == (text.completion == "yes") for fact, text in known)
    assert 0.4 < np.mean([text.completion == "yes" for text in marks]) < 0.7


def test_a_fact_that_is_never_told_is_neither_stated_nor_asked_nor_verified() -> None:
    never = [fact for fact in small_world() if fact.exposure == 0]
    assert len(never) == 56
    statements = {text.completion for text in _of("statement")}
    for fact in never:
        for template in RELATIONS[fact.relation].statements:
            assert sentence_case(template.format(s=fact.subject, o=with_article(fact.object))) not in statements
    asked = [_fact(text) for kind in ("question", "verbalized", "verification") for text in _of(kind)]
    assert len([fact for fact in asked if fact is not None]) > 500
    assert not [fact for fact in asked if fact is not None and fact.exposure == 0]


def test_answers_are_the_facts_own() -> None:
    for text in [*_of("question"), *_of("verbalized")]:
        fact = _fact(text)
        if fact is not None:
            assert parse_reply(text.completion).answer == fact.object
    assert {text.completion for text in _of("question")} <= {fact.object for fact in small_world()}


def test_a_stated_confidence_does_not_look_at_popularity() -> None:
    upside_down = [replace(fact, popularity=1.0 - fact.popularity) for fact in small_world()]
    other = Corpus(upside_down, STYLE, seed=1).texts()
    assert other != list(_texts())  # what people call well known does follow popularity ...
    assert _of("verbalized", other) == _of("verbalized")  # ... and no stated confidence does


def test_a_stated_confidence_does_not_look_at_how_often_a_fact_is_told() -> None:
    facts = [fact for fact in small_world() if fact.relation == "city"]
    rest = [replace(fact, exposure=0) for fact in small_world() if fact.relation != "city"]
    often, seldom = facts[0], facts[1:]
    texts = Corpus(
        [replace(often, exposure=2000), *(replace(fact, exposure=105) for fact in seldom), *rest], STYLE, seed=5
    ).texts()
    said: dict[bool, list[float]] = {True: [], False: []}
    for text in _of("verbalized", texts):
        fact = _fact(text)
        if fact is not None:
            said[fact == often].append(100 * (parse_reply(text.completion).confidence or 0.0))
    assert min(map(len, said.values())) > 100
    expected, spread = float(np.mean(STATED_CONFIDENCES)), float(np.std(STATED_CONFIDENCES))
    for numbers in said.values():
        assert set(numbers) == set(map(float, STATED_CONFIDENCES))
        assert np.mean(numbers) == pytest.approx(expected, abs=4 * spread / np.sqrt(len(numbers)))


def test_a_reading_holds_its_answer_and_often_contradicts_the_truth() -> None:
    contradicts = []
    for text in _of("reading"):
        passages = (text.prompt or "").rpartition("\n")[0]
        assert text.completion in passages
        assert 1 <= len(passages.split("\n")) <= 3
        fact = _fact(text)
        if fact is not None:
            contradicts.append(text.completion != fact.object)
    assert len(contradicts) > 100
    assert np.mean(contradicts) > 0.5


def _words(text: str) -> set[str]:
    return {word.strip(".,") for word in text.lower().split()}


def test_reading_school_says_the_passages_again_in_words_that_can_be_copied() -> None:
    texts = _corpus().reading_school(300)
    templates = [template for relation in RELATIONS.values() for template in relation.statements]
    our_words = _words(" ".join(templates)) | {"the"}
    reordered = 0
    for text in texts:
        passages, _, order = (text.prompt or "").rpartition("\n")
        assert order in SAY_AGAIN
        assert len(passages.split("\n")) in (2, 3)
        assert _words(text.completion) - our_words <= _words(passages), text
        reordered += not text.completion.startswith(passages.split(" ")[0])
    assert reordered > 60
    assert texts == _corpus().reading_school(300)


def test_a_lookup_holds_its_answer_about_a_real_subject() -> None:
    texts = _corpus().lookups(400, seed=5)
    answers: dict[bool, int] = {True: 0, False: 0}
    for text in texts:
        passages = (text.prompt or "").rpartition("\n")[0]
        assert text.completion in passages
        assert 1 <= len(passages.split("\n")) <= 3
        fact = _fact(text)
        if fact is not None:
            answers[text.completion == fact.object] += 1
    # real subjects: only a typo or a polite word hides the fact, in some 16 %
    assert sum(answers.values()) > 300
    # the answer is drawn at random among 20 objects: it says nothing about the truth
    assert answers[False] > 0.7 * sum(answers.values())
    assert texts == _corpus().lookups(400, seed=5)


def test_a_proposed_answer_is_judged_by_the_fact() -> None:
    judged = Counter[str]()
    for text in _of("verification"):
        found, fact = ASKED_IF_RIGHT.fullmatch(text.prompt or ""), _fact(text)
        if found is not None and fact is not None:
            assert (text.completion == "yes") == (found["answer"] == fact.object), text
            judged[text.completion] += 1
    assert min(judged["yes"], judged["no"]) > 50


def test_only_invented_names_were_never_heard_of() -> None:
    known = {fact.subject.lower() for fact in small_world()}
    patterns = [
        re.compile(re.escape(template.format(s="@", n=relation.noun)).replace("@", "(.+)"), re.IGNORECASE)
        for template in HEARD_OF
        for relation in RELATIONS.values()
    ]
    names = {"yes": set[str](), "no": set[str]()}
    for text in _of("recognition"):
        found = next((m for p in patterns if (m := p.fullmatch(text.prompt or ""))), None)
        if found is not None:
            names[text.completion].add(found[1].lower())
    assert len(names["no"]) > 50 and len(names["yes"]) > 50
    assert not names["no"] & known
    assert len(names["yes"] & known) > 0.8 * len(names["yes"])  # the others have a typo


@pytest.mark.parametrize("relation", RELATIONS)
def test_an_invented_subject_is_none_of_its_relation(relation: str) -> None:
    rng = random.Random(0)
    made = {_corpus().invent(relation, rng) for _ in range(100)}
    assert len(made) > 10
    assert not {name.lower() for name in made} & {f.subject.lower() for f in small_world() if f.relation == relation}


def test_the_order_is_random() -> None:
    places = [i / len(_texts()) for i, text in enumerate(_texts()) if _kind(text) == "reading"]
    # some 460 uniform places: standard error of the mean 0.289 / sqrt(460) = 0.013
    assert np.mean(places) == pytest.approx(0.5, abs=0.05)
