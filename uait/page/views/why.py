"""Why an answer is doubted, as plain data: its tokens, its confidences, the samples, and what they cost.

Knows nothing of Gradio, nor of how the data is drawn.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from uait.method.answers import PER_TOKEN, WHOLE
from uait.method.sar import token_sar
from uait.page.views.answer import Payload, fixed, percent, plain, seconds, visible_token
from uait.records import Explanation, Reason, SarScore, TokenExplanation, Unscored

# A token drawn at full strength must still carry its text at 4.5:1 contrast (see --doubt in page.css).
MAX_SHADE = 0.8
# Nats; a token of p = 0.14 that carries the whole meaning. Absolute, so that a sure answer is never deep in colour.
DEEPEST_DOUBT = 2.0
# Confidences that lie this close to each other tell nobody anything different.
AGREE_WITHIN = 0.15
# -log p from here on is drawn with the thickest underline: p = 0.018.
THICKEST_NLL = 4.0
_HEADS = ("token", "p", "−log p", "relevance", "its part of the doubt", "without it", "similarity")
_HINTS = {
    "said": "the number that the model stated",
    "expected": "the mean of all the numbers it might have said",
    PER_TOKEN: "how probable the answer's tokens were, on average (geometric mean)",
    WHOLE: "the probabilities of the answer's tokens, multiplied: every further token lowers it",
    "SAR": "how far several samples agree, weighing the words that matter",
}
_LEFT_OUT = f" Left out: the {WHOLE}, which every token lowers."
SAME_MODEL = "It was the untuned base that answered: the first tab is its own view."
# Where a spoken number comes from.
_READ_AGAIN = (
    "The number comes last: the model reads its own answer again, told how probable it was, and says how likely it is "
    "to be right."
)
_WRITTEN_ON = "The number is written on from the answer, as words of the same reply."


def empty_heatmap() -> Payload:
    """No explanation asked for yet."""
    return {"state": "empty"}


def working_heatmap(n_samples: int) -> Payload:
    """The heatmap while the model is being sampled."""
    return {"state": "working", "note": f"Asking the same question {n_samples} more times …"}


def error_heatmap(message: str) -> Payload:
    """The heatmap when there is none: one sentence."""
    return {"state": "error", "message": message}


def differs(base: Explanation, answer: str) -> str:
    """What the untuned base does otherwise than the model that gave this answer, in a sentence."""
    own = base.answer.text
    if plain(own) == plain(answer):
        return f"The untuned base answers “{own}” too; what tuning has added is the number said."
    return f"The untuned base answers “{own}”, where the tuned model says “{answer}”; it says no number of its own."


def heatmap(explanation: Explanation) -> Payload:
    """The explained answer: tokens with their part of its doubt, what each number says, samples (K), the cost."""
    tokens, score = explanation.tokens, explanation.score
    total = _doubt(tokens)
    return {
        "state": "done",
        "tokens": [_token(t, t.contribution * total) for t in tokens],
        "top": max(range(len(tokens)), key=lambda i: tokens[i].contribution, default=0),
        "table": _table(tokens, total),
        "summary": _summary(tokens, total),
        "numbers": _numbers(explanation),
        "verdict": _verdict(explanation),
        "similar": _similar(explanation),
        "agreement": _agreement([s.text for s in explanation.samples]),
        "sar": _sar(score),
        "costs": _costs(explanation),
    }


def _doubt(tokens: Sequence[TokenExplanation]) -> float:
    """The answer's tokenSAR in nats, what its tokens' parts sum to; 0 where no token carries relevance."""
    logprobs, relevance = np.array([-t.nll for t in tokens]), np.array([t.relevance for t in tokens])
    doubt = token_sar(logprobs, relevance)
    return 0.0 if isinstance(doubt, Reason) else doubt


def _token(token: TokenExplanation, doubt: float) -> Payload:
    facts = (
        (fixed(token.p, 3), "how likely the model held this token, at temperature 1"),
        (_nats(token.nll), "its own surprise"),
        (fixed(token.relevance, 3), "how much the meaning changes without it"),
        (_nats(doubt), "surprise weighted by relevance: the parts sum to the whole"),
    )
    thickness = 2 + 6 * min(token.nll, THICKEST_NLL) / THICKEST_NLL
    return {
        "text": visible_token(token.text),
        "doubt": _nats(doubt),
        "facts": [{"name": _HEADS[i + 1], "value": value, "hint": hint} for i, (value, hint) in enumerate(facts)],
        "without": token.without,
        "similarity": token.similarity,
        "shade": round(MAX_SHADE * min(doubt, DEEPEST_DOUBT) / DEEPEST_DOUBT, 3),
        "underline": round(thickness, 1),
    }


def _table(tokens: Sequence[TokenExplanation], total: float) -> Payload:
    """The same as heads and rows; words of the model's are marked as data."""

    def row(t: TokenExplanation) -> list[str | Payload]:
        own, other = ({"text": text, "is_data": True} for text in (visible_token(t.text), t.without))
        doubt = _nats(t.contribution * total)
        return [own, fixed(t.p, 3), fixed(t.nll, 2), fixed(t.relevance, 3), doubt, other, fixed(t.similarity, 3)]

    return {"heads": list(_HEADS), "rows": [row(token) for token in tokens]}


def _nats(value: float) -> str:
    return f"{fixed(value, 2)} nats"


def _summary(tokens: Sequence[TokenExplanation], total: float) -> str:
    worst = max(tokens, key=lambda t: t.contribution, default=None)
    if worst is None:
        return "The model said nothing, so there is no word to doubt."
    if worst.contribution <= 0 or fixed(total, 2) == "0.00":
        return "No token carries doubt: the model would have said the same every time."
    share, word = percent(round(worst.contribution, 2)), visible_token(worst.text)
    much = f"{total:.2f} nats in all, where 0 is none and {DEEPEST_DOUBT:.0f} is deep"
    return f"The answer’s doubt is {much}; {share} of it hangs on “{word}”."


def _sides(explanation: Explanation) -> list[tuple[str, float]]:
    """The confidences in this answer that there are, each with its name."""
    said, score = explanation.answer, explanation.score
    sar = score.confidence if isinstance(score, SarScore) else None
    whole, n_tokens = explanation.probability, len(explanation.tokens)
    found = (said.spoken, said.expected, None if whole is None else whole ** (1 / n_tokens), whole, sar)
    return [(name, number) for name, number in zip(_HINTS, found, strict=True) if number is not None]


def _numbers(explanation: Explanation) -> list[Payload]:
    return [{"name": name, "value": percent(number), "hint": _HINTS[name]} for name, number in _sides(explanation)]


def _similar(explanation: Explanation) -> Payload:
    known = [
        ({"text": s.text, "is_data": True, "kind": "answer-text"}, f"{math.exp(float(s.logprobs.sum())):.2f}")
        for s in explanation.samples
    ]
    return similarity_table(known, ("answer", "p"), explanation.similarity)


def similarity_table(known: Sequence[Sequence[Any]], heads: Sequence[str], similarity: np.ndarray) -> Payload:
    """What is `known` of each sample, a cell per head, and how alike each pair is; `similarity` (K, K)."""
    numbers = [str(k + 1) for k in range(len(known))]
    rows = [
        [numbers[k], *cells, *({"text": "–", "kind": "cell"} if k == j else _alike(g) for j, g in enumerate(similar))]
        for k, (cells, similar) in enumerate(zip(known, similarity.tolist(), strict=True))
    ]
    return {"heads": ["#", *heads, *numbers], "rows": rows}


def _alike(similarity: float) -> Payload:
    return {"text": f"{similarity:.2f}", "kind": "cell", "style": {"--g": similarity}}


def _verdict(explanation: Explanation) -> str:
    """Whether the confidences in this answer agree, or which two are furthest apart.

    The probability of the whole is left out: of a long answer it is low however sure the model is.
    """
    sides = sorted((side for side in _sides(explanation) if side[0] != WHOLE), key=lambda side: side[1])
    if len(sides) < 2:
        return "There is nothing to compare."
    (low, least), (high, most) = sides[0], sides[-1]
    left_out = _LEFT_OUT if explanation.tokens else ""
    if most - least <= AGREE_WITHIN:
        counted = "Both" if len(sides) == 2 else f"All {len(sides)}"
        return f"{counted} agree: they lie within {round(100 * AGREE_WITHIN)} points of each other.{left_out}"
    return f"They disagree: {high} {percent(most)}, {low} {percent(least)}.{left_out}"


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


def _sar(score: SarScore | Unscored) -> str:
    if isinstance(score, Unscored):
        return f"No score: {score.reason}."
    weight = round(1 / score.t)
    below = f", and below 0 where they do, for their support counts {weight:,}-fold" if weight > 1 else ""
    nats = f"{score.sar:.2f} nats".replace("-", "−")
    meaning = f"the lower, the more the samples support each other{below}"
    return f"SAR {nats}: {meaning}. As a confidence, {percent(score.confidence)}."


def _costs(explanation: Explanation) -> list[str]:
    """Where the number comes from; what it cost and what the samples did, as measured; why, where these cost less."""
    said, n_samples, n_drawn = explanation.answer, len(explanation.samples), explanation.n_tokens
    n_said = len(said.sample.token_ids)
    doing, tokens = "Answering and saying the number", f"{n_said} tokens one by one"
    source = [_WRITTEN_ON]
    if said.spoken is None:
        doing, source = "Answering", []
    elif len(explanation.tokens) == n_said:  # the number stands behind the reply, not in it
        tokens, source = f"{n_said} tokens and those of the number, one by one", [_READ_AGAIN]
    costs = [
        *source,
        f"{doing}: {tokens}, {seconds(said.seconds)}.",
        f"Drawing {n_samples} samples and comparing them: {n_drawn} tokens, {seconds(explanation.seconds)}.",
    ]
    if said.spoken is not None and explanation.seconds < said.seconds:
        costs.append("Sampling is the cheaper one here: the answers are short, and all are drawn side by side.")
    return costs
