"""What the student is worth on held-out questions, beside its teacher, its own answer probability and the baselines.

In: the teacher's rows, the student's rows, the baselines' rows, each kept in a file and made once. Out: an EvalReport.
Every method is judged on the answers that it is about. Nothing is chosen here; the stack is fitted on dev.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from uait import __version__
from uait.data.files import append_jsonl, rows_by_id
from uait.embedded.smollm2.student import Student
from uait.embedded.smollm2.teacher import TeacherRow
from uait.method.metrics import auroc, best_threshold, method_result, threshold_sweep
from uait.method.paired import Ranking, auroc_difference
from uait.records import EvalReport, MethodResult, Provenance, Question
from uait.settings import EvaluateSettings, Settings, to_dict

SPOKEN, EXPECTED = "UaIT spoken", "UaIT expected"
P, STACK, SAR = "answer probability", "stack", "SAR"
SWEEP = tuple(round(0.05 * i, 2) for i in range(1, 20))
N_BOOTSTRAP = 1000
BATCH = 32


@dataclass(frozen=True, slots=True)
class StudentRow:
    """One question as the base answers it, `ids` its answer's tokens, and how sure the student is of that.

    `spoken` and `expected`: the number, and its mean, in [0, 1]; None without an answer that ended.
    """

    id: str
    answer: str
    ids: tuple[int, ...]
    is_right: bool
    probability: float
    decile: int
    spoken: float | None
    expected: float | None


def ask_student(
    student: Student,
    questions: Sequence[Question],
    teacher: Sequence[TeacherRow],
    path: Path,
    decile: int | None = None,
) -> list[StudentRow]:
    """The student's rows of these questions, in order; asks only what the file at `path` does not hold yet."""
    known = read_student(path)
    todo = [pair for pair in zip(questions, teacher, strict=True) if pair[0].id not in known]
    for start in range(0, len(todo), BATCH):
        batch = todo[start : start + BATCH]
        numbers = student.ask([question.text for question, _ in batch], [row for _, row in batch], decile)
        for (_, row), (spoken, mean) in zip(batch, numbers, strict=True):
            heard = student.hears.level(row.probability) if decile is None else decile
            expected = None if mean is None else round(mean, 6)
            made = StudentRow(
                row.id, row.answer, row.ids, row.is_right, round(row.probability, 6), heard, spoken, expected
            )
            append_jsonl(path, made)
            known[made.id] = made
    return [known[question.id] for question in questions]


def read_student(path: Path) -> dict[str, StudentRow]:
    """The rows that `ask_student` wrote into a file, by question id; none where it was not begun."""
    return {id: StudentRow(**{**row, "ids": tuple(row["ids"])}) for id, row in rows_by_id(path).items()}


@dataclass(frozen=True, slots=True)
class Stack:
    """A logistic regression on what one pass gives: logit of the expected number, log p, number of tokens."""

    weights: tuple[float, ...]
    intercept: float

    def confidence(self, row: StudentRow) -> float | None:
        """The stack's confidence in (0, 1); None where the student said nothing."""
        if row.expected is None:
            return None
        return float(1 / (1 + np.exp(-(np.dot(self.weights, _features(row)) + self.intercept))))


def fit_stack(rows: Sequence[StudentRow]) -> Stack:
    """The stack of these dev rows."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 -- takes 2 s to import

    said = [row for row in rows if row.expected is not None]
    fitted = LogisticRegression(max_iter=1000).fit([_features(row) for row in said], [row.is_right for row in said])
    return Stack(tuple(map(float, fitted.coef_[0])), float(fitted.intercept_[0]))


def _features(row: StudentRow) -> list[float]:
    c = min(max(row.expected or 0.0, 1e-3), 1 - 1e-3)
    return [float(np.log(c / (1 - c))), float(np.log(max(row.probability, 1e-9))), float(len(row.ids))]


@dataclass(frozen=True, slots=True)
class Split:
    """Everything about one held-out split, row by row. `baselines`: per method (right, confidence) pairs, if asked."""

    name: str
    questions: Sequence[Question]
    teacher: Sequence[TeacherRow]
    student: Sequence[StudentRow]
    baselines: dict[str, Sequence[tuple[bool, float | None]]]


def results(split: Split, stack: Stack, settings: EvaluateSettings) -> Iterator[MethodResult]:
    """One result per method; all but the verbalized one are about the same answers, the few-shot base's."""
    base, own = [row.is_right for row in split.teacher], [row.is_right for row in split.student]
    yield method_result(SAR, split.name, [row.sar for row in split.teacher], base, settings)
    yield method_result(P, split.name, [row.probability for row in split.teacher], base, settings)
    for method, pairs in split.baselines.items():
        yield method_result(method, split.name, [c for _, c in pairs], [right for right, _ in pairs], settings)
    yield method_result(SPOKEN, split.name, [row.spoken for row in split.student], own, settings)
    yield method_result(EXPECTED, split.name, [row.expected for row in split.student], own, settings)
    yield method_result(STACK, split.name, [stack.confidence(row) for row in split.student], own, settings)


def differences(split: Split) -> dict[str, Any]:
    """The AUROC of what is spoken, and expected, minus others', with paired 95 % bootstrap intervals."""
    right = [row.is_right for row in split.student]
    numbers = {
        "spoken": Ranking([row.spoken for row in split.student], right),
        "expected": Ranking([row.expected for row in split.student], right),
    }
    others = {
        SAR: Ranking([row.sar for row in split.teacher], right),
        P: Ranking([row.probability for row in split.student], right),
    }
    return {"n": len(right)} | {
        f"{name} - {other}": auroc_difference(number, beside, N_BOOTSTRAP, 0)
        for name, number in numbers.items()
        for other, beside in others.items()
    }


def threshold_of(rows: Sequence[StudentRow]) -> float:
    """The threshold that best parts right from wrong among these dev rows by what is said."""
    said = [row for row in rows if row.spoken is not None]
    return round(best_threshold([row.spoken or 0.0 for row in said], [row.is_right for row in said]), 3)


def report(splits: Sequence[Split], stack: Stack, settings: Settings, own: Sequence[str], extras: Any) -> EvalReport:
    """The evaluation of all splits. Only the rows of the splits in `own`, whose questions are ours, are in it."""
    return EvalReport(
        results=tuple(result for split in splits for result in results(split, stack, settings.evaluate)),
        threshold_sweep={s.name: _sweep(s) for s in splits},
        budget_curve={},
        extras={**extras, "differences": {s.name: differences(s) for s in splits}},
        rows=tuple(row for split in splits if split.name in own for row in _rows(split)),
        provenance=Provenance(
            "smollm2", "smollm2/adapter", to_dict(settings), settings.sampling.seed, __version__,
            datetime.now(timezone.utc).isoformat(timespec="seconds"),
        ),
    )  # fmt: skip


def _sweep(split: Split) -> dict[str, Any]:
    return threshold_sweep([r.spoken for r in split.student], [r.is_right for r in split.student], SWEEP)


def _rows(split: Split) -> Iterator[dict[str, Any]]:
    for question, base, own in zip(split.questions, split.teacher, split.student, strict=True):
        yield {
            "id": question.id,
            "split": split.name,
            "question": question.text,
            "base": {
                "answer": base.answer, "right": base.is_right,
                "confidences": {SAR: base.sar, P: base.probability},
            },
            "uait": {
                "answer": own.answer, "right": own.is_right,
                "confidences": {SPOKEN: own.spoken, EXPECTED: own.expected},
            },
        }  # fmt: skip


def auroc_of(rows: Sequence[StudentRow]) -> float | None:
    """The AUROC of the expected number; None when a class is missing."""
    return auroc([row.expected or 0.0 for row in rows], [row.is_right for row in rows])


def mean_expected(rows: Sequence[StudentRow]) -> float | None:
    """The mean of the expected numbers; None without any."""
    said = [row.expected for row in rows if row.expected is not None]
    return float(np.mean(said)) if said else None
