"""Does it matter which labels teach? One adapter per distillation threshold, all asked the same questions.

In: labels, settings, question sets. Out: a SweepPoint per threshold, in distil_sweep.json of the run folder.
Source: UaIT (EMNLP 2024), its figure on AUROC against the threshold: right answers from it on, wrong ones below it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from uait.data.files import data_hash, read_json, write_json
from uait.data.json import from_json, to_json
from uait.method.answers import EXPECTED, SPOKEN
from uait.method.distillation import distil
from uait.models.confidence import answer_batch
from uait.models.loading import LanguageModel, load_model
from uait.records import Done, Event, Label, MethodResult, Progress, Question, SweepPoint
from uait.records.errors import DataError
from uait.runs.folder import RunFolder
from uait.settings import Settings, to_dict
from uait.stages.evaluate import BATCH, answers_result
from uait.tuning.card import read_card
from uait.tuning.examples import teachable
from uait.tuning.trainer import train_adapter

THRESHOLDS = (None, 0.5, 0.6, 0.7, 0.8, 0.9)
SWEEP = "distil_sweep.json"
_MEASURED = "measured.json"

Splits = Mapping[str, Sequence[Question]]


def sweep(
    settings: Settings,
    labels: Sequence[Label],
    splits: Splits,
    folder: RunFolder,
    thresholds: Sequence[float | None] = THRESHOLDS,
) -> Iterator[Event]:
    """Tunes and measures an adapter per threshold; writes distil_sweep.json, last Done(tuple of SweepPoint).

    A threshold may be chosen by these numbers only if `splits`, named in every result, holds no question that is
    reported on. Each threshold has a folder `tau-..` of its own; what is finished there is not made again.
    """
    base = load_model(settings.with_adapter("none"))
    points: list[SweepPoint] = []
    for i, threshold in enumerate(thresholds):
        yield Progress("sweep", i, len(thresholds), threshold_name(threshold))
        point = yield from _point(settings, base, labels, splits, folder.file(threshold_name(threshold)), threshold)
        points.append(point)
    write_json(folder.file(SWEEP), to_json(points))
    yield Progress("sweep", len(thresholds), len(thresholds))
    yield Done(tuple(points))


def threshold_name(threshold: float | None) -> str:
    """The folder of one threshold."""
    return "tau-none" if threshold is None else f"tau-{100 * threshold:02.0f}"


def _point(
    settings: Settings,
    base: LanguageModel,
    labels: Sequence[Label],
    splits: Splits,
    place: Path,
    threshold: float | None,
) -> Iterator[Event]:
    """The progress of one threshold; returns its point to a `yield from`. One that keeps nothing has no results."""
    try:
        distilled = distil(labels, replace(settings.distil, keep_right_from=threshold, keep_wrong_below=threshold))
    except DataError:
        return SweepPoint(threshold, {"right": 0, "wrong": 0}, ())
    distilled, _ = teachable(base, distilled, settings.answer.max_new_tokens)
    with closing(train_adapter(settings, base, distilled, place / "adapter")) as events:
        for event in events:
            if isinstance(event, Progress):
                yield replace(event, stage=f"{place.name}: tune")
    asked = data_hash([questions for _, questions in sorted(splits.items())])
    key = data_hash([asked, read_card(place / "adapter").data_hash, to_dict(settings)])
    path = place / _MEASURED
    saved = read_json(path) if path.exists() else {}
    if saved.get("key") == key:
        return from_json(SweepPoint, saved["point"])
    tuned = base.with_adapter(place / "adapter")
    results: list[MethodResult] = []
    for i, (split, questions) in enumerate(splits.items()):
        yield Progress(f"{place.name}: asking", i, len(splits), split)
        results.extend(_measured(settings, tuned, split, questions))
    point = SweepPoint(threshold, distilled.kept, tuple(results))
    write_json(path, {"key": key, "point": to_json(point)})
    return point


def _measured(
    settings: Settings, tuned: LanguageModel, split: str, questions: Sequence[Question]
) -> Iterator[MethodResult]:
    """How well the spoken and the expected confidence tell this adapter's right answers from its wrong ones."""
    texts = [question.text for question in questions]
    replies = answer_batch(tuned, texts, settings.answer, batch_size=BATCH)
    by_method = {SPOKEN: [r.spoken for r in replies], EXPECTED: [r.expected for r in replies]}
    for method, confidences in by_method.items():
        yield answers_result(method, split, replies, confidences, questions, settings)
