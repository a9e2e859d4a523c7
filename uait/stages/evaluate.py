"""How well each method's confidence tells right from wrong, and what deciding by it is worth.

In: loaded engines, question sets, a run folder. Out: an EvalReport, row by row reproducible.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from uait import __version__
from uait.data.catalogue import describe
from uait.data.files import append_jsonl, data_hash, read_json, read_jsonl, rows_by_id, write_json
from uait.data.json import from_json, to_json
from uait.data.plain import left_out_data
from uait.method import baselines
from uait.method.answers import EXPECTED, HEARD, SPOKEN
from uait.method.correctness import is_correct
from uait.method.metrics import method_result
from uait.method.sar import sar_score
from uait.models.confidence import answer_batch, can_read, verbalized_batch
from uait.models.p_true import p_true_batch
from uait.models.similarity import score_relevance
from uait.records import (
    Action,
    Answer,
    Done,
    EvalReport,
    Event,
    MethodResult,
    Passage,
    Progress,
    Question,
    SampleSet,
    Unscored,
)
from uait.records.errors import DataError
from uait.retrieval.search import retrieve
from uait.runs.files import REPORT, SAMPLES
from uait.runs.folder import RunFolder
from uait.settings import Settings, to_dict
from uait.stages.ask import judge_reading
from uait.stages.askable import askable
from uait.stages.engines import Engines, adapter_card
from uait.stages.escalation import escalate
from uait.stages.label import sample
from uait.stages.report import P_TRUE, PROBABILITY, SAR, VERBALIZED, Row, build_report

BATCH = 32


def evaluate(engines: Engines, splits: dict[str, list[Question]], folder: RunFolder) -> Iterator[Event]:
    """Every method on every split; writes evaluation.json into the folder, last Done(EvalReport).

    Each question is sampled, and then asked: the progress counts both. Resumes: no question is sampled or asked twice
    by the same model, adapter and settings. A split whose questions have no references counts only towards how much
    falls below the threshold. Questions that can't be asked are left out, and named in the report. The stronger model,
    where the engines have one, is asked some of the questions below the threshold. Raises DataError when another
    process writes into the folder.
    """
    with folder.writing():
        yield from _evaluate(engines, splits, folder)


def _evaluate(engines: Engines, splits: dict[str, list[Question]], folder: RunFolder) -> Iterator[Event]:
    rows: list[Row] = []
    lm, settings = engines.lm, engines.settings
    parted = {split: askable(lm, settings, questions, is_measured=True) for split, questions in splits.items()}
    total, before = 2 * sum(len(kept) for kept, _ in parted.values()), 0
    for split, (questions, _) in parted.items():
        sampled = RunFolder(folder.file(split))
        for event in sample(engines, questions, sampled):
            if isinstance(event, Progress):
                yield Progress("evaluate", before + event.done, total, f"{split}: sampling")
        before += len(questions)
        path = sampled.file(f"asked-{_asker(engines)}.jsonl")
        asked = rows_by_id(path)
        todo = [question for question in questions if question.id not in asked]
        n_asked = len(questions) - len(todo)
        by_id = {s.question.id: s for s in read_jsonl(sampled.file(SAMPLES), SampleSet)} if todo else {}
        for start in range(0, len(todo), BATCH):
            yield Progress("evaluate", before + n_asked + start, total, f"{split}: asking")
            for row in _rows(engines, split, [by_id[question.id] for question in todo[start : start + BATCH]]):
                append_jsonl(path, row)
                asked[row["id"]] = row
        before += len(questions)
        found = [asked[question.id] for question in questions]
        yield from escalate(engines, found, questions, sampled.file(f"escalated-{_asker(engines)}.jsonl"))
        rows.extend(found)
    yield Progress("evaluate", total, total, "summing up")
    left_out = {split: left_out_data(dropped) for split, (_, dropped) in parted.items() if dropped}
    report = build_report(engines, rows, left_out)
    write_json(folder.file(REPORT), to_json(report))
    yield Done(report)


def evaluate_drawn(engines: Engines, split: str, n: int) -> Iterator[Event]:
    """An evaluation of `n` questions drawn from one of the model's held-out splits; last Done(EvalReport).

    All of them when the split has fewer. Keeps nothing on disk, and asks no stronger model: who calls this waits for
    it, and does not pay it. Raises DataError when there is no such split.
    """
    description = describe(engines.settings.model.model)
    splits = description.held_out if description else {}
    if split not in splits:
        raise DataError(f"{split[:60]!r} is no split of this model; choose one of {', '.join(splits) or 'none'}.")
    questions = drawn(splits[split], n, engines.settings.evaluate.seed)
    with TemporaryDirectory(prefix="uait-") as folder:
        yield from evaluate(replace(engines, stronger=None), {split: questions}, RunFolder(Path(folder)))


def read_report(path: Path) -> EvalReport | None:
    """The evaluation in that file, or None when there is none. Raises DataError when it is damaged."""
    return from_json(EvalReport, read_json(path)) if path.is_file() else None


def _asker(engines: Engines) -> str:
    """A name for all that an answer and its scores depend on: this version, the settings, the adapter's card."""
    return data_hash([__version__, to_dict(engines.settings), adapter_card(engines.lm)])[:12]


def _rows(engines: Engines, split: str, batch: Sequence[SampleSet]) -> list[Row]:
    """Per question: each method's answer, whether it is right, and its confidence (None where it has none)."""
    settings = engines.settings
    texts = [samples.question.text for samples in batch]
    greedy = [samples.greedy.text.strip() for samples in batch]
    verbalized = verbalized_batch(engines.lm, texts, settings.answer, BATCH)
    p_true = p_true_batch(engines.lm, texts, greedy, BATCH)
    first = answer_batch(engines.lm, texts, settings.answer, batch_size=BATCH)
    found = [_passages(engines, text) for text in texts]
    read = [i for i, passages in enumerate(found) if passages]
    second = list(first)
    for i, reply in zip(
        read,
        answer_batch(engines.lm, [texts[i] for i in read], settings.answer, [found[i] for i in read], BATCH),
        strict=True,
    ):
        second[i] = reply
    scored = zip(batch, score_relevance(batch, engines.similarity), strict=True)
    rows = []
    for i, (samples, relevance) in enumerate(scored):
        t = settings.label.t
        sar = sar_score(samples, relevance, t)
        confidences = {
            SAR: None if isinstance(sar, Unscored) else sar.confidence,
            "token SAR": baselines.token_sar_confidence(samples, relevance, t),
            "sentence SAR": baselines.sentence_sar_confidence(samples, relevance, t),
            "predictive entropy": baselines.predictive_entropy_confidence(samples),
            "length-normalised entropy": baselines.length_normalised_entropy_confidence(samples),
            "semantic entropy": baselines.semantic_entropy_confidence(samples, relevance),
            "lexical similarity": baselines.lexical_similarity_confidence(samples),
            PROBABILITY: baselines.greedy_probability(samples),
        }
        right = _right(samples.question, settings.label.correctness)
        rows.append(
            {
                "id": samples.question.id,
                "split": split,
                "question": samples.question.text,
                "base": _said(
                    greedy[i],
                    right,
                    {k: None if isinstance(v, Unscored) else v for k, v in confidences.items()} | {P_TRUE: p_true[i]},
                ),
                "verbalized": _said(verbalized[i].text, right, {VERBALIZED: verbalized[i].spoken}),
                "uait": _said(first[i].text, right, _stated(first[i]) | _heard(engines, first[i])),
                "read": _said(second[i].text, right, _stated(second[i]))
                | _given(engines, texts[i], second[i], found[i]),
                "is_familiar": engines.familiarity.of([texts[i]])[0] if engines.familiarity else None,
                "found": any(p.doc_id == samples.question.id for p in found[i]),
                "n_passages": len(found[i]),
            }
        )
    return rows


def _given(engines: Engines, text: str, second: Answer, passages: Sequence[Passage]) -> Row:
    """Whether what was read would be given, and the seconds that reading took, without the search."""
    if not passages:
        return {"given": False, "seconds": None}
    is_given = judge_reading(engines, text, second, passages).action is Action.ANSWER
    return {"given": is_given, "seconds": round(second.seconds, 4)}


def _passages(engines: Engines, text: str) -> tuple[Passage, ...]:
    """What there is to read about the question: the first passages, as many as the model reads at once."""
    found = retrieve(text, engines.retrievers, engines.settings.retrieval.n_passages).passages
    while found and not can_read(engines.lm, text, found, engines.settings.answer):
        found = found[:-1]
    return found


def answers_result(
    method: str,
    split: str,
    answers: Sequence[Answer],
    confidences: Sequence[float | None],
    questions: Sequence[Question],
    settings: Settings,
) -> MethodResult:
    """How well the confidences, one per answer, tell the right ones of these answers from the wrong ones."""
    pairs = zip(answers, questions, strict=True)
    right = [bool(_right(question, settings.label.correctness)(answer.text)) for answer, question in pairs]
    return method_result(method, split, confidences, right, settings.evaluate)


def drawn(questions: Sequence[Question], n: int, seed: int) -> list[Question]:
    """`n` of the questions at random, or all of them where there are fewer; the same for the same seed."""
    return Random(seed).sample(list(questions), min(n, len(questions)))


def _right(question: Question, rule: str) -> Any:
    return lambda text: is_correct(text, question.references, rule)


def _said(text: str, right: Any, confidences: dict[str, float | None]) -> Row:
    return {"answer": text, "right": right(text), "confidences": confidences}


def _heard(engines: Engines, answer: Answer) -> dict[str, float | None]:
    """What an adapter that hears itself was told of, before it is cut into hundredths; nothing for another one."""
    return {} if engines.lm.hears is None else {HEARD: answer.probability}


def _stated(answer: Answer) -> dict[str, float | None]:
    return {SPOKEN: answer.spoken, EXPECTED: answer.expected}
