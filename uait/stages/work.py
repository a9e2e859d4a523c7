"""What a job does in its own process: a stage of the pipeline on its run folder, and for a tuning what to watch.

In: a verb, a run folder with the stage's input, settings. Out: the stage's events; files in the folder.
Knows nothing about processes, queues or pages.
"""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from uait.data.files import append_jsonl, write_json
from uait.data.questions import read_questions
from uait.models.confidence import answer_batch, verbalized_batch
from uait.models.loading import LanguageModel, load_model
from uait.models.similarity import load_similarity
from uait.records import DistilledSet, Done, Event, MethodResult, Progress, Question, TrainingExample
from uait.records.errors import DataError
from uait.runs.folder import RunFolder
from uait.settings import Settings
from uait.stages.evaluate import answers_result, evaluate_run
from uait.stages.pipeline import (
    DEFAULT_THRESHOLD,
    DISTILLED,
    Engines,
    calibrated_on,
    distil_run,
    label_run,
    load_engines,
    read_distilled,
)
from uait.tuning.rounds import tune

QUESTIONS, HELD_OUT, PROBES, BEFORE_AFTER = "questions.jsonl", "held_out.jsonl", "probes.jsonl", "before_after.json"
SPLITS = "splits"  # a folder: the question sets of an evaluation, a file each
TUNED = ("adapter", PROBES, BEFORE_AFTER)  # what a tuning adds to its folder
N_PROBES, N_WATCHED = 8, 64
BATCH = 16


def run(verb: str, path: Path, settings: Settings) -> Generator[Event, None, None]:
    """The events of one stage on the folder's own files."""
    folder = RunFolder(path)
    if verb == "label":
        yield from _label(settings, folder)
    elif verb == "distill":
        yield from distil_run(settings, folder)
    elif verb == "evaluate":
        yield from _evaluate(settings, folder)
    else:
        yield from _tune(settings, folder)


def _untuned(settings: Settings) -> LanguageModel:
    return load_model(settings.with_adapter("none"))


def _label(settings: Settings, folder: RunFolder) -> Generator[Event, None, None]:
    questions = read_questions(folder.file(QUESTIONS))
    similarity = load_similarity(settings.model.encoder, settings.model.device)
    engines = Engines(_untuned(settings), similarity, (), settings, DEFAULT_THRESHOLD)
    yield from label_run(engines, questions, folder)


def _tune(settings: Settings, folder: RunFolder) -> Generator[Event, None, None]:
    """Tunes, asks the probe questions on the way, and measures before and after."""
    if not folder.file(DISTILLED).exists():
        raise DataError(f"{folder.path.name} holds no {DISTILLED}; distil its labels first.")
    distilled, base = read_distilled(folder), _untuned(settings)

    def probe(tuning: LanguageModel, step: int) -> None:
        append_jsonl(folder.file(PROBES), {"step": step, **_look(settings, tuning, distilled)})

    yield from tune(settings, base, distilled, folder.file("adapter"), calibrated_on(folder), probe)
    yield Progress("measure", 0, 1, "asking held-out questions before and after")
    results = before_after(settings, base, folder, _held_out(folder, distilled))
    write_json(folder.file(BEFORE_AFTER), list(results))
    yield Progress("measure", 1, 1)
    yield Done(results)


def _evaluate(settings: Settings, folder: RunFolder) -> Generator[Event, None, None]:
    """Every method on the folder's question sets, as one stage: each question is sampled, and then asked."""
    splits = {path.stem: read_questions(path) for path in sorted(folder.file(SPLITS).glob("*.jsonl"))}
    total, before, last = 2 * sum(map(len, splits.values())), 0, Progress("", 0, 0)
    for event in evaluate_run(load_engines(settings), splits, folder):
        if isinstance(event, Progress):
            before += last.total if event.stage != last.stage else 0
            last = event
            yield Progress("evaluate", before + event.done, total, event.stage)
        else:
            yield event


def _look(settings: Settings, lm: LanguageModel, distilled: DistilledSet) -> dict[str, Any]:
    """What the probe questions are answered now, and how well the confidences tell right from wrong among others.

    Confidences are expected ones: they move from step to step, where the spoken ones jump. The others are up to 64
    examples kept apart from the tuning; without any there is no such number.
    """
    probes = probe_examples(distilled)
    watched = [e.question for e in distilled.dev if e.question.references][:N_WATCHED]
    texts = [example.question.text for example in probes] + [question.text for question in watched]
    replies = answer_batch(lm, texts, settings.answer, batch_size=BATCH)
    said, others = replies[: len(probes)], replies[len(probes) :]
    look: dict[str, Any] = {"confidences": [r.expected for r in said], "answers": [r.text for r in said]}
    if watched:
        found = answers_result("watched", "held-out", others, [reply.expected for reply in others], watched, settings)
        interval = found.auroc_interval
        look |= {"auroc": found.auroc, "auroc_interval": interval, "n": found.n, "n_unscored": found.n_unscored}
    return look


def probe_examples(distilled: DistilledSet) -> tuple[TrainingExample, ...]:
    """Up to eight examples to ask again and again: half right and sure, half wrong and unsure, unseen ones first."""
    seen = {example.question.id for example in distilled.train}

    def most(is_right: bool) -> list[TrainingExample]:
        side = [e for e in (*distilled.dev, *distilled.train) if e.is_correct is is_right]
        sign = -1 if is_right else 1
        return sorted(side, key=lambda e: (e.question.id in seen, sign * e.confidence))[: N_PROBES // 2]

    return (*most(True), *most(False))


def _held_out(folder: RunFolder, distilled: DistilledSet) -> list[Question]:
    """The folder's held-out questions, or else those that the tuning only watched."""
    path = folder.file(HELD_OUT)
    return read_questions(path) if path.exists() else [e.question for e in distilled.dev if e.question.references]


def before_after(
    settings: Settings, base: LanguageModel, folder: RunFolder, questions: Sequence[Question]
) -> tuple[MethodResult, ...]:
    """The base asked for a confidence in words, the new adapter's spoken and its expected one, on unseen questions."""
    if not questions:
        return ()
    tuned = base.with_adapter(folder.file("adapter"))
    texts = [question.text for question in questions]
    before = verbalized_batch(base, texts, settings.answer, BATCH)
    after = answer_batch(tuned, texts, settings.answer, batch_size=BATCH)
    return (
        answers_result("before", "held-out", before, [reply.spoken for reply in before], questions, settings),
        answers_result("after", "held-out", after, [reply.spoken for reply in after], questions, settings),
        answers_result("expected", "held-out", after, [reply.expected for reply in after], questions, settings),
    )
