"""A page around engines that behave like real ones, without a model: the browser tests' and the designer's stand-in.

Run it to look at the page: python -m tests.browser.fake_app
"""

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests import fake_report
from tests.fakes import FakeStronger
from uait.data.catalogue import preset
from uait.method import prompts
from uait.method.answers import Exchange, MethodAnswer
from uait.method.gate import decide, decide_again
from uait.method.surface import OTHER_SCRIPT, is_in_latin_letters
from uait.records import (
    Action,
    Answer,
    Done,
    Event,
    Explanation,
    Finish,
    Partial,
    Passage,
    Progress,
    Question,
    Reply,
    Retrieved,
    Sample,
    SarScore,
    TokenExplanation,
)
from uait.records.errors import DataError, ModelError, RetrievalError
from uait.settings import Settings

if TYPE_CHECKING:
    import gradio as gr

SEEN = {"What is the capital of France?": 412, "What is the capital of Palau?": 0}
# What the fake model says to a question that holds the word, how sure it says it is, and what the encyclopaedia says.
_KNOWN = {"france": ("Paris", 0.931, "Paris"), "palau": ("Melekeok Town", 0.412, "Ngerulmud")}
_BEYOND = ("Wednesday", 0.083, "Nothing certain")
HOSTILE_SOURCE = "<img src=x onerror=window.pwned=1> ${window.pwned=1} {{value}} `back` C:\\new"


class FakeFacts:
    """What is known of the two facts that the fake model was told."""

    def exposure(self, question: str) -> int | None:
        return SEEN.get(question)

    def references(self, question: str) -> tuple[str, ...] | None:
        return next(((fact[2],) for name, fact in _KNOWN.items() if name in question.lower()), None)


@dataclass
class FakeEngines:
    """The two fields of the real engines that the page reads."""

    threshold: float = 0.7
    settings: Settings = field(default_factory=lambda: preset("pocket"))
    pause: float = 0.0
    adapter: str | None = "shipped"  # None: it states no confidence
    stronger: FakeStronger = field(default_factory=lambda: FakeStronger("Ngerulmud", 0.8))


def _sample(text: str, logprob: float = -0.2) -> Sample:
    parts = text.split(" ")
    pieces = tuple(part if i == 0 else f" {part}" for i, part in enumerate(parts))
    return Sample(text, tuple(range(len(pieces))), pieces, np.full(len(pieces), logprob), Finish.STOP)


def _answer(text: str, confidence: float | None, prompt: str, n_passages: int = 0) -> Answer:
    if confidence is None:
        return Answer(text, None, None, _sample(text), prompt, 0.31, "fake", n_passages)
    said = _sample(f"{text}; {100 * confidence:.1f}%")
    return Answer(text, confidence, min(1.0, confidence + 0.021), said, prompt, 0.31, "fake", n_passages)


def _believes(text: str) -> tuple[str, float, str]:
    return next((said for word, said in _KNOWN.items() if word in text.lower()), _BEYOND)


def ask(
    engines: FakeEngines,
    text: str,
    *,
    threshold: float | None = None,
    when_unsure: str | None = None,
    web: bool | None = None,
) -> Iterator[Event]:
    """Streams an answer letter by letter; below the threshold does what was chosen, and finds the same on the web.

    "crash" raises, "offline" finds nothing, and in the passages of "silent" there is no answer.
    """
    text = prompts.sanitise(text)
    if "crash" in text:
        raise ZeroDivisionError("a bug")
    believed, confidence, true = _believes(text)
    if engines.adapter is None:
        confidence = None
    believed = text if "echo" in text else believed
    for end in range(1, len(believed) + 1):
        time.sleep(engines.pause)
        yield Partial(believed[:end])
    first = _answer(believed, confidence, text)
    limit = engines.threshold if threshold is None else threshold
    is_familiar = False if text == "?" else None
    decision = decide(confidence, limit, Action(when_unsure or "retrieve"), is_familiar=is_familiar)
    retrieved, final, second, stronger = None, first, None, None
    if decision.action is Action.ESCALATE:
        stronger = engines.stronger.answer(text)
        second = decide_again(stronger.confidence, stronger.threshold)
    if decision.action is Action.RETRIEVE:
        yield Progress("retrieve", 0, 1, "Looking it up in the bundled encyclopaedia …")
        time.sleep(10 * engines.pause)
        retrieved = Retrieved(text, () if "offline" in text else _passages(true), _notes())
        if retrieved.passages:
            final = _answer(
                "" if "silent" in text else true, None, f"{retrieved.passages[0].text}\n{text}", n_passages=2
            )
            second = decide(None if "silent" in text else 0.3 if "doubtful" in text else 0.962, 0.6, Action.ABSTAIN)
    asked = Question("asked", text)
    read_as = "" if is_in_latin_letters(text) else OTHER_SCRIPT
    yield Done(Reply(asked, first, decision, retrieved, final, 0.74, stronger=stronger, second=second, read_as=read_as))


def _notes() -> tuple[str, ...]:
    return (str(RetrievalError("The web search did not answer within 5 s; the bundled encyclopaedia was used.")),)


def _passages(answer: str) -> tuple[Passage, ...]:
    return (
        Passage(
            "1", answer, f"{answer} is the seat of government, a small place that few quizzes ask for.", 9.1, "bundle"
        ),
        Passage("2", "A page from the web", HOSTILE_SOURCE, 3.2, "web", "https://example.org/a?b=1"),
        Passage(
            "3", "A page with a bad address", "Its address runs a script.", 1.2, "web", "javascript:window.pwned=1"
        ),
    )


def explain(engines: FakeEngines, text: str) -> Iterator[Event]:
    """Three tokens whose doubt sits on the middle one, and five samples of which three agree."""
    text = prompts.sanitise(text)
    if "crash" in text:
        raise ZeroDivisionError("a bug")
    time.sleep(20 * engines.pause)
    believed, confidence, _ = _believes(text)
    confidence = confidence if engines.adapter else None
    yield Done(_explanation(_answer(text if "echo" in text else believed, confidence, text)))


def _explanation(answer: Answer) -> Explanation:
    rows = ((" Mele", 0.61, 0.42, 0.21), ("keok", 0.22, 0.55, 0.69), (" Town", 0.55, 0.12, 0.10))
    texts = [row[0] for row in rows]
    tokens = tuple(
        TokenExplanation(t, p, -math.log(p), r, share, "".join(texts[:i] + texts[i + 1 :]).strip(), 1 - r)
        for i, (t, p, r, share) in enumerate(rows)
    )
    answers = ("Melekeok Town", "Koror", "Melekeok Town", "Airai State", "Melekeok Town")
    same = np.array(
        [[1.0 if a == b else 0.42 + 0.07 * abs(i - j) for j, b in enumerate(answers)] for i, a in enumerate(answers)]
    )
    score = SarScore("asked", np.full(5, 0.9), -6.94, 0.26, 0.001)
    return Explanation(answer, tokens, tuple(_sample(a, -0.4) for a in answers), same, score, 24, 2.13)


def compare(engines: object, text: str, references: tuple[str, ...] = ()) -> Iterator[MethodAnswer]:
    """Five opinions, one after the other; "crash" breaks after the first one."""
    text = prompts.sanitise(text)
    answers = {
        "verbalized": "Koror",
        "probability": "Koror",
        "teacher": "Koror",
        "p_true": "Koror",
        "uait": "Ngerulmud",
    }
    for method, answer in answers.items():
        time.sleep(0.05)
        is_right = answer in references if references else None
        prompt = f"{text} Answer with your confidence." if method == "verbalized" else text
        sure: dict[str, float | None] = {"spoken": 0.412, "expected": 0.395} if method == "uait" else {"number": 0.87}
        exchange = Exchange("asked once", prompt, (f"{answer}; 41.2%",))
        yield MethodAnswer(method, answer, sure, is_right, 1 if method == "p_true" else 7, 0.25, (exchange,))
        if "crash" in text:
            raise ZeroDivisionError("a bug")


def evaluate_drawn(engines: object, split: str, n: int) -> Iterator[Event]:
    """Some progress, slower for more questions, then a report of `n`; the unjudged split breaks."""
    for done in range(0, n, 10):
        yield Progress("evaluate", done, n, f"{split}: sampling")
        time.sleep(n / 200)
    if split == fake_report.OUT_OF_WORLD:
        raise DataError("There is nothing to evaluate.")
    yield Done(fake_report.report(n, seed=2))


def load(engines: FakeEngines, adapter: Path | None) -> FakeEngines:
    """The same engines without an adapter, or with one that is trusted from 60 % on; a folder named broken is."""
    if adapter is not None and "broken" in adapter.parts[-2]:
        raise ModelError("The adapter can't be read; tune it again.")
    return replace(engines, adapter=adapter and adapter.parts[-2], threshold=0.5 if adapter is None else 0.6)


def build(pause: float = 0.0) -> "gr.Blocks":
    """The whole page around the fakes."""
    from uait.page import app  # noqa: PLC0415 - gradio takes seconds; other tiers must not pay for it

    around: Any = FakeEngines(pause=pause)
    facts: Any = FakeFacts()
    verbs: Any = sys.modules[__name__]
    return app.build(around, verbs=verbs, load=verbs.load, facts=facts)


if __name__ == "__main__":
    from uait.page import app

    demo = build(pause=0.04)
    demo.launch(**app.launch_arguments())
