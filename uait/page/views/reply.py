"""A finished reply as plain data for the answer card, and what the page offers for an unsure answer.

Knows nothing of Gradio, nor of how the data is drawn.
"""

from uait.data.catalogue import describe
from uait.method.spans import source_of
from uait.page.views.answer import NO_WORDS, Payload, familiarity_text, fixed, percent, plain, safe_url, seconds
from uait.records import Action, Answer, Passage, Reply, StrongerAnswer
from uait.retrieval.stronger import StrongerModel
from uait.settings import Settings

_SOURCES = {"bundle": "encyclopaedia"}
_LOOK = {
    "would": "would look it up",
    "did": "looked it up",
    "without": " without looking it up",
    "button": "Look it up",
}
UNSURE = {
    "retrieve": _LOOK,
    "web": _LOOK,
    "escalate": {
        "would": "would ask another model",
        "did": "asked another model",
        "without": " without asking another model",
        "button": "Ask it",
    },
    "abstain": {"would": "left open", "did": "left open", "without": "", "button": ""},
}


def reply_card(reply: Reply, n_seen: int | None = None, when_unsure: str = "retrieve") -> Payload:
    """The card of a finished reply: first answer, confidence, and what was done because of it.

    The page decides from `confidence` and `threshold`, as the gate does, whenever its slider moves; `unsure` holds the
    words for what is done below it. `final` is None where nobody knows, so that a failed search never looks like a
    correction; `failed` then says why, and `stays` whether the first answer stays on the page.
    """
    found = reply.retrieved.passages if reply.retrieved else ()
    outcome = reply.outcome if reply.decision.action is not Action.ANSWER else None
    return {
        "state": "done",
        "threshold": reply.decision.threshold,
        "question": reply.question.text,
        "first": _answer(reply.first),
        "confidence": reply.decision.confidence,
        "is_familiar": reply.decision.is_familiar is not False,
        "unsure": UNSURE[when_unsure],
        "is_done": reply.decision.action in (Action.RETRIEVE, Action.ESCALATE),
        "final": None if outcome is None else _final(reply, outcome, found),
        "failed": _failed(reply),
        "stays": reply.decision.action is Action.ESCALATE and reply.stronger is None,
        "is_same": outcome is not None and plain(outcome.text) == plain(reply.first.text),
        "sources": [_source(i, passage) for i, passage in enumerate(found, start=1)],
        "read_as": [reply.read_as] if reply.read_as else [],
        "notes": [*(reply.retrieved.notes if reply.retrieved else ()), *reply.notes],
        "seen": familiarity_text(n_seen),
        "seconds": reply.seconds,
    }


def _final(reply: Reply, outcome: Answer | StrongerAnswer, found: tuple[Passage, ...]) -> Payload:
    """The second answer with who gave it, how sure it is, and what it cost."""
    confidence = reply.second.confidence if reply.second else None
    sure = "no number" if confidence is None else f"{percent(confidence)} sure"
    if isinstance(outcome, StrongerAnswer):
        return {"text": outcome.text, "sure": sure, "by": outcome.model_id, "cost": _cost(outcome)}
    return {**_answer(outcome), "cite": source_of(outcome.text, found), "sure": f"{sure}, after reading"}


def _cost(stronger: StrongerAnswer) -> str:
    """ "30 tokens read, 2 written, 0.4 s", as far as it is known, and money where a price is."""
    counts = ((stronger.n_tokens_read, "tokens read"), (stronger.n_tokens_written, "tokens written"))
    parts = [f"{n:,} {what}" for n, what in counts if n is not None]
    money = [] if stronger.cost is None else [f"cost {fixed(stronger.cost, 6)}"]
    return ", ".join([*parts, seconds(stronger.seconds), *money])


def _failed(reply: Reply) -> str:
    """Why what was done brought no answer, to stand behind "looked it up, but"; "" where it did."""
    if reply.second is not None and reply.second.action is Action.ABSTAIN and reply.second.confidence is not None:
        return f"the second answer is only {percent(reply.second.confidence)} sure"
    if reply.decision.action is Action.ESCALATE:
        return "" if reply.stronger else "it gave no answer"
    return "the passages don’t say" if reply.retrieved and reply.retrieved.passages else "found nothing"


def recourses(settings: Settings, stronger: StrongerModel | None) -> tuple[list[tuple[str, str]], str, str]:
    """What the page offers for an unsure answer, as (label, value); the first value; what leaves this machine."""
    engines, chosen = settings.retrieval.engines, settings.answer.when_unsure
    here = "your own passages" if settings.retrieval.passages else "the encyclopaedia"
    offered = [(f"Look in {here}", "retrieve")] if "bundle" in engines else []
    offered.append(("Search the web too", "web"))
    name = stronger and _called(stronger.name)
    offered += [(f"Ask {name}", "escalate")] if stronger else []
    offered.append(("Leave it open", "abstain"))
    leaves = f"The web sends your question to {settings.retrieval.web_backends.replace(',', ', ')}."
    if stronger and stronger.place:
        leaves += f" {name} gets it at {stronger.place}."
    first = "web" if chosen == "retrieve" and "web" in engines else chosen
    first = first if first in dict(offered).values() else "abstain"
    return offered, first, f"{leaves} Else nothing leaves this machine."


def _called(model: str) -> str:
    """What a model that comes with the product is called wherever people read it; any other by its own name."""
    return description.title.partition(":")[0] if (description := describe(model)) else model


def _answer(answer: Answer) -> Payload:
    return {
        "text": answer.text or NO_WORDS,
        "spoken": answer.spoken,
        "expected": answer.expected,
        "seconds": answer.seconds,
        "said": answer.sample.text,
        "prompt": answer.prompt,
        "model": answer.model_id,
    }


def _source(number: int, passage: Passage) -> Payload:
    return {
        "number": number,
        "title": passage.title,
        "text": passage.text,
        "url": safe_url(passage.url),
        "source": _SOURCES.get(passage.source, passage.source),
    }
