"""Verbs that say the n-th hostile string in every field, asked as "number n"; "fail n" fails with it.

Stands in for `uait.stages.verbs`, as `tests.browser.fake_app` does.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from tests import fake_report
from tests.browser import fake_app
from tests.browser.fake_app import FakeEngines
from tests.trust.corpus import CORPUS
from uait.method.answers import Exchange, MethodAnswer
from uait.method.gate import decide, decide_again
from uait.records import (
    Action,
    Answer,
    Done,
    EvalReport,
    Event,
    Passage,
    Progress,
    Question,
    Reply,
    Retrieved,
)
from uait.records import Partial as Growing
from uait.records.errors import DataError, ModelError


def load(engines: FakeEngines, adapter: Path | None) -> FakeEngines:
    """The same engines; an adapter is refused by the name of its run."""
    if adapter is not None:
        raise ModelError(f"The adapter {adapter.parts[-2]} can't be read.")
    return replace(engines, adapter=None)


def ask(engines: FakeEngines, text: str, **_: object) -> Iterator[Event]:
    """Grows, is unsure, looks it up and asks a stronger model too: every field says the string."""
    said = _said(text)
    yield Growing(said)
    yield Progress("retrieve", 0, 1, said)
    decision = decide(0.2, 0.7, Action.RETRIEVE)
    found, second = Retrieved(said, _passages(said), (said,)), decide_again(0.9, 0.5)
    final = replace(_answer(said), n_passages=3)
    yield Done(
        Reply(
            Question("asked", said if said.strip() else "x"), _answer(said), decision, found, final, 0.5, second=second
        )
    )


def explain(engines: FakeEngines, text: str) -> Iterator[Event]:
    """Tokens, what is left without them, and samples."""
    said = _said(text)
    given = fake_app._explanation(_answer(said))
    tokens = tuple(replace(token, text=said, without=said) for token in given.tokens)
    yield Done(replace(given, tokens=tokens, samples=(fake_app._sample(said),) * 5))


def compare(engines: object, text: str, references: tuple[str, ...] = ()) -> Iterator[MethodAnswer]:
    """Answers, prompts, replies and notes."""
    said = _said(text)
    for method in ("verbalized", "probability", "teacher", "p_true", "uait"):
        shown = Exchange(said, said, (said, said))
        number = {"spoken": 0.4, "expected": 0.4} if method == "uait" else {"number": 0.87}
        yield MethodAnswer(method, said, {**number}, None, 1, 0.25, (shown,), said)


def beside(engines: object, text: str, *_: object) -> tuple[Answer, Answer]:
    """What both say."""
    return _answer(_said(text)), _answer(_said(text))


def evaluate_drawn(engines: object, split: str, n: int) -> Iterator[Event]:
    """A live report of the whole corpus."""
    yield Progress("evaluate", 0, n, CORPUS[0])
    yield Done(report(CORPUS))


def report(texts: tuple[str, ...]) -> EvalReport:
    """An evaluation in which every question, answer, id, name of an adapter and left-out question is one of these."""
    given = fake_report.report(max(60, len(texts)))
    rows = [dict(row) for row in given.rows]
    for i, row in enumerate(rows):
        said = texts[i % len(texts)]
        row |= {"id": f"{i}{said}", "question": said}
        row |= {who: {**row[who], "answer": said} for who in ("base", "verbalized", "uait", "read")}
    extras = {**given.extras, "left_out": {fake_report.IN_DOMAIN: {said: [said] for said in texts}}}
    made = given.provenance and replace(given.provenance, model_id=texts[0], adapter_id=f"x/{' '.join(texts[:40])}")
    return replace(given, rows=tuple(rows), extras=extras, provenance=made)


def _said(text: str) -> str:
    """The string that "number n" asks for; any other question is its own answer."""
    found = re.fullmatch(r"(number|fail) (\d+)", text.strip())
    if found is None:
        return text
    said = CORPUS[int(found[2])]
    if found[1] == "fail":
        raise DataError(said)
    return said


def _answer(said: str) -> Answer:
    return Answer(said, 0.2, 0.3, fake_app._sample(said), said, 0.1, said)


def _passages(said: str) -> tuple[Passage, ...]:
    """The string as title, text, source and as its own address, and behind an address that is one."""
    address = f"https://example.org/{quote(said.encode('utf-8', 'replace'))}"
    return (
        Passage("1", said, said, 9.1, said),
        Passage("2", said, said, 3.2, "web", address),
        Passage("3", said, said, 1.2, "web", said),
    )
