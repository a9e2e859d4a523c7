"""A recorded lesson or a live reply -> the figures of the Learn tab: dicts, lists, strings, finite numbers.

The page draws them with textContent. Knows nothing of Gradio.
"""

import math
from collections.abc import Sequence
from typing import Any

from uait.method.answers import MethodAnswer
from uait.method.correctness import is_correct, normalise_answer
from uait.page.lesson.record import Lesson, LessonExample, geometric_mean, sample_scores
from uait.page.views.answer import NO_WORDS, Payload, visible_token
from uait.page.views.why import MAX_SHADE
from uait.records import Explanation, Label, Reply, Sample, SarScore, TokenExplanation
from uait.settings import DistilSettings

SETTINGS = DistilSettings()  # the thresholds that the Label tab starts with


def say(text: str, **values: object) -> str:
    """`text` with its {names} filled in. A text is its own key in the catalogue of translations, holes and all."""
    return text.format(**values)


def claim(
    question: str, answer: str, confidence: float | None, references: Sequence[str] | None, right: bool | None
) -> Payload:
    """One answer with the number that came with it."""
    return {
        "question": question,
        "answer": answer or NO_WORDS,
        "confidence": confidence,
        "right": right,
        "truth": references[0] if references else None,
    }


def claimed(example: LessonExample) -> Payload:
    """What the untuned model answered and claimed in a lesson."""
    answer = example.claimed
    is_right = example.is_right(answer.text)
    return claim(example.question.text, answer.text, answer.spoken, example.question.references, is_right)


def attempts(question: str, samples: Sequence[Sample], confidence: float | None = None) -> Payload:
    """Sampled answers with their probabilities, and how many different ones there are."""
    texts = [sample.text.strip() or NO_WORDS for sample in samples]
    n_distinct = len({normalise_answer(text) for text in texts})
    counted = "one answer only" if n_distinct == 1 else "{n} different answers"
    return {
        "question": question,
        "rows": [
            {"text": text, "p": math.exp(float(s.logprobs.sum()))} for text, s in zip(texts, samples, strict=True)
        ],
        "counted": say(counted, n=n_distinct),
        "confidence": confidence,
    }


def words(tokens: Sequence[TokenExplanation]) -> Payload:
    """One row per token, with its share of the doubt as a shade."""
    most = max((token.contribution for token in tokens), default=0.0) or 1.0
    rows = [
        {
            "text": visible_token(token.text),
            "p": token.p,
            "surprise": token.nll,
            "relevance": token.relevance,
            "share": token.contribution,
            "shade": MAX_SHADE * token.contribution / most,
            "without": token.without or "(nothing)",
        }
        for token in tokens
    ]
    return {"kind": "words", "rows": rows}


def matrix(example: LessonExample) -> Payload:
    """The samples and how alike each pair is."""
    return {"kind": "matrix", "texts": texts(example), "similarity": example.relevance.sentence.tolist()}


def texts(example: LessonExample) -> list[str]:
    """The sampled answers."""
    return [sample.text.strip() or NO_WORDS for sample in example.samples.samples]


def total(example: LessonExample) -> Payload:
    """The sum that makes the confidence, one row per sample."""
    scored = sample_scores(example.score, example.relevance.sentence)
    weight = round(1 / example.score.t)
    rows = [
        {"text": text, "p": s.p, "support": s.support, "score": s.score}
        for text, s in zip(texts(example), scored, strict=True)
    ]
    confidence = geometric_mean([s.score for s in scored])
    return {"kind": "sum", "rows": rows, "weight": weight, "most": most_of(example), "confidence": confidence}


def most_of(example: LessonExample) -> int:
    """What a sample's sum comes to when all samples are certain and alike."""
    return 1 + (len(example.score.token_sar) - 1) * round(1 / example.score.t)


QUADRANTS = {
    (True, True): "kept: it knows",
    (False, True): "kept: it knows that it doesn’t know",
    (True, False): "dropped: a lucky guess",
    (False, False): "dropped: a confident mistake",
}


def quadrant(label: Label) -> tuple[bool, bool] | None:
    """Whether the answer is right, and whether the label teaches; None without a confidence or a reference."""
    if label.confidence is None or label.is_correct is None:
        return None
    if label.is_correct:
        return True, SETTINGS.keep_right_from is None or label.confidence >= SETTINGS.keep_right_from
    return False, SETTINGS.keep_wrong_below is None or label.confidence < SETTINGS.keep_wrong_below


def dots(lesson: Lesson) -> list[Payload]:
    """Every label that has a place among the four groups."""
    found = []
    for label in lesson.labels:
        place = quadrant(label)
        if place is not None:
            found.append(
                {
                    "text": label.question.text,
                    "answer": label.answer,
                    "confidence": label.confidence,
                    "right": place[0],
                    "kept": place[1],
                    "ours": label.question.id == lesson.example.question.id,
                }
            )
    return found


def quadrants(found: Sequence[Payload]) -> Payload:
    """The dots, how many fall into each group, and the two thresholds."""
    counts = [
        {"name": name, "right": right, "kept": kept, "n": sum((d["right"], d["kept"]) == (right, kept) for d in found)}
        for (right, kept), name in QUADRANTS.items()
    ]
    right_from, wrong_below = SETTINGS.keep_right_from, SETTINGS.keep_wrong_below
    limits = {
        "right_from": 0.0 if right_from is None else right_from,
        "wrong_below": 1.0 if wrong_below is None else wrong_below,
    }
    return {"kind": "quadrants", "dots": list(found), "counts": counts, **limits}


def curves(probes: dict[str, Any]) -> Payload:
    """What the watched questions' numbers were at each look."""
    is_tuning = probes["source"] == "tuning"
    return {"kind": "curves", "is_tuning": is_tuning, "steps": probes["steps"], "lines": probes["questions"]}


def decision(reply: Reply, references: Sequence[str] | None, rule: str) -> Payload:
    """First answer, number, threshold, what was read, second answer; `rule` says when an answer counts as right."""
    passages = reply.retrieved.passages if reply.retrieved else ()
    final = reply.final.text if reply.is_read and reply.outcome else None
    return {
        "kind": "decision",
        "question": reply.question.text,
        "first": reply.first.text or NO_WORDS,
        "first_right": is_correct(reply.first.text, references or (), rule),
        "confidence": reply.decision.confidence,
        "threshold": reply.decision.threshold,
        "looked_up": reply.retrieved is not None,
        "passages": [{"title": passage.title, "text": passage.text} for passage in passages],
        "final": final,
        "final_right": None if final is None else is_correct(final, references or (), rule),
        "is_open": reply.outcome is None,
        "truth": references[0] if references else None,
    }


# -- what the live model says --------------------------------------------------------------------


def live_claim(question: str, opinion: MethodAnswer, references: Sequence[str] | None) -> Payload:
    """The first step's figure for a question of the visitor's."""
    (confidence,) = opinion.confidences.values()
    shown = claim(question, opinion.answer, confidence, references, opinion.is_correct)
    return {"figure": {"kind": "claims", "claims": [shown]}}


def live_attempts(question: str, explanation: Explanation) -> Payload:
    """The second step's figure for a question of the visitor's."""
    score = explanation.score
    confidence = score.confidence if isinstance(score, SarScore) else None
    return {"figure": {"kind": "attempts", "columns": [attempts(question, explanation.samples, confidence)]}}


def live_decision(reply: Reply, references: Sequence[str] | None, rule: str) -> Payload:
    """The eighth step's figure for a question of the visitor's."""
    return {"figure": decision(reply, references, rule)}


def note(message: str) -> Payload:
    """One sentence in place of a figure."""
    return {"message": message}
