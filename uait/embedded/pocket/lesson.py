"""What the Learn tab shows: `python -m uait.embedded.pocket.lesson` makes assets/pocket/lesson.json with the model.

Looks at `dev` questions only, which no tuning was shown; `uait.page.lesson.record` holds the rules that choose.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from uait import __version__
from uait.data.catalogue import preset
from uait.data.files import read_json, read_jsonl, write_json
from uait.data.json import from_json, to_json
from uait.embedded.pocket import POCKET
from uait.embedded.pocket.questions import of_split
from uait.embedded.pocket.small_run import FILE
from uait.embedded.pocket.world import Fact
from uait.method.correctness import is_correct, label_question
from uait.method.sar import sar_score
from uait.models.confidence import verbalized_batch
from uait.models.decoding import sample_answers
from uait.models.similarity import explain_tokens, score_relevance
from uait.page.lesson.record import (
    CORRECTNESS,
    EXAMPLE_RULES,
    KNOWN_RULES,
    OVERCONFIDENT,
    Lesson,
    LessonExample,
    choose,
)
from uait.records import (
    Answer,
    Done,
    Label,
    Provenance,
    Question,
    Reply,
    SampleSet,
    SarScore,
    SmallRun,
    TrainingExample,
)  # fmt: skip
from uait.records.errors import DataError
from uait.settings import to_dict
from uait.stages.ask import ask
from uait.stages.engines import Engines, load_engines
from uait.stages.evaluate import drawn, read_report
from uait.stages.report import IN_DOMAIN

LESSON = POCKET / "lesson.json"
SMALL_RUN = POCKET / FILE
SEED = 0
N_CANDIDATES = 60  # per example: the most popular ones, so that a class knows the right answer
N_LABELS = 120
N_PROBES = 4  # per side, as many as a tuning watches


def record(engines: Engines, facts: Sequence[Fact], seed: int = SEED) -> Lesson:
    """The lesson that this model gives. Raises DataError when no question can open it."""
    by_id = {fact.id: fact for fact in facts}
    questions = sorted(of_split(facts, "dev", seed), key=lambda q: -by_id[q.id].popularity)
    claims = verbalized_batch(engines.lm, [q.text for q in questions], engines.settings.answer, batch_size=64)
    wrong, right = _sides(questions, claims)
    example, rules = choose(_examples(engines, wrong, by_id), EXAMPLE_RULES)
    known, _ = choose(_examples(engines, right, by_id), KNOWN_RULES)
    asked = drawn(questions, N_LABELS, seed)
    labels = _labels(engines, [q for q in asked if q.id not in (example.question.id, known.question.id)])
    labels = (example.label, known.label, *labels)
    return Lesson(example, known, labels, probes(), rules, _provenance(engines, seed))


Claimed = tuple[Question, Answer]


def _sides(questions: Sequence[Question], claims: Sequence[Answer]) -> tuple[list[Claimed], list[Claimed]]:
    """The first questions whose answer is wrong, those with a high claim before the others, and is right."""
    pairs = list(zip(questions, claims, strict=True))
    judged = [bool(is_correct(c.text, q.references, CORRECTNESS)) for q, c in pairs]
    wrong = [pair for pair, is_right in zip(pairs, judged, strict=True) if not is_right]
    right = [pair for pair, is_right in zip(pairs, judged, strict=True) if is_right]
    wrong.sort(key=lambda pair: (pair[1].spoken or 0.0) < OVERCONFIDENT)
    return wrong[:N_CANDIDATES], right[:N_CANDIDATES]


def _examples(engines: Engines, claimed: Sequence[Claimed], by_id: dict[str, Fact]) -> list[LessonExample]:
    """Each question taken through the whole path; those that can't be scored are left out."""
    found = []
    settings = engines.settings
    samples_of = sample_answers(engines.lm, [q for q, _ in claimed], settings.sampling, style=settings.prompts)
    for (question, claim), samples in zip(claimed, samples_of, strict=True):
        (relevance,) = score_relevance([samples], engines.similarity)
        score = sar_score(samples, relevance, settings.label.t)
        if isinstance(score, SarScore):
            tokens = explain_tokens(question.text, samples.greedy, engines.similarity)
            label, reply = label_question(samples, score, CORRECTNESS), _reply(engines, question)
            n_seen = by_id[question.id].exposure
            found.append(LessonExample(question, n_seen, claim, samples, relevance, tokens, score, label, reply))
    return found


def _reply(engines: Engines, question: Question) -> Reply:
    (reply,) = [event.record for event in ask(engines, question.text) if isinstance(event, Done)]
    return replace(reply, question=question)


def _labels(engines: Engines, questions: Sequence[Question]) -> tuple[Label, ...]:
    settings = engines.settings
    sets: list[SampleSet] = list(sample_answers(engines.lm, questions, settings.sampling, style=settings.prompts))
    relevance = score_relevance(sets, engines.similarity)
    scores = [sar_score(samples, r, settings.label.t) for samples, r in zip(sets, relevance, strict=True)]
    return tuple(label_question(s, score, CORRECTNESS) for s, score in zip(sets, scores, strict=True))


def _provenance(engines: Engines, seed: int) -> Provenance:
    lm, now = engines.lm, datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Provenance(lm.model_id, lm.adapter_id, to_dict(engines.settings), seed, __version__, now)


# -- watching it learn ---------------------------------------------------------------------------


def probes(small_run: Path = SMALL_RUN, evaluation: Path = POCKET / "evaluation.json") -> dict[str, Any]:
    """What a few questions' numbers were at each look: of the recorded tuning, or before and after the shipped one.

    `source` says which. Raises DataError when neither was recorded.
    """
    if small_run.is_file():
        run = from_json(SmallRun, read_json(small_run))
        looks = list({look["step"]: look for look in run.looks}.values())  # a step made again after a kill counts once
        watched = [_watched(example, i, looks) for i, example in enumerate(run.examples)]
        return {"source": "tuning", "steps": [look["step"] for look in looks], "questions": watched}
    report = read_report(evaluation)
    if report is None:
        raise DataError(f"Neither {small_run.name} nor {evaluation.name} is there; run `python -m uait evaluate`.")
    rows = [row for row in report.rows if row["split"] == IN_DOMAIN and row["base"]["confidences"]["SAR"] is not None]
    return {"source": "evaluation", "steps": [0, 1], "questions": [_probe(row) for row in _extremes(rows)]}


def _watched(example: TrainingExample, i: int, looks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "question": example.question.text,
        "right": example.is_correct,
        "said": [look["confidences"][i] for look in looks],
        "answers": [look["answers"][i] for look in looks],
    }


def _extremes(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The right answers that the samples are surest of, and the wrong ones that they doubt most."""
    by_doubt = sorted(rows, key=lambda row: row["base"]["confidences"]["SAR"])
    right = [row for row in reversed(by_doubt) if row["base"]["right"]]
    return right[:N_PROBES] + [row for row in by_doubt if not row["base"]["right"]][:N_PROBES]


def _probe(row: dict[str, Any]) -> dict[str, Any]:
    before, after = row["verbalized"], row["uait"]
    return {
        "question": row["question"],
        "right": row["base"]["right"],
        "said": [before["confidences"]["verbalized"], after["confidences"]["UaIT spoken"]],
        "answers": [before["answer"], after["answer"]],
    }


def main() -> None:
    """Records the lesson of the embedded model."""
    facts = read_jsonl(POCKET / "facts.jsonl", Fact)
    lesson = record(load_engines(preset("pocket")), facts)
    write_json(LESSON, to_json(lesson))
    text = f"{LESSON}: {lesson.example.question.text} ({'; '.join(lesson.rules)}), {lesson.known.question.text}"
    print(text, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
