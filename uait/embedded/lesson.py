"""What the Learn tab shows of a model: two dev questions taken through the whole path, and how a small tuning went.

`uait.page.lesson.record` holds the rules that choose the two. Dev questions only, which no tuning was shown; the labels
and the watched questions are those of the small run that was recorded before.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from uait import __version__
from uait.data.catalogue import preset
from uait.data.files import read_json, write_json
from uait.data.json import from_json, to_json
from uait.embedded import small_run
from uait.method.correctness import is_correct, label_question
from uait.method.sar import sar_score
from uait.models.confidence import verbalized_batch
from uait.models.decoding import sample_answers
from uait.models.similarity import explain_tokens, score_relevance
from uait.page.lesson.record import (
    EXAMPLE_RULES,
    FILE,
    KNOWN_RULES,
    OVERCONFIDENT,
    Lesson,
    LessonExample,
    choose,
)
from uait.records import Answer, Provenance, Question, SarScore, SmallRun, TrainingExample
from uait.records.errors import DataError
from uait.records.events import last_record
from uait.settings import ASSETS, to_dict
from uait.stages.ask import ask
from uait.stages.engines import Engines, load_engines

N_LABELS = 120


@dataclass(frozen=True, slots=True)
class Plan:
    """Whose lesson it is, and what it may ask: how many of the `questions` are asked for a claim, the most popular
    first, so that a class knows the right answer; and how many of each kind are taken through the whole path.
    """

    model: str
    questions: Callable[[], Sequence[Question]]
    n_claims: int | None  # None: all
    n_candidates: int


def record(plan: Plan, engines: Engines) -> Lesson:
    """The lesson that this model gives. Raises DataError when no question can open it, or no small run was recorded."""
    run = _small_run(plan.model)
    wrong, right = _sides(plan, engines)
    example, rules = choose(_examples(engines, wrong), EXAMPLE_RULES)
    known, _ = choose(_examples(engines, right), KNOWN_RULES)
    labels = (example.label, known.label, *run.labels[:N_LABELS])
    lm, now = engines.lm, datetime.now(timezone.utc).isoformat(timespec="seconds")
    made = Provenance(
        lm.model_id, lm.adapter_id, to_dict(engines.settings), engines.settings.sampling.seed, __version__, now
    )
    return Lesson(example, known, labels, watched(run), rules, made)


Claimed = tuple[Question, Answer]


def _sides(plan: Plan, engines: Engines) -> tuple[list[Claimed], list[Claimed]]:
    """The first questions whose answer is wrong, those with a high claim before the others, and is right."""
    questions = plan.questions()[: plan.n_claims]
    claims = verbalized_batch(engines.lm, [q.text for q in questions], engines.settings.answer, batch_size=64)
    pairs, rule = list(zip(questions, claims, strict=True)), engines.settings.label.correctness
    wrong = [(q, claim) for q, claim in pairs if not is_correct(claim.text, q.references, rule)]
    right = [(q, claim) for q, claim in pairs if is_correct(claim.text, q.references, rule)]
    wrong.sort(key=lambda pair: (pair[1].spoken or 0.0) < OVERCONFIDENT)
    return wrong[: plan.n_candidates], right[: plan.n_candidates]


def _examples(engines: Engines, claimed: Sequence[Claimed]) -> list[LessonExample]:
    """Each question taken through the whole path; those that can't be scored are left out."""
    found = []
    settings = engines.settings
    rule = settings.label.correctness
    samples_of = sample_answers(engines.lm, [q for q, _ in claimed], settings.sampling, style=settings.prompts)
    for (question, claim), samples in zip(claimed, samples_of, strict=True):
        (relevance,) = score_relevance([samples], engines.similarity)
        score = sar_score(samples, relevance, settings.label.t)
        if isinstance(score, SarScore):
            tokens = explain_tokens(question.text, samples.greedy, engines.similarity)
            label, reply = label_question(samples, score, rule), last_record(ask(engines, question.text))
            reply = replace(reply, question=question)
            found.append(LessonExample(question, claim, samples, relevance, tokens, score, label, reply, rule))
    return found


def _small_run(model: str) -> SmallRun:
    path = ASSETS / model / small_run.FILE
    if not path.is_file():
        raise DataError(f"{path} is not there; record the small run first: its labels and looks are the lesson's.")
    return from_json(SmallRun, read_json(path))


def watched(run: SmallRun) -> dict[str, Any]:
    """What a few questions' numbers were at each look of the recorded tuning."""
    looks = list({look["step"]: look for look in run.looks}.values())  # a step made again after a kill counts once
    questions = [_watched(example, i, looks) for i, example in enumerate(run.examples)]
    return {"source": "tuning", "steps": [look["step"] for look in looks], "questions": questions}


def _watched(example: TrainingExample, i: int, looks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "question": example.question.text,
        "right": example.is_correct,
        "said": [look["confidences"][i] for look in looks],
        "answers": [look["answers"][i] for look in looks],
    }


def main(plan: Plan) -> None:
    """Records the lesson into the model's folder."""
    lesson = record(plan, load_engines(preset(plan.model)))
    path = ASSETS / plan.model / FILE
    write_json(path, to_json(lesson))
    sys.stderr.write(f"{path}: {lesson.example.question.text} ({'; '.join(lesson.rules)})\n")
    sys.stderr.write(f"{path}: {lesson.known.question.text}\n")
