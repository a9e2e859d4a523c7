"""Records -> plain data for the page: dicts, lists, strings and finite numbers that JSON can carry.

The page builds its nodes from this data with textContent, so text stays text and nothing is escaped here.
Knows nothing of Gradio, nor of how the data is drawn.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import urlsplit

from uait.records import Explanation, Progress, SarScore, TokenExplanation
from uait.records.errors import DataError

Payload = dict[str, Any]
Familiarity = Callable[[str], int | None]

# A token drawn at full strength must still carry its text at 4.5:1 contrast (see --doubt in page.css).
MAX_SHADE = 0.8
# -log p from here on is drawn with the thickest underline: p = 0.018.
THICKEST_NLL = 4.0
# Between a number and its unit, so that no line breaks there.
_FIXED_SPACE = "\u00a0"

EXAMPLE_KINDS = {
    "known": "It knows",
    "half": "It half-knows",
    "unknown": "It doesn’t know",
    "unseen": "Never seen in training",
    "outside": "Outside its world",
}
NO_WORDS = "(no words)"  # an answer that is empty
_FALLBACK_EXAMPLES: dict[str, list[Payload]] = {
    "known": [{"text": "What is the capital of France?", "seen": None}],
    "half": [{"text": "What is the capital of Burkina Faso?", "seen": None}],
    "unknown": [{"text": "What is the capital of Palau?", "seen": None}],
    "outside": [{"text": "Who won the 1998 World Cup?", "seen": None}],
}


def percent(value: float | None) -> str:
    """A confidence in [0, 1] as people read it: "49.7 %", "70 %", or "no number"."""
    if value is None:
        return "no number"
    return fixed(100 * value, 1).removesuffix(".0") + f"{_FIXED_SPACE}%"


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
    """The card when there is no answer: one sentence."""
    return {"state": "error", "threshold": threshold, "question": question, "message": message}


def progress_note(progress: Progress) -> str:
    """What the pipeline is doing now, as a short line."""
    return progress.note or f"{progress.stage.capitalize()} …"


# -- the heatmap ---------------------------------------------------------------------------------


def empty_heatmap() -> Payload:
    """No explanation asked for yet."""
    return {"state": "empty"}


def working_heatmap(n_samples: int) -> Payload:
    """The heatmap while the model is being sampled."""
    return {"state": "working", "note": f"Asking the same question {n_samples} more times …"}


def error_heatmap(message: str) -> Payload:
    """The heatmap when there is none: one sentence."""
    return {"state": "error", "message": message}


def heatmap(explanation: Explanation, question: str, spoken_seconds: float | None = None) -> Payload:
    """The explained answer: tokens with their share of the doubt, samples, their similarity (K, K), SAR, the cost."""
    tokens, score = explanation.tokens, explanation.score
    doubt = [t.contribution for t in tokens]
    is_scored = isinstance(score, SarScore)
    return {
        "state": "done",
        "question": question,
        "answer": "".join(t.text for t in tokens).strip(),
        "tokens": [_token(t, max(doubt)) for t in tokens],
        "top": doubt.index(max(doubt)) if any(doubt) else 0,
        "summary": _summary(tokens),
        "samples": [{"text": s.text, "p": math.exp(float(s.logprobs.sum()))} for s in explanation.samples],
        "similarity": explanation.similarity.tolist(),
        "agreement": _agreement([s.text for s in explanation.samples]),
        "sar": score.sar if is_scored else None,
        "confidence": score.confidence if is_scored else None,
        "verdict": _verdict(score.sar, score.confidence) if is_scored else f"No score: {score.reason}.",
        "costs": _costs(len(explanation.samples), explanation.seconds, spoken_seconds),
    }


def _token(token: TokenExplanation, most: float) -> Payload:
    thickness = 2 + 6 * min(token.nll, THICKEST_NLL) / THICKEST_NLL
    return {
        "text": visible_token(token.text),
        "p": token.p,
        "nll": token.nll,
        "relevance": token.relevance,
        "contribution": token.contribution,
        "without": token.without,
        "similarity": token.similarity,
        "shade": round(MAX_SHADE * token.contribution / most, 3) if most > 0 else 0.0,
        "underline": round(thickness, 1),
    }


def _summary(tokens: tuple[TokenExplanation, ...]) -> str:
    worst = max(tokens, key=lambda t: t.contribution, default=None)
    if worst is None:
        return "The model said nothing, so there is no word to doubt."
    if worst.contribution <= 0:
        return "No token carries doubt: the model would have said the same every time."
    return f"{percent(round(worst.contribution, 2))} of the doubt hangs on “{visible_token(worst.text)}”."


def _agreement(texts: list[str]) -> str:
    n_samples = len(texts)
    if n_samples == 1:
        return "One sample only: nothing to compare it with."
    n_distinct = len({plain(t) for t in texts})
    most_common, count = Counter(plain(t) for t in texts).most_common(1)[0]
    spelled = next(t for t in texts if plain(t) == most_common)
    if n_distinct == 1:
        return f"The samples agree: all {n_samples} say “{spelled}”."
    if count > n_samples / 2:
        return f"The samples mostly agree: {count} of {n_samples} say “{spelled}”."
    return f"The samples disagree: {n_distinct} different answers in {n_samples}."


def _verdict(sar: float, confidence: float) -> str:
    signed = f"{sar:.2f}".replace("-", "−")
    return f"SAR {signed} nats: as a confidence, {percent(confidence)}."


def _costs(n_samples: int, sampled: float, spoken: float | None) -> list[Payload]:
    costs = [] if spoken is None else [{"label": "saying the number, one pass", "what": "spoken", "seconds": spoken}]
    costs.append({"label": f"sampling {n_samples} answers and comparing them", "what": "sampled", "seconds": sampled})
    return [{**cost, "text": f"{seconds(cost['seconds'])} {cost['what']}"} for cost in costs]


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
