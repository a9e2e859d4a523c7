"""Ask every question several times, and label it with the confidence that the samples come to.

In: engines, questions, a run folder. Out: progress, last Done. Killed and started again, it goes on where its files
end: nothing is sampled or labelled twice. What can't be asked is in left_out.jsonl, with the reason.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from uait.data.files import append_jsonl, read_jsonl, write_json, write_jsonl
from uait.data.json import to_json
from uait.data.plain import unscored_lines
from uait.method.calibration import calibrate_labels
from uait.method.correctness import label_question
from uait.method.sar import sar_score
from uait.models.decoding import sample_answers
from uait.models.similarity import score_relevance
from uait.records import Done, Event, Label, Progress, Question, SampleSet, Unscored
from uait.records.errors import DataError
from uait.runs.files import CALIBRATED, CALIBRATION, FITTED_ON, LABELS, LEFT_OUT, SAMPLES
from uait.runs.folder import RunFolder
from uait.settings import Settings
from uait.stages.askable import askable
from uait.stages.engines import Engines


def sample(engines: Engines, questions: Sequence[Question], folder: RunFolder) -> Iterator[Event]:
    """Samples every question into the folder's samples.jsonl; Done(number of sample sets). Resumes.

    Raises DataError when another process writes into the folder.
    """
    with folder.writing():
        yield from _sample(engines, questions, folder)


def _sample(engines: Engines, questions: Sequence[Question], folder: RunFolder) -> Iterator[Event]:
    folder.save_settings(engines.settings, ("prompts", "model", "sampling"))
    questions, note = _asked(engines, questions, folder)
    path = folder.file(SAMPLES)
    saved = [s.question for s in read_jsonl(path, SampleSet)] if path.exists() else []
    check_same_questions(saved, questions, path)
    done = {question.id for question in saved}
    todo = [question for question in questions if question.id not in done]
    n_before = len(questions) - len(todo)
    yield Progress("sample", n_before, len(questions), note)
    sets = sample_answers(engines.lm, todo, engines.settings.sampling, style=engines.settings.prompts)
    for n, samples in enumerate(sets, start=1):
        append_jsonl(path, samples)
        yield Progress("sample", n_before + n, len(questions), samples.greedy.text)
    yield Done(len(questions))


def label(engines: Engines, questions: Sequence[Question], folder: RunFolder) -> Iterator[Event]:
    """Samples, scores and labels every question into labels.jsonl; Done(tuple of Label), calibrated if asked for.

    Sample sets that samples.jsonl already holds are used; questions that labels.jsonl already holds are skipped.
    Raises DataError when another process writes into the folder.
    """
    with folder.writing():
        yield from _label(engines, questions, folder)


def _label(engines: Engines, questions: Sequence[Question], folder: RunFolder) -> Iterator[Event]:
    settings = engines.settings
    folder.save_settings(settings, ("prompts", "model", "sampling", "label"))
    questions, note = _asked(engines, questions, folder)
    path = folder.file(LABELS)
    labels = {x.question.id: x for x in read_jsonl(path, Label)} if path.exists() else {}
    check_same_questions((x.question for x in labels.values()), questions, path)
    todo = [question for question in questions if question.id not in labels]
    n_done = len(questions) - len(todo)
    yield Progress("label", n_done, len(questions), note)
    for batch in _sampled(engines, todo, folder):
        for samples, relevance in zip(batch, score_relevance(batch, engines.similarity), strict=True):
            score = sar_score(samples, relevance, settings.label.t)
            made = label_question(samples, score, settings.label.correctness)
            append_jsonl(path, made)
            labels[made.question.id] = made
            n_done += 1
            yield Progress("label", n_done, len(questions), _note(made))
    finished = tuple(labels[question.id] for question in questions)
    yield Done(_calibrated(finished, settings, folder))


def read_left_out(folder: RunFolder) -> list[Unscored]:
    """The questions that could not be asked in this run, each with the reason; none before it has begun."""
    return read_jsonl(folder.file(LEFT_OUT), Unscored) if folder.file(LEFT_OUT).exists() else []


def _asked(engines: Engines, questions: Sequence[Question], folder: RunFolder) -> tuple[list[Question], str]:
    """The questions that can be asked, and a note on the others, which are written into the folder."""
    kept, left_out = askable(engines.lm, engines.settings, questions)
    write_jsonl(folder.file(LEFT_OUT), left_out)
    return kept, " ".join(unscored_lines(left_out))


def check_same_questions(saved: Iterable[Question], asked: Sequence[Question], path: Path) -> None:
    """Raises DataError naming the first question that the file at `path` holds with another text or other references.

    A run goes on by id; the same id with other words would hand out the answers and verdicts of the old question.
    """
    by_id = {question.id: question for question in asked}
    for question in saved:
        now = by_id.get(question.id, question)
        if (now.text, now.references) != (question.text, question.references):
            raise DataError(
                f"{path} holds question {question.id!r} as {question.text!r:.80} with "
                f"{list(question.references)!r:.80}; now it is {now.text!r:.80} with {list(now.references)!r:.80}. "
                "Give the questions as they were, or use another run folder."
            )


def _sampled(engines: Engines, questions: Sequence[Question], folder: RunFolder) -> Iterator[list[SampleSet]]:
    """The questions' sample sets in batches: those on disk first, then freshly made ones."""
    path, size = folder.file(SAMPLES), engines.settings.sampling.batch_size
    wanted = {question.id for question in questions}
    kept = [s for s in read_jsonl(path, SampleSet) if s.question.id in wanted] if path.exists() else []
    check_same_questions((samples.question for samples in kept), questions, path)
    for start in range(0, len(kept), size):
        yield kept[start : start + size]
    have = {samples.question.id for samples in kept}
    missing = [question for question in questions if question.id not in have]
    made = sample_answers(engines.lm, missing, engines.settings.sampling, style=engines.settings.prompts)
    while batch := list(islice(made, size)):
        yield batch


def _note(made: Label) -> str:
    confidence = f"{100 * made.confidence:.1f} %" if made.confidence is not None else str(made.unscored)
    return f"{made.question.text} {made.answer}: {confidence}"


def _calibrated(labels: tuple[Label, ...], settings: Settings, folder: RunFolder) -> tuple[Label, ...]:
    if settings.label.calibrate == "none":
        return labels
    result = calibrate_labels(labels, settings.label, settings.sampling.seed)
    write_json(folder.file(CALIBRATION), to_json(result.calibration))
    write_json(folder.file(FITTED_ON), list(result.held_out_ids))
    write_jsonl(folder.file(CALIBRATED), result.labels)
    return tuple(result.labels)
