"""Replies and explanations as plain data for machines: what `--json` prints and the endpoints give."""

from typing import Any

from uait.data.json import to_json
from uait.records import Answer, Explanation, Reply, Unscored


def reply_data(reply: Reply) -> dict[str, Any]:
    """The whole reply as plain data: `answer` and `confidence` before anything was read, `final` after it."""
    retrieved, data = reply.retrieved, {"question": reply.question.text, **_answer_data(reply.first)}
    data["decision"] = {"action": str(reply.decision.action), "reason": reply.decision.reason}
    data["threshold"] = reply.decision.threshold
    data["passages"] = to_json(retrieved.passages) if retrieved else []
    data["notes"] = list(retrieved.notes) if retrieved else []
    data["final"] = _answer_data(reply.final)
    data["seconds"] = reply.seconds
    return data | (explanation_data(reply.explanation) if reply.explanation else {})


def _answer_data(answer: Answer) -> dict[str, Any]:
    return {"answer": answer.text, "confidence": {"spoken": answer.spoken, "expected": answer.expected}}


def explanation_data(explanation: Explanation) -> dict[str, Any]:
    """The teacher's view as plain data: tokens, samples, their similarity, SAR or why there is none."""
    score = explanation.score
    is_scored = not isinstance(score, Unscored)
    return {
        "tokens": to_json(explanation.tokens),
        "samples": [sample.text for sample in explanation.samples],
        "sample_similarity": to_json(explanation.similarity),
        "sar": score.sar if is_scored else None,
        "sar_confidence": score.confidence if is_scored else None,
        "unscored": None if is_scored else str(score.reason),
        "explain_seconds": explanation.seconds,
    }
