"""The Evaluate tab's data and its files: every number with its n and interval, and words where there is none."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from tests import fake_report
from tests.fake_report import IN_DOMAIN
from uait.method import metrics
from uait.page.figures.results import markdown, page, sections
from uait.page.views.evaluate import EXPOSURES, evaluation, no_evaluation, undefined, wilson
from uait.page.views.export import csv_text
from uait.records import EvalReport, MethodResult, Reason, SweepPoint
from uait.settings import EvaluateSettings

BUDGETS = [0.0, 0.25, 0.5, 0.75, 1.0]


def _report() -> EvalReport:
    report = fake_report.report()
    rows = [row for row in report.rows if row["split"] == IN_DOMAIN]
    first, second = ([row[source]["right"] for row in rows] for source in ("uait", "read"))
    confidences = {"UaIT expected": fake_report.columns(rows, "uait", "UaIT expected")[0], "random": None}
    curves = {
        n: {"budgets": BUDGETS, "accuracy": metrics.budget_curve(c, first, second)} for n, c in confidences.items()
    }
    return replace(report, budget_curve={IN_DOMAIN: curves})


def _result(confidence: list[float | None], right: list[bool]) -> MethodResult:
    return metrics.method_result("UaIT spoken", "dev", confidence, right, EvaluateSettings(n_bootstrap=20))


SWEEP = (
    SweepPoint(None, {"right": 40, "wrong": 30}, (_result([0.9, 0.2, 0.6, 0.1], [True, False, True, True]),)),
    SweepPoint(0.9, {"right": 0, "wrong": 0}, ()),
)


def _exposure(question: str) -> int | None:
    """The number in the question; the hostile one asks for no fact that is known."""
    digits = "".join(letter for letter in question if letter.isdigit())
    return int(digits) if "fact number" in question else None


@pytest.fixture
def shown() -> dict[str, Any]:
    found = evaluation(_report(), SWEEP, _exposure)
    json.dumps(found, allow_nan=False)
    return found


def test_every_method_keeps_its_numbers_with_n_and_interval_ours_first(shown: dict[str, Any]) -> None:
    report = _report()
    assert shown["splits"] == [{"name": IN_DOMAIN, "n": 120}]
    assert [m["name"] for m in shown["methods"]] == ["UaIT expected", "UaIT spoken", "verbalized", "P(True)", "SAR"]
    assert all(m["about"] for m in shown["methods"])
    for result in report.results:
        (cell,) = next(m["cells"] for m in shown["methods"] if m["name"] == result.method)
        assert (cell["auroc"], (cell["low"], cell["high"])) == (result.auroc, result.auroc_interval)
        assert (cell["n"], cell["n_unscored"], cell["why"]) == (result.n, result.n_unscored, "")


def test_every_measure_has_an_interval_round_it(shown: dict[str, Any]) -> None:
    for method in shown["methods"]:
        (cell,) = method["cells"]
        for key in ("accuracy", "ece", "risk"):
            low, high = cell[f"{key}_interval"]
            assert 0.0 <= low <= cell[key] <= high <= 1.0
            assert 0.01 < high - low < 0.25


def test_a_number_that_never_changes_is_said_to_in_the_table() -> None:
    report = _report()
    rows = [
        {**row, "verbalized": {**row["verbalized"], "confidences": {"verbalized": None if i == 0 else 0.9}}}
        for i, row in enumerate(report.rows)
    ]
    shown = evaluation(replace(report, rows=tuple(rows)), None, None)
    assert [c["constant"] for m in shown["methods"] for c in m["cells"]] == [None, None, 0.9, None, None]
    (table,) = [part["table"] for part in page(shown)["parts"][1]["parts"] if "table" in part]
    assert table["rows"][2][1][1] == "says 90\u00a0% whatever is asked"


def test_it_says_in_words_why_there_is_no_auroc() -> None:
    assert undefined(_result([0.9, 0.4], [True, True])).startswith("undefined: only right answers")
    assert undefined(_result([0.9, None], [False, True])).startswith("undefined: only wrong answers")
    assert undefined(_result([None, None], [False, True])) == "none: no number was given"
    assert undefined(_result([0.9, 0.4], [True, False])) == ""


def test_without_results_there_is_nothing_to_show() -> None:
    assert evaluation(replace(_report(), results=()), None, None) == no_evaluation() == {"state": "empty"}


def test_it_says_whether_the_numbers_were_recorded_or_made_here(shown: dict[str, Any]) -> None:
    trusted = "It is trusted from 60\u00a0% on."
    assert shown["made"] == f"Recorded 2026-11-22 on pocket with the adapter it came with. {trusted}"
    assert evaluation(_report(), None, None, recorded=False)["made"].startswith("Measured from this page 2026-11-22")


def test_what_was_left_out_is_named_above_the_results_and_in_the_report() -> None:
    report = _report()
    left_out = {IN_DOMAIN: {str(Reason.TOO_LONG): ["q7", "q9"], str(Reason.REPEATED): ["q1"]}}
    shown = evaluation(replace(report, extras={**report.extras, "left_out": left_out}), None, None)
    too_long = "Left out of in-domain, longer than the model reads (2): q7, q9."
    twice = "Left out of in-domain, its id came before (1): q1."
    assert shown["left_out"] == [too_long, twice]
    assert [part["text"] for part in page(shown)["parts"][1:3]] == [too_long, twice]
    assert f"{too_long}\n\n{twice}\n\n## 1." in markdown(shown)


def test_a_threshold_that_kept_nothing_is_a_gap_in_the_curve(shown: dict[str, Any]) -> None:
    sweep = shown["sweep"]
    assert (sweep["thresholds"], sweep["kept"]) == ([None, 0.9], [70, 0])
    (curve,) = sweep["curves"]["dev"]
    assert curve["values"] == [SWEEP[0].results[0].auroc, None]
    assert (curve["n"], curve["low"][1], curve["high"][1]) == (4, None, None)
    assert sweep["for_choosing"]  # on questions that are not reported
    assert evaluation(_report(), None, _exposure)["sweep"] is None


def test_a_budget_curve_has_an_interval_round_every_share(shown: dict[str, Any]) -> None:
    budget = shown["budget"][IN_DOMAIN]
    assert (budget["n"], budget["budgets"]) == (120, BUDGETS)
    for curve in budget["curves"]:
        assert curve["values"] == pytest.approx(_report().budget_curve[IN_DOMAIN][curve["name"]]["accuracy"])
        assert all(lo <= v <= hi for lo, v, hi in zip(curve["low"], curve["values"], curve["high"], strict=True))


def test_the_answers_probability_gets_its_curve_from_the_rows() -> None:
    def with_probability(row: dict[str, Any]) -> dict[str, Any]:
        said = {**row["base"]["confidences"], "answer probability": row["uait"]["confidences"]["UaIT expected"]}
        return {**row, "base": {**row["base"], "confidences": said}}

    report = replace(_report(), rows=tuple(map(with_probability, _report().rows)))
    curves = {c["name"]: c["values"] for c in evaluation(report, None, None)["budget"][IN_DOMAIN]["curves"]}
    assert curves["answer probability"] == pytest.approx(curves["UaIT expected"])


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    assert wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    low, high = wilson(1.0, 20)
    assert (low, high) == (pytest.approx(0.8389, abs=1e-4), 1.0)


def test_questions_are_sorted_by_how_often_their_fact_was_told(shown: dict[str, Any]) -> None:
    bins = shown["exposure"][IN_DOMAIN]
    assert [b["label"] for b in bins] == ["1–2", "3–5", "6–10", "11–20", "21–50", "51–100", ">100"]  # 0 is hostile
    assert [b["n"] for b in bins] == [2, 3, 5, 10, 30, 50, 19]
    rows = [row["uait"] for row in _report().rows if row["split"] == IN_DOMAIN][3:6]
    given = [c for row in rows if (c := row["confidences"]["UaIT spoken"]) is not None]
    assert bins[1]["right"]["value"] == pytest.approx(sum(row["right"] for row in rows) / 3)
    assert bins[1]["spoken"]["value"] == pytest.approx(sum(given) / len(given))
    assert bins[1]["spoken"]["n"] == len(given)
    assert len(EXPOSURES) == 8
    assert evaluation(_report(), None, None)["exposure"] is None


def test_below_the_threshold_the_branches_are_compared_and_a_missing_one_is_said(shown: dict[str, Any]) -> None:
    assert [(b["title"], b["split"]) for b in shown["branches"]] == [
        (title, IN_DOMAIN) for title in ("answer anyway", "look it up", "leave it open")
    ]
    anyway, looked_up, left_open = shown["branches"]
    assert looked_up["right"][0] >= anyway["right"][0] >= left_open["right"][0]  # reading is always right here
    text = markdown(shown)
    low, high = (f"{100 * share:.1f}".removesuffix(".0") + "\u00a0%" for share in left_open["answered"][1:])
    assert f" ({low} to {high}) |" in text and "The threshold is 60\u00a0%." in text
    (section,) = [one for one in sections(shown) if one.title.startswith("4.")]
    assert section.note == "No other model was asked: none is configured, or it could not be reached."
    asked = {"answer": "x", "right": True, "given": True, "seconds": 0.5, "cost": 0.0001}
    rows = [{**row, "stronger": asked} if i == 0 else row for i, row in enumerate(_report().rows)]
    below = [{**row, "stronger": asked} for row in rows if row["uait"]["confidences"]["UaIT spoken"] is None]
    (section,) = [
        one
        for one in sections(evaluation(replace(_report(), rows=(*rows, *below)), None, None))
        if one.title.startswith("4.")
    ]
    assert section.note == "" and section.table is not None
    (row,) = [row for row in section.table[1].rows if row[0] == "ask another model"]
    assert str(row[-2]).endswith("of them tried") and row[-1] == "0.50\u00a0s, costing 0.000100"
    without = replace(_report(), extras={})
    assert evaluation(without, None, None)["branches"] == []


def test_the_csv_holds_every_number_that_is_shown(shown: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(shown))))
    expected = next(r for r in _report().results if r.method == "UaIT expected")
    (row,) = [r for r in rows if r["result"] == "AUROC" and r["method"] == "UaIT expected"]
    assert (float(row["value"]), row["n"]) == (expected.auroc, "120")
    assert (float(row["low"]), float(row["high"])) == expected.auroc_interval
    swept = [r["value"] for r in rows if r["result"] == "AUROC by distillation threshold"]
    assert swept == [str(SWEEP[0].results[0].auroc), ""]
    assert sum(r["result"] == "accuracy by retrieval budget" for r in rows) == 10
    assert sum(r["result"] == "by times seen in training" for r in rows) == 21
    assert sum(r["result"] == "below the threshold" for r in rows) == 9


def test_a_cell_that_a_spreadsheet_would_run_is_text(shown: dict[str, Any]) -> None:
    shown["methods"][0]["cells"][0]["split"] = '=HYPERLINK("http://evil.example")'
    (row,) = [
        r
        for r in csv.DictReader(io.StringIO(csv_text(shown)))
        if r["result"] == "AUROC" and r["method"] == "UaIT expected"
    ]
    assert row["split"] == '\'=HYPERLINK("http://evil.example")'
    assert all(float(row[key]) >= 0 for key in ("value", "low", "high"))  # a number stays one


def test_the_report_has_a_table_per_result_and_says_what_is_undefined(shown: dict[str, Any]) -> None:
    text = markdown(shown)
    assert text.count("\n## ") == 5
    spoken = shown["methods"][1]["cells"][0]
    assert f"| UaIT: stated number | {spoken['auroc']:.2f} ({spoken['low']:.2f} to {spoken['high']:.2f}) |" in text
    assert "| 90\u00a0% | 0 | undefined |" in text
    right = replace(_report(), results=(_result([0.9, 0.4], [True, True]),), budget_curve={})
    assert "undefined: only right answers, nothing to tell apart" in markdown(evaluation(right, None, None))
