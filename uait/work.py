"""What a job does in its own process: a stage of the pipeline on its run folder, and for a tuning what to watch.

In: a verb, a run folder with the stage's input, settings. Out: the stage's events; files in the folder.
Knows nothing about processes, queues or pages.
"""

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from uait.answering import answer_batch, verbalized_batch
from uait.errors import DataError
from uait.labelling import is_correct
from uait.metrics import method_result
from uait.models import LanguageModel, load_model
from uait.pipeline import DEFAULT_THRESHOLD, DISTILLED, Engines, distil_run, label_run, read_distilled
from uait.records import Answer, DistilledSet, Done, Event, MethodResult, Progress, Question, TrainingExample
from uait.relevance import load_similarity
from uait.settings import Settings
from uait.store import RunFolder, append_jsonl, read_questions, write_json
from uait.training import train_adapter

QUESTIONS, HELD_OUT, PROBES, BEFORE_AFTER = "questions.jsonl", "held_out.jsonl", "probes.jsonl", "before_after.json"
N_PROBES = 8
BATCH = 16


def run(verb: str, path: Path, settings: Settings) -> Generator[Event, None, None]:
    """The events of one stage on the folder's own files."""
    folder = RunFolder(path)
    if verb == "label":
        yield from _label(settings, folder)
    elif verb == "distill":
        yield from distil_run(settings, folder)
    else:
        yield from _tune(settings, folder)


def _untuned(settings: Settings) -> LanguageModel:
    return load_model(replace(settings, model=replace(settings.model, adapter="none")))


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
    probes = probe_examples(distilled)
    texts = [example.question.text for example in probes]

    def probe(tuning: LanguageModel, step: int) -> None:
        replies = answer_batch(tuning, texts, settings.answer, batch_size=BATCH)
        spoken = [reply.spoken for reply in replies]
        append_jsonl(folder.file(PROBES), {"step": step, "confidences": spoken, "answers": [r.text for r in replies]})

    yield from train_adapter(settings, base, distilled, folder.file("adapter"), probe)
    yield Progress("measure", 0, 1, "asking held-out questions before and after")
    results = before_after(settings, base, folder, _held_out(folder, distilled))
    write_json(folder.file(BEFORE_AFTER), list(results))
    yield Progress("measure", 1, 1)
    yield Done(results)


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
    """The base asked for a confidence in words, and the new adapter's spoken one, on the same unseen questions."""
    if not questions:
        return ()
    tuned = load_model(replace(settings, model=replace(settings.model, adapter=str(folder.file("adapter")))))
    texts = [question.text for question in questions]
    before = verbalized_batch(base, texts, settings.answer, BATCH)
    after = answer_batch(tuned, texts, settings.answer, batch_size=BATCH)
    return _result("before", before, questions, settings), _result("after", after, questions, settings)


def _result(method: str, replies: Sequence[Answer], questions: Sequence[Question], settings: Settings) -> MethodResult:
    rule = settings.label.correctness
    pairs = zip(replies, questions, strict=True)
    right = [bool(is_correct(reply.text, question.references, rule)) for reply, question in pairs]
    return method_result(method, "held-out", [reply.spoken for reply in replies], right, settings.evaluate)
