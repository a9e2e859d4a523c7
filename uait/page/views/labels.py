"""Which labels teach -> plain data for the page, as `present` makes it for the Ask tab.

Knows nothing of Gradio, jobs, nor of how the data is drawn.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from uait.method.distillation import MODAL_SHARE, NO_REFERENCE, distil
from uait.method.prompts import target_text
from uait.page.views.answer import NO_WORDS, Payload
from uait.records import DistilledSet, Label, Reason
from uait.records.errors import DataError
from uait.settings import DistilSettings


def distilling(labels: Sequence[Label], settings: DistilSettings, recorded: str = "") -> Payload:
    """Every label as a point that the page sorts by its two thresholds, by the same rule as `distil`.

    A point's `left_out` is the reason why no threshold can keep it; `is_dev` points are kept apart from the targets.
    A wrong-answer threshold of 1 keeps all, as None does. `recorded` labels can be sorted, but not kept.
    """
    dev = _dev_ids(labels, settings)
    points = [_point(label, dev) for label in labels]
    reasons = Counter(point["left_out"] for point in points if point["left_out"])
    counted = ", ".join(f"{n} {reason}" for reason, n in reasons.items())
    return {
        "points": points,
        "left_out": f"Left out in any case: {counted}." if reasons else "",
        "keep_right_from": 0.0 if settings.keep_right_from is None else settings.keep_right_from,
        "keep_wrong_below": 1.0 if settings.keep_wrong_below is None else settings.keep_wrong_below,
        "modal_share": MODAL_SHARE,
        "recorded": recorded,
    }


def _dev_ids(labels: Sequence[Label], settings: DistilSettings) -> set[str]:
    """The ids kept apart; which they are does not depend on the thresholds."""
    try:
        everything = distil(labels, replace(settings, keep_right_from=None, keep_wrong_below=None, balance=False))
    except DataError:  # nothing can be kept at all
        return set()
    return {example.question.id for example in everything.dev}


def _point(label: Label, dev: set[str]) -> Payload:
    target = label.answer
    if label.is_correct and label.question.references:
        target = label.question.references[0]
    reason = None
    if label.confidence is None:
        reason = f"unscored: {label.unscored}"
    elif label.is_correct is None or (label.is_correct and not label.question.references):
        reason = NO_REFERENCE
    elif not target.strip():
        reason = f"unscored: {Reason.EMPTY}"
    taught = target_text(target, label.confidence) if label.confidence is not None and reason is None else ""
    return {
        "id": label.question.id,
        "question": label.question.text,
        "answer": label.answer or NO_WORDS,
        "reference": label.question.references[0] if label.question.references else None,
        "confidence": label.confidence,
        "right": label.is_correct,
        "left_out": reason,
        "taught": taught,
        "number": taught.rpartition(";")[2].strip(),
        "is_dev": label.question.id in dev,
    }


def kept_sentence(distilled: DistilledSet, name: str) -> str:
    """What was kept and dropped, and where it went."""
    dropped = ", ".join(f"{reason} {count}" for reason, count in distilled.dropped.items()) or "nothing"
    kept = distilled.kept
    return (
        f"Kept {kept['right'] + kept['wrong']} examples ({kept['right']} right, {kept['wrong']} wrong; "
        f"{len(distilled.dev)} of them only to watch the tuning). Dropped: {dropped}. "
        f"They wait in the Tune tab as {name}."
    )
