"""The page's data: words, numbers and shares, and that every piece is plain JSON."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.fakes import FakeStronger
from uait.method.gate import decide
from uait.page.views import answer as answer_view
from uait.page.views.reply import recourses, reply_card
from uait.records import (
    Action,
    Answer,
    Decision,
    Finish,
    Passage,
    Progress,
    Question,
    Reply,
    Retrieved,
    Sample,
    StrongerAnswer,
)
from uait.records.errors import DataError
from uait.retrieval.stronger import EndpointModel
from uait.settings import ASSETS, Endpoint, RetrievalSettings, Settings

HOSTILE = "<script>window.pwned=1</script> ${alert(1)} {{value}} <|user|> `x` C:\\new \u202eabc"


def _sample(text: str, logprobs: tuple[float, ...] = (-0.5,)) -> Sample:
    n = len(logprobs)
    return Sample(text, tuple(range(n)), ("x",) * n, np.array(logprobs), Finish.STOP)


def _answer(text: str, spoken: float | None) -> Answer:
    return Answer(text, spoken, spoken, _sample(f"{text}; said"), f"prompt for {text}", 0.31, "pocket")


def _reply(first: Answer, final: Answer, retrieved: Retrieved | None) -> Reply:
    action = Action.ANSWER if retrieved is None else Action.RETRIEVE
    decision = Decision(action, first.spoken, 0.7, "the gate's sentence")
    return Reply(Question("1", "Where?"), first, decision, retrieved, final, 0.9)


PASSAGE = Passage("d1", "Palau", "Its capital is Ngerulmud.", 3.0, "bundle", "https://example.org/palau")


def _words(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "text"), [(0.497, "49.7 %"), (0.7, "70 %"), (0.0, "0 %"), (1.0, "100 %"), (None, "no number")]
)
def test_percent_keeps_one_decimal_only_where_it_says_something(value: float | None, text: str) -> None:
    assert _words(answer_view.percent(value)) == text


@pytest.mark.parametrize(("value", "text"), [(0.043, "0.04 s"), (0.31, "0.3 s"), (9.96, "10 s"), (12.2, "12 s")])
def test_seconds_lose_digits_as_they_grow(value: float, text: str) -> None:
    assert _words(answer_view.seconds(value)) == text


@pytest.mark.parametrize(
    ("n_seen", "text"),
    [
        (None, None),
        (0, "never seen in training"),
        (1, "seen 1 time in training"),
        (1412, "seen 1,412 times in training"),
    ],
)
def test_familiarity_is_said_in_words(n_seen: int | None, text: str | None) -> None:
    assert answer_view.familiarity_text(n_seen) == text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//example.org",
        "file:///etc/passwd",
        "https://",
        "http://[",
        "",
        None,
    ],
)
def test_only_web_addresses_become_links(url: str | None) -> None:
    assert answer_view.safe_url(url) is None


def test_a_web_address_is_kept_as_it_is() -> None:
    assert answer_view.safe_url("https://example.org/a?b=1") == "https://example.org/a?b=1"


@pytest.mark.parametrize(
    ("text", "shown"), [(" Paris", "␣Paris"), ("a\n", "a↵"), ("", "∅"), ("\u200b", "·"), ("é🙂", "é🙂")]
)
def test_tokens_show_their_spaces_and_hidden_characters(text: str, shown: str) -> None:
    assert answer_view.visible_token(text) == shown


def test_a_half_said_number_is_not_shown_while_the_model_speaks() -> None:
    assert answer_view.working_card("Where?", 0.7, "Paris; 9")["text"] == "Paris"


def test_a_progress_event_without_a_note_is_named_by_its_stage() -> None:
    assert answer_view.progress_note(Progress("retrieve", 0, 1)) == "Retrieve …"
    assert answer_view.progress_note(Progress("retrieve", 0, 1, "Reading …")) == "Reading …"


def test_a_sure_reply_has_no_final_answer_and_no_sources() -> None:
    first = _answer("Paris", 0.931)
    card = reply_card(_reply(first, first, None), 3)
    assert (card["confidence"], card["is_done"], card["final"], card["sources"]) == (0.931, False, None, [])
    assert card["seen"] == "seen 3 times in training"


def test_a_reply_that_was_looked_up_numbers_its_sources() -> None:
    retrieved = Retrieved("Where?", (PASSAGE, PASSAGE), ("The web search failed.",))
    card = reply_card(_reply(_answer("Koror", 0.41), _answer("Ngerulmud", 0.96), retrieved))
    assert card["final"]["text"] == "Ngerulmud"
    assert [source["number"] for source in card["sources"]] == [1, 2]
    assert card["notes"] == ["The web search failed."]
    assert not card["is_same"]


def test_the_same_answer_after_reading_is_no_correction() -> None:
    retrieved = Retrieved("Where?", (PASSAGE,))
    card = reply_card(_reply(_answer("ngerulmud", 0.41), _answer("Ngerulmud.", 0.96), retrieved))
    assert card["is_same"]


def test_a_search_that_found_nothing_brings_no_final_answer() -> None:
    first = _answer("Koror", 0.41)
    card = reply_card(_reply(first, first, Retrieved("Where?", (), ("Nothing found.",))))
    assert card["is_done"]
    assert card["final"] is None


def test_a_question_that_is_too_long_is_not_printed_in_full() -> None:
    shown = answer_view.error_card("x" * 5000, 0.7, "It is too long.")["question"]
    assert shown == "x" * answer_view.MOST_SHOWN + "…"
    assert answer_view.error_card("Where?", 0.7, "")["question"] == "Where?"


def _second(confidence: float | None, stronger: StrongerAnswer | None = None) -> Reply:
    """What was read is 0.6 sure at least, or it is not let through."""
    first, second = _answer("Koror", 0.41), decide(confidence, 0.6, Action.ABSTAIN)
    if stronger is not None:
        decision = decide(0.41, 0.7, Action.ESCALATE)
        return Reply(Question("1", "Where?"), first, decision, None, first, 0.9, None, stronger, second)
    read = _answer("Ngerulmud" if confidence else "", None)
    return replace(_reply(first, read, Retrieved("Where?", (PASSAGE,))), second=second)


def test_the_second_answer_has_a_number_of_its_own() -> None:
    assert _words(reply_card(_second(0.871))["final"]["sure"]) == "87.1 % sure, after reading"


@pytest.mark.parametrize(
    ("confidence", "why"), [(0.3, "the second answer is only 30 % sure"), (None, "the passages don’t say")]
)
def test_what_is_not_sure_after_reading_is_left_open(confidence: float | None, why: str) -> None:
    card = reply_card(_second(confidence))
    assert (card["final"], _words(card["failed"]), card["stays"]) == (None, why, False)


def test_a_stronger_answer_names_who_gave_it_and_what_it_cost() -> None:
    card = reply_card(_second(0.8, StrongerAnswer("Ngerulmud", "big-1", 1030, 2, 50e-6, 0.4)), None, "escalate")
    assert (card["final"]["text"], card["final"]["by"], card["unsure"]["button"]) == ("Ngerulmud", "big-1", "Ask it")
    assert _words(card["final"]["cost"]) == "1,030 tokens read, 2 tokens written, 0.4 s, cost 0.000050"
    assert card["is_done"] and "prompt" not in card["final"]


def test_a_kind_of_question_that_was_never_measured_is_marked() -> None:
    strange = replace(_second(0.8), decision=decide(0.99, 0.7, is_familiar=False))
    assert not reply_card(strange)["is_familiar"]


def test_the_page_offers_what_there_is_and_says_what_leaves_this_machine() -> None:
    endpoint = EndpointModel(Endpoint("https://api.example.com/v1/chat/completions", "big-1", "secret"))
    offered, first, leaves = recourses(Settings(), endpoint)
    assert [value for _, value in offered] == ["retrieve", "web", "escalate", "abstain"] and first == "retrieve"
    assert "big-1 gets it at api.example.com." in leaves and "secret" not in leaves
    second = FakeStronger()
    second.name = "smollm2"
    assert ("Ask SmolLM2", "escalate") in recourses(Settings(), second)[0]
    alone, first, leaves = recourses(Settings(retrieval=RetrievalSettings(engines="none")), None)
    assert [value for _, value in alone] == ["web", "abstain"] and first == "abstain" and "big-1" not in leaves
    endpoint.close()


def test_a_missing_number_stays_missing() -> None:
    first = _answer("Koror", None)
    card = reply_card(_reply(first, first, Retrieved("Where?", ())))
    assert card["confidence"] is None
    assert card["first"]["spoken"] is None


def test_hostile_text_stays_text_and_everything_is_json() -> None:
    passage = Passage("d", HOSTILE, HOSTILE, 1.0, "web", "javascript:alert(1)")
    reply = _reply(_answer(HOSTILE, 0.2), _answer(HOSTILE, 0.9), Retrieved(HOSTILE, (passage,), (HOSTILE,)))
    card = json.loads(json.dumps(reply_card(reply), allow_nan=False))
    assert card["first"]["text"] == HOSTILE
    assert card["sources"][0] == {"number": 1, "title": HOSTILE, "text": HOSTILE, "url": None, "source": "web"}


def test_examples_are_shown_by_kind() -> None:
    data = {"known": [{"text": "A?", "seen": 3}], "half": [], "outside": [{"text": "B?", "seen": None}]}
    groups = answer_view.examples(data)
    assert {group["kind"]: group["questions"][0]["text"] for group in groups} == {"known": "A?", "outside": "B?"}
    assert groups[0]["questions"][0]["title"] == "seen 3 times in training"


def test_a_model_that_brings_no_examples_has_some_and_claims_no_training() -> None:
    assert [group["kind"] for group in answer_view.examples({})] == ["known", "half", "unknown", "outside"]


@pytest.mark.parametrize("data", [["?"], {"known": [{"seen": 3}]}, {"known": 3}])
def test_broken_examples_are_named(data: Any) -> None:
    with pytest.raises(DataError, match=r"examples\.json holds no example questions"):
        answer_view.examples(data)


def test_no_script_of_the_page_parses_data_as_html() -> None:
    scripts = sorted((ASSETS / "page").glob("*.js"))
    assert scripts
    for script in scripts:
        source = script.read_text(encoding="utf-8")
        for way_in in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "{{"):
            assert way_in not in source, f"{script.name} uses {way_in}"
