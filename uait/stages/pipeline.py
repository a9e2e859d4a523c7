"""The stages called in order: ask one question, or run sampling, labelling, distilling and tuning on many.

In: settings, questions, a run folder. Out: an iterator of typed events, the last one `Done(record)`, for the command
line and the page alike. A stage that was killed goes on where its files end: nothing is sampled or labelled twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from uait.data.files import append_jsonl, read_json, read_jsonl, write_json, write_jsonl
from uait.data.json import from_json, to_json
from uait.method.calibration import calibrate_labels
from uait.method.correctness import label_question
from uait.method.distillation import distil
from uait.method.gate import decide
from uait.method.prompts import sanitise
from uait.method.sar import sar_score
from uait.models.confidence import answer
from uait.models.decoding import sample_answers
from uait.models.loading import LanguageModel, load_model
from uait.models.similarity import Similarity, explain_tokens, load_similarity, score_relevance
from uait.records import (
    Action,
    Adapter,
    Answer,
    DistilledSet,
    Done,
    Event,
    Explanation,
    Label,
    Progress,
    Question,
    Reply,
    SampleSet,
)
from uait.records.errors import DataError
from uait.retrieval.encyclopaedia import Bundle
from uait.retrieval.search import Retriever, retrieve
from uait.retrieval.web import Web
from uait.runs.folder import RunFolder
from uait.settings import POCKET, Settings, from_dict
from uait.tuning.card import read_card
from uait.tuning.rounds import tune

SAMPLES, LABELS, CALIBRATED, CALIBRATION, FITTED_ON, DISTILLED = (
    "samples.jsonl", "labels.jsonl", "calibrated.jsonl", "calibration.json", "held_out.json", "distilled.json",
)  # fmt: skip
DEFAULT_THRESHOLD = 0.5  # for a model whose adapter's card names none


@dataclass(frozen=True)
class Engines:
    """Everything loaded that answering a question takes; made once by a shell and passed down."""

    lm: LanguageModel
    similarity: Similarity
    retrievers: tuple[Retriever, ...]
    settings: Settings
    threshold: float


def load_engines(settings: Settings) -> Engines:
    """The model, the similarity engine and the search engines that the settings name."""
    lm = load_model(settings)
    similarity = load_similarity(settings.model.encoder, settings.model.device)
    retrievers = tuple(_retriever(name, settings, similarity) for name in settings.retrieval.engines.split(","))
    return Engines(lm, similarity, retrievers, settings, _threshold(settings, lm))


def with_adapter(engines: Engines, adapter: Path | None) -> Engines:
    """The same engines around a model of their own with the adapter in that folder, or with none.

    Asked in the words that the adapter was tuned with. Raises ModelError when it is missing or fits another model.
    """
    settings = engines.settings.with_adapter("none" if adapter is None else adapter)
    if adapter is not None and (adapter / "card.json").is_file():
        settings = replace(settings, prompts=from_dict(read_card(adapter).settings).prompts)
    lm = replace(engines.lm, prompts=settings.prompts)
    lm = lm.without_adapter() if adapter is None else lm.with_adapter(adapter)
    return replace(engines, lm=lm, settings=settings, threshold=_threshold(settings, lm))


def _retriever(name: str, settings: Settings, similarity: Similarity) -> Retriever:
    if name == "web":
        return Web(settings.retrieval)
    return Bundle(POCKET / "encyclopaedia.jsonl", similarity)


def _threshold(settings: Settings, lm: LanguageModel) -> float:
    if settings.answer.threshold is not None:
        return settings.answer.threshold
    card = adapter_card(settings, lm)
    return DEFAULT_THRESHOLD if card is None or card.threshold is None else card.threshold


def adapter_card(settings: Settings, lm: LanguageModel) -> Adapter | None:
    """The card of the adapter that answers; None without an adapter, or without a card beside it."""
    folder = POCKET / "adapter" if settings.model.adapter == "auto" else Path(settings.model.adapter)
    return read_card(folder) if lm.adapter_id is not None and (folder / "card.json").is_file() else None


def ask(engines: Engines, text: str, *, threshold: float | None = None, explain: bool = False) -> Iterator[Event]:
    """One question through the gate: the growing answer, then Done(Reply).

    Below `threshold` (the engines' own without one) the question is looked up and answered again from the passages.
    With `explain` the reply holds the teacher's view too. Raises DataError when the question is empty or too long.
    """
    start = perf_counter()
    question = Question("ask", sanitise(text))
    first = yield from _answered(engines, question.text, ())
    decision = decide(first.spoken, engines.threshold if threshold is None else threshold)
    retrieved, final = None, first
    if decision.action is Action.RETRIEVE:
        yield Progress("retrieve", 0, 1, decision.reason)
        retrieved = retrieve(question.text, engines.retrievers, engines.settings.retrieval.n_passages)
        if retrieved.passages:
            final = yield from _answered(engines, question.text, retrieved.passages)
    explanation = None
    if explain:
        yield Progress("explain", 0, 1, "asking several times")
        explanation = _explain(engines, question)
    yield Done(Reply(question, first, decision, retrieved, final, perf_counter() - start, explanation))


def _answered(engines: Engines, text: str, passages: Sequence) -> Iterator[Event]:
    """The growing answer; returns the finished one to a `yield from`."""
    for event in answer(engines.lm, text, passages, engines.settings.answer):
        if isinstance(event, Done):
            finished: Answer = event.record
            return finished
        yield event
    raise AssertionError("answering ended without an answer")


def explain(engines: Engines, text: str) -> Explanation:
    """The teacher's view of one question: its greedy answer token by token, K samples, SAR."""
    return _explain(engines, Question("ask", sanitise(text)))


def _explain(engines: Engines, question: Question) -> Explanation:
    start = perf_counter()
    settings = engines.settings
    (samples,) = sample_answers(engines.lm, [question], settings.sampling, style=settings.prompts)
    (relevance,) = score_relevance([samples], engines.similarity)
    score = sar_score(samples, relevance, settings.label.t)
    tokens = explain_tokens(question.text, samples.greedy, engines.similarity)
    return Explanation(tokens, samples.samples, relevance.sentence, score, perf_counter() - start)


def sample_run(engines: Engines, questions: Sequence[Question], folder: RunFolder) -> Iterator[Event]:
    """Samples every question into the folder's samples.jsonl; Done(number of sample sets). Resumes."""
    folder.save_settings(engines.settings, ("prompts", "model", "sampling"))
    path = folder.file(SAMPLES)
    saved = [s.question for s in read_jsonl(path, SampleSet)] if path.exists() else []
    check_same_questions(saved, questions, path)
    done = {question.id for question in saved}
    todo = [question for question in questions if question.id not in done]
    yield Progress("sample", len(questions) - len(todo), len(questions))
    for n, samples in enumerate(
        sample_answers(engines.lm, todo, engines.settings.sampling, style=engines.settings.prompts)
    ):
        append_jsonl(path, samples)
        yield Progress("sample", len(questions) - len(todo) + n + 1, len(questions), samples.greedy.text)
    yield Done(len(questions))


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


def label_run(engines: Engines, questions: Sequence[Question], folder: RunFolder) -> Iterator[Event]:
    """Samples, scores and labels every question into labels.jsonl; Done(tuple of Label), calibrated if asked for.

    Sample sets that samples.jsonl already holds are used; questions that labels.jsonl already holds are skipped.
    """
    settings = engines.settings
    folder.save_settings(settings, ("prompts", "model", "sampling", "label"))
    path = folder.file(LABELS)
    labels = {label.question.id: label for label in read_jsonl(path, Label)} if path.exists() else {}
    check_same_questions((label.question for label in labels.values()), questions, path)
    todo = [question for question in questions if question.id not in labels]
    n_done = len(questions) - len(todo)
    yield Progress("label", n_done, len(questions))
    for batch in _sampled(engines, todo, folder):
        for samples, relevance in zip(batch, score_relevance(batch, engines.similarity), strict=True):
            score = sar_score(samples, relevance, settings.label.t)
            label = label_question(samples, score, settings.label.correctness)
            append_jsonl(path, label)
            labels[label.question.id] = label
            n_done += 1
            yield Progress("label", n_done, len(questions), _note(label))
    finished = tuple(labels[question.id] for question in questions)
    yield Done(_calibrated(finished, settings, folder))


def _sampled(engines: Engines, questions: Sequence[Question], folder: RunFolder) -> Iterator[list[SampleSet]]:
    """The questions' sample sets in batches: those on disk first, then freshly made ones."""
    path, size = folder.file(SAMPLES), engines.settings.sampling.batch_size
    wanted = {question.id for question in questions}
    kept = [s for s in read_jsonl(path, SampleSet) if s.question.id in wanted] if path.exists() else []
    for start in range(0, len(kept), size):
        yield kept[start : start + size]
    check_same_questions((samples.question for samples in kept), questions, path)
    have = {samples.question.id for samples in kept}
    missing = [question for question in questions if question.id not in have]
    for start in range(0, len(missing), size):
        batch = missing[start : start + size]
        yield list(sample_answers(engines.lm, batch, engines.settings.sampling, style=engines.settings.prompts))


def _note(label: Label) -> str:
    said = f"{100 * label.confidence:.1f} %" if label.confidence is not None else str(label.unscored)
    return f"{label.question.text} {label.answer}: {said}"


def _calibrated(labels: tuple[Label, ...], settings: Settings, folder: RunFolder) -> tuple[Label, ...]:
    if settings.label.calibrate == "none":
        return labels
    result = calibrate_labels(labels, settings.label, settings.sampling.seed)
    write_json(folder.file(CALIBRATION), to_json(result.calibration))
    write_json(folder.file(FITTED_ON), list(result.held_out_ids))
    write_jsonl(folder.file(CALIBRATED), result.labels)
    return tuple(result.labels)


def distil_run(settings: Settings, folder: RunFolder) -> Iterator[Event]:
    """Distils the folder's labels (the calibrated ones if there are any) into distilled.json; Done(DistilledSet)."""
    path = folder.file(CALIBRATED) if folder.file(CALIBRATED).exists() else folder.file(LABELS)
    if not path.exists():
        raise DataError(f"{folder.path} holds no {LABELS}; label questions into it first.")
    if path.name == LABELS and settings.label.calibrate != "none":
        raise DataError(f"{folder.path} holds no {CALIBRATED}; start labelling again, it will go on to calibrate.")
    distilled = distil(read_jsonl(path, Label), settings.distil)
    folder.save_settings(settings, ("distil",))
    write_json(folder.file(DISTILLED), to_json(distilled))
    yield Done(distilled)


def tune_run(
    settings: Settings, folder: RunFolder, out: Path | None = None, held_out: Sequence[Question] | None = None
) -> Iterator[Event]:
    """Tunes an adapter on the folder's distilled set, by default into its `adapter/`; Done(Adapter). Resumes.

    A second round is calibrated on `held_out`, by default on the questions that the labels were calibrated on.
    """
    path = folder.file(DISTILLED)
    if not path.exists():
        raise DataError(f"{folder.path} holds no {DISTILLED}; distil its labels first.")
    distilled = read_distilled(folder)
    folder.save_settings(settings, ("prompts", "model"))
    base = settings.with_adapter("none")
    held_out = calibrated_on(folder) if held_out is None else held_out
    yield from tune(settings, load_model(base), distilled, out or folder.file("adapter"), held_out)


def calibrated_on(folder: RunFolder) -> list[Question]:
    """The folder's questions that its calibration was fitted on, and so nothing is tuned on; none without one."""
    if not folder.file(FITTED_ON).exists():
        return []
    ids = set(read_json(folder.file(FITTED_ON)))
    return [label.question for label in read_jsonl(folder.file(LABELS), Label) if label.question.id in ids]


def read_distilled(folder: RunFolder) -> DistilledSet:
    """The folder's distilled set. Raises DataError when there is none."""
    return from_json(DistilledSet, read_json(folder.file(DISTILLED)))
