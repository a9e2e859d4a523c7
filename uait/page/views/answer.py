"""Records -> plain data for the page: dicts, lists, strings and finite numbers that JSON can carry.

The page builds its nodes from this data with textContent, so text stays text and nothing is escaped here.
Knows nothing of Gradio, nor of how the data is drawn.
"""

import unicodedata
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import urlsplit

from uait.data.plain import short_of_all
from uait.records import Progress
from uait.records.errors import DataError

Payload = dict[str, Any]
Familiarity = Callable[[str], int | None]

# Between a number and its unit, so that no line breaks there.
_FIXED_SPACE = "\u00a0"

EXAMPLE_KINDS = {
    "known": "It knows",
    "half": "It half-knows",
    "unknown": "It doesn’t know",
    "unseen": "Never seen in training",
    "outside": "Outside its world",
}
MOST_SHOWN = 200  # characters of a question that got no answer: too long may be why
NO_WORDS = "(no words)"  # an answer that is empty
_FALLBACK_EXAMPLES: dict[str, list[Payload]] = {
    "known": [{"text": "What is the capital of France?", "seen": None}],
    "half": [{"text": "What is the capital of Burkina Faso?", "seen": None}],
    "unknown": [{"text": "What is the capital of Palau?", "seen": None}],
    "outside": [{"text": "Who won the 1998 World Cup?", "seen": None}],
}


def percent(value: float | None) -> str:
    """A confidence in [0, 1] as people read it: "49.7 %", "70 %", or "no number".

    One below 1 is never rounded to "100 %", nor one above 0 to "0 %".
    """
    if value is None:
        return "no number"
    return fixed(100 * short_of_all(value), 1).removesuffix(".0") + f"{_FIXED_SPACE}%"


def fixed(value: float, digits: int) -> str:
    """`value` >= 0 with so many decimals, halves rounded up: as JavaScript writes it, where Python rounds to even."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def seconds(value: float) -> str:
    """A duration: "0.04 s", "0.3 s", "12 s"."""
    digits = 2 if value < 0.095 else 1 if value < 9.95 else 0
    return f"{fixed(value, digits)}{_FIXED_SPACE}s"


def familiarity_text(n_seen: int | None) -> str | None:
    """How often training showed the fact, in words, or None when that is not known."""
    if n_seen is None:
        return None
    if n_seen == 0:
        return "never seen in training"
    return f"seen {n_seen:,} time{'' if n_seen == 1 else 's'} in training"


def safe_url(url: str | None) -> str | None:
    """`url` when it is a plain http(s) address that may become a link, else None."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def unexpected(error: Exception) -> str:
    """One readable line about an error nobody foresaw; the log holds the rest."""
    return f"Something went wrong here ({type(error).__name__}). The log has the details; please ask again."


def visible_token(text: str) -> str:
    """A token with its spaces, line breaks and invisible characters made visible."""
    signs = {" ": "␣", "\n": "↵", "\t": "⇥"}
    hidden = ("Cc", "Cf")
    shown = "".join(signs.get(c, "·" if unicodedata.category(c) in hidden else c) for c in text)
    return shown or "∅"


# -- the answer card -----------------------------------------------------------------------------


def empty_card(threshold: float) -> Payload:
    """The card before anything was asked."""
    return {"state": "empty", "threshold": threshold}


def working_card(question: str, threshold: float | None, text: str = "", note: str = "") -> Payload:
    """The card while the model speaks: `text` is the reply so far, of which only the answer is shown."""
    answer = text.rsplit(";", 1)[0].strip()
    return {"state": "working", "threshold": threshold, "question": question, "text": answer, "note": note}


def error_card(question: str, threshold: float | None, message: str) -> Payload:
    """The card when there is no answer: one sentence; of a long question only the beginning."""
    asked = question if len(question) <= MOST_SHOWN else f"{question[:MOST_SHOWN]}…"
    return {"state": "error", "threshold": threshold, "question": asked, "message": message}


def progress_note(progress: Progress) -> str:
    """What the pipeline is doing now, as a short line."""
    return progress.note or f"{progress.stage.capitalize()} …"


def plain(text: str) -> str:
    """The text as answers are told apart: without capitals, points and double spaces."""
    return " ".join(text.casefold().strip(" .").split())


# -- the examples --------------------------------------------------------------------------------


def examples(data: Payload) -> list[Payload]:
    """Example questions by kind, a model's own (examples.json) or a short list where it has none.

    Raises DataError when they are something else.
    """
    try:
        data = data or _FALLBACK_EXAMPLES
        return [
            {"kind": kind, "label": label, "questions": [_example(q) for q in data.get(kind, [])]}
            for kind, label in EXAMPLE_KINDS.items()
            if data.get(kind)
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        shape = '{"known": [{"text": "...", "seen": 3}], "half": [], "unseen": [], "outside": []}'
        raise DataError(f"examples.json holds no example questions ({err}); it must look like {shape}.") from err


def _example(question: Payload) -> Payload:
    n_seen = question.get("seen")
    return {"text": str(question["text"]), "seen": n_seen, "title": familiarity_text(n_seen)}
