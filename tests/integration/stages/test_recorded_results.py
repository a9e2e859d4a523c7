"""What README reports is what the recorded evaluation holds, and what the shipped model says."""

import json
from pathlib import Path
from typing import Any

import pytest

from uait.data.catalogue import describe, preset
from uait.data.files import read_json
from uait.data.json import from_json, to_json
from uait.embedded.pocket import POCKET
from uait.method.answers import SELF_TRAINED
from uait.method.correctness import is_correct
from uait.models.confidence import answer_batch
from uait.records import Action, Done, EvalReport, Question, Reply
from uait.stages.ask import ask
from uait.stages.engines import Engines, load_engines
from uait.stages.report import EXPECTED, IN_DOMAIN, OUT_OF_WORLD, SPOKEN, build_report, with_results

ROOT = Path(__file__).resolve().parents[3]
N_AGAIN = 40


def _held_out() -> dict[str, list[Question]]:
    description = describe("pocket")
    assert description is not None
    return description.held_out


@pytest.fixture(scope="module")
def report() -> EvalReport:
    return from_json(EvalReport, read_json(POCKET / "evaluation.json"))


@pytest.fixture(scope="module")
def pocket() -> Engines:
    return load_engines(preset("pocket"))


def test_readme_shows_the_recorded_evaluation(report: EvalReport) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_results(readme, report) == readme


def test_the_recorded_numbers_follow_from_the_recorded_rows(report: EvalReport, pocket: Engines) -> None:
    again = build_report(pocket, report.rows)
    of_the_shipped = [result for result in report.results if result.method != SELF_TRAINED]
    assert _to_nine_digits(again.results) == _to_nine_digits(of_the_shipped)
    assert _to_nine_digits(again.budget_curve) == _to_nine_digits(report.budget_curve)
    assert _to_nine_digits(again.extras) == _to_nine_digits({name: report.extras[name] for name in again.extras})


def _to_nine_digits(record: Any) -> Any:
    """The record as plain data: from Python 3.12 on a sum of floats differs in its last digit."""
    return json.loads(json.dumps(to_json(record)), parse_float=lambda number: round(float(number), 9))


def test_the_shipped_model_gives_the_recorded_answers(report: EvalReport, pocket: Engines) -> None:
    rows = [row for row in report.rows if row["split"] == IN_DOMAIN][:N_AGAIN]
    answers = answer_batch(pocket.lm, [row["question"] for row in rows], pocket.settings.answer)
    assert [answer.text for answer in answers] == [row["uait"]["answer"] for row in rows]
    for answer, row in zip(answers, rows, strict=True):
        assert answer.spoken == pytest.approx(row["uait"]["confidences"][SPOKEN])
        assert answer.expected == pytest.approx(row["uait"]["confidences"][EXPECTED], abs=1e-3)


def test_the_recorded_judgements_are_those_of_the_references(report: EvalReport) -> None:
    references = {question.id: question.references for question in _held_out()[IN_DOMAIN]}
    rows = [row for row in report.rows if row["split"] == IN_DOMAIN]
    assert len(rows) == len(references)
    for row in rows:
        assert row["uait"]["right"] == is_correct(row["uait"]["answer"], references[row["id"]], "exact")


def test_nothing_held_out_was_tuned_on() -> None:
    facts = (POCKET / "facts.jsonl").read_text(encoding="utf-8").splitlines()
    tuned = {row.split('"')[3] for row in facts if '"split": "tune"' in row}
    for questions in _held_out().values():
        assert not tuned & {question.id for question in questions}


def test_a_question_from_outside_its_world_gets_an_answer_and_a_decision(pocket: Engines) -> None:
    question = _held_out()[OUT_OF_WORLD][0]
    *_, last = ask(pocket, question.text)
    assert isinstance(last, Done) and isinstance(last.record, Reply)
    reply = last.record
    assert reply.decision.action in (Action.ANSWER, Action.RETRIEVE)
    assert reply.first.text


def test_the_model_and_its_adapter_stay_small() -> None:
    size = sum(path.stat().st_size for path in POCKET.rglob("*.safetensors"))
    assert size <= 20e6
