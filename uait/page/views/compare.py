"""Opinions and the recorded evaluation -> plain data for the Compare tab: dicts, lists, strings, finite numbers.

The page builds its nodes from this data with textContent, as in `present`. Knows nothing of Gradio.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from uait.method.answers import (
    METHODS,
    P_TRUE,
    PROBABILITY,
    SPOKEN,
    TEACHER,
    UAIT,
    VERBALIZED,
    Exchange,
    MethodAnswer,
    title_of,
)
from uait.page.views.answer import NO_WORDS, Payload
from uait.page.views.ranking import SOURCES, always, constant, made
from uait.records import EvalReport

TITLES = {
    VERBALIZED: "Untuned, asked for a number",
    PROBABILITY: "Answer probability per token",
    TEACHER: "The SAR teacher",
    P_TRUE: "P(True)",
    UAIT: "UaIT: tuned to say it",
}
_HOW = {
    VERBALIZED: "The untuned model is asked the question together with “how likely are you right?”",
    PROBABILITY: "The untuned model is asked once; how probable each word of its answer was, on average "
    "(geometric mean).",
    TEACHER: "The untuned model is asked {n_samples} times more; the more its answers agree, the surer.",
    P_TRUE: "The untuned model is shown its own answer and asked whether it is right; the probability of “yes”.",
    UAIT: "The model answers, then says how sure it is of that, as tuning has taught it. Nothing is sampled.",
}
_OVERCONFIDENT = "Untuned language models asked this way are usually overconfident."
_NOTHING_TO_JUDGE = "The untuned model gave no answer, so there was nothing to judge."
_SOURCES = {
    "base": "untuned",
    "verbalized": "untuned, asked for a number",
    "uait": "UaIT",
    "read": "UaIT after reading",
}
DEFAULT_BINS = 10
_LABELS = {"spoken": "stated number", "expected": "average number", "stated": "stated number"}


# -- one question, side by side ------------------------------------------------------------------


def comparison(
    question: str,
    opinions: Sequence[MethodAnswer],
    *,
    state: str,
    n_samples: int,
    about_verbalized: str = "",
    references: Sequence[str] | None = None,
    message: str = "",
) -> Payload:
    """The columns in their order; those without an opinion yet say how they will get one.

    `state`: "empty", "working", "done" or "error", with `message` the error's sentence.
    """
    by_method = {opinion.method: opinion for opinion in opinions}
    plain = next((o.exchanges[0].prompt for m in (TEACHER, UAIT) if (o := by_method.get(m))), None)
    columns = []
    for method in METHODS:
        column = {"method": method, "title": TITLES[method], "how": _HOW[method].format(n_samples=n_samples)}
        if method == VERBALIZED:
            column["caveat"] = about_verbalized or _OVERCONFIDENT
        if method in by_method:
            column |= _column(by_method[method], plain)
        elif state == "done":
            column["note"] = _NOTHING_TO_JUDGE
        columns.append(column)
    return {
        "state": state,
        "question": question,
        "reference": references[0] if references else None,
        "columns": columns,
        "message": message,
    }


def _column(opinion: MethodAnswer, plain: str | None) -> Payload:
    return {
        "answer": opinion.answer or NO_WORDS,
        "is_right": opinion.is_correct,
        "confidences": [
            {"label": _LABELS.get(k, title_of(k)), "value": value} for k, value in opinion.confidences.items()
        ],
        "n_passes": opinion.n_passes,
        "seconds": opinion.seconds,
        "note": opinion.note,
        "exchanges": [_exchange(exchange, plain) for exchange in opinion.exchanges],
    }


def _exchange(exchange: Exchange, plain: str | None) -> Payload:
    return {"label": exchange.label, "prompt": marked(exchange.prompt, plain), "replies": list(exchange.replies)}


def marked(prompt: str, plain: str | None) -> list[Payload]:
    """The prompt in pieces of `text`, `is_new` where it departs from the plain question's prompt (None: unmarked)."""
    if plain is None or prompt == plain:
        return [{"text": prompt, "is_new": False}]
    words, known = re.findall(r"\s+|\w+|[^\w\s]", prompt), re.findall(r"\s+|\w+|[^\w\s]", plain)
    pieces: list[Payload] = []
    for kind, start, end, _, _ in SequenceMatcher(None, words, known, autojunk=False).get_opcodes():
        if start < end:
            pieces.append({"text": "".join(words[start:end]), "is_new": kind != "equal"})
    return pieces


# -- many questions: the threshold lab -----------------------------------------------------------


def no_lab() -> Payload:
    """The lab without a recorded evaluation."""
    return {"state": "empty"}


def lab(report: EvalReport, threshold: float, about_verbalized: str = "") -> Payload:
    """Everything the lab draws from, so that it needs no server: methods, splits, and each question's numbers.

    `rows` per split: the question; per source its answer and whether it is right (None: no reference); per method
    its confidence, exactly as recorded (None: none).
    """
    if not report.rows:
        return no_lab()
    methods = {name: source for source in _SOURCES if source != "read" for name in _confidences(report.rows[0], source)}
    settings = report.provenance.settings if report.provenance else {}
    rows: dict[str, list[Payload]] = {}
    for row in report.rows:
        rows.setdefault(row["split"], []).append(_row(row, methods))
    return {
        "state": "done",
        "threshold": threshold,
        "n_bins": settings.get("evaluate", {}).get("n_bins", DEFAULT_BINS),
        "methods": [{"name": name, "title": title_of(name), "source": source} for name, source in _gate_first(methods)],
        "sources": _SOURCES,
        "gate": SPOKEN,
        "rows": rows,
        "made": made(report),
        "caveat": caveats(report, about_verbalized),
    }


def caveats(report: EvalReport | None, about_verbalized: str = "") -> dict[str, str]:
    """By method, what to know before its number is believed: above all, whether it ever changes."""
    rows = report.rows if report else ()
    found = {"verbalized": [about_verbalized]} if about_verbalized else {}
    for source in SOURCES:
        said = [_confidences(row, source) for row in rows]
        for method in said[0] if said else ():
            value = constant([one.get(method) for one in said])
            if value is not None:
                found[method] = [f"It {always(value)}.", *found.get(method, ())]
    return {method: " ".join(lines) for method, lines in found.items()}


def _gate_first(methods: dict[str, str]) -> list[tuple[str, str]]:
    """UaIT's methods before the others: the gate goes by them."""
    return sorted(methods.items(), key=lambda pair: pair[1] != "uait")


def _confidences(row: Payload, source: str) -> dict[str, float | None]:
    return row.get(source, {}).get("confidences", {})


def _row(row: Payload, methods: dict[str, str]) -> Payload:
    return {
        "id": row["id"],
        "question": row["question"],
        "said": {source: [row[source]["answer"], row[source]["right"]] for source in _SOURCES if source in row},
        "confidence": {method: _confidences(row, source).get(method) for method, source in methods.items()},
    }
