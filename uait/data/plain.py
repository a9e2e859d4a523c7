"""Replies and explanations as plain data for machines: what `--json` prints and the endpoints give."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from uait.data.json import to_json
from uait.records import Answer, Decision, Explanation, Reply, StrongerAnswer, Unscored

_N_NAMED = 10  # ids in a sentence
_MARKDOWN = re.compile(r"([\\`*\[\]<>!&|~])")


def reply_data(reply: Reply) -> dict[str, Any]:
    """The whole reply as plain data: `answer` and `confidence` as first given, `final` what the gate lets through.

    `final` is None where it is not known: after reading too little was sure, no passage said it, or nobody was asked.
    """
    retrieved, data = reply.retrieved, {"question": reply.question.text, **_answer_data(reply.first)}
    data["read_as"] = reply.read_as
    data["decision"] = _decision_data(reply.decision)
    data["threshold"] = reply.decision.threshold
    data["passages"] = to_json(retrieved.passages) if retrieved else []
    data["notes"] = [*(retrieved.notes if retrieved else ()), *reply.notes]
    data["second_decision"] = _decision_data(reply.second) if reply.second else None
    data["final"] = _final_data(reply)
    data["seconds"] = reply.seconds
    return data | (explanation_data(reply.explanation) if reply.explanation else {})


def _decision_data(decision: Decision) -> dict[str, Any]:
    return {"action": str(decision.action), "reason": decision.reason, "is_familiar": decision.is_familiar}


def _final_data(reply: Reply) -> dict[str, Any] | None:
    """The answer with who gave it, how sure it is of itself, and what it cost; None where it is not known."""
    outcome = reply.outcome
    if outcome is None:
        return None
    confidence = reply.second.confidence if reply.second else reply.decision.confidence
    data = {"answer": outcome.text, "confidence": confidence, "by": outcome.model_id, "seconds": outcome.seconds}
    if isinstance(outcome, StrongerAnswer):
        cost = {"read": outcome.n_tokens_read, "written": outcome.n_tokens_written}
        return data | {"tokens": cost, "cost": outcome.cost}
    return data


def _answer_data(answer: Answer) -> dict[str, Any]:
    return {"answer": answer.text, "confidence": {"spoken": answer.spoken, "expected": answer.expected}}


def explanation_data(explanation: Explanation) -> dict[str, Any]:
    """Why an answer is doubted, as plain data: tokens, samples, their similarity, SAR or why there is none."""
    score = explanation.score
    is_scored = not isinstance(score, Unscored)
    return {
        **_answer_data(explanation.answer),
        "answer_probability": explanation.probability,
        "tokens": to_json(explanation.tokens),
        "samples": [sample.text for sample in explanation.samples],
        "sample_similarity": to_json(explanation.similarity),
        "sar": score.sar if is_scored else None,
        "sar_confidence": score.confidence if is_scored else None,
        "unscored": None if is_scored else str(score.reason),
        "explain_seconds": explanation.seconds,
    }


def left_out_data(left_out: Iterable[Unscored]) -> dict[str, list[str]]:
    """The ids of the questions that can't be asked, by the reason why."""
    by_reason: dict[str, list[str]] = {}
    for one in left_out:
        by_reason.setdefault(str(one.reason), []).append(one.question_id)
    return by_reason


def unscored_lines(left_out: Iterable[Unscored]) -> list[str]:
    """`left_out_lines` of these questions."""
    return left_out_lines(left_out_data(left_out))


def left_out_lines(by_reason: Mapping[str, Sequence[str]], split: str = "") -> list[str]:
    """A sentence per reason of `left_out_data`, with the number of questions and the first of their ids.

    `split`: the set that they are in, where there are several.
    """
    of = f" of {split}" if split else ""
    return [
        f"Left out{of}, {reason} ({len(ids)}): {', '.join(ids[:_N_NAMED])}{', ...' if len(ids) > _N_NAMED else '.'}"
        for reason, ids in by_reason.items()
    ]


def as_markdown(text: str) -> str:
    """The text on one line of a Markdown report, where an id or a name in it is no link, picture, tag or cell."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.splitlines()))


def short_of_all(share: float) -> float:
    """The share of 1, moved so that tenths of a percent round neither some to nothing nor nearly all to all."""
    return min(max(share, 0.001), 0.999) if 0 < share < 1 else share
