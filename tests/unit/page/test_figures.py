"""The figures: what is drawn is what was measured, tells its n, and can be told apart on both grounds."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests import fake_report
from tests.fake_report import IN_DOMAIN
from uait.method import metrics
from uait.method.answers import EXPECTED, SPOKEN
from uait.page.figures import curves, evaluation, labels, results, style, tuning
from uait.page.views import runs as runs_view
from uait.page.views.evaluate import evaluation as numbers
from uait.records import Answer, Finish, Label, Question, Reason, Sample, TrainingExample

METHODS = [EXPECTED, SPOKEN, "verbalized", "P(True)", "SAR"]


@pytest.fixture
def shown() -> dict[str, Any]:
    curve = {"budgets": [0.0, 0.5, 1.0], "accuracy": [0.5, 0.75, 0.9]}
    report = replace(fake_report.report(), budget_curve={IN_DOMAIN: {"random": curve, EXPECTED: curve}})
    return numbers(report, None, lambda question: len(question) % 4)


def _light(colour: str) -> float:
    """Relative luminance in [0, 1]. Source: WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_light(one), _light(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", style.GROUNDS)
def test_lines_stand_out_at_three_to_one_and_text_at_four_and_a_half(theme: str) -> None:
    ground = style.GROUNDS[theme]
    assert all(_contrast(c, ground.card) >= 3 for c in (style.BLUE, style.AMBER, style.GREEN, style.GREY))
    assert all(_contrast(c, ground.card) >= 4.5 for c in (ground.ink, ground.muted))


def test_no_two_methods_look_alike_without_colour() -> None:
    looks = [evaluation.LOOKS[m] for m in evaluation.LOOKS]
    assert len({(look.dash, look.symbol) for look in looks}) == len(looks)


def test_a_row_per_method_has_its_interval_as_a_bar_and_in_the_hover(shown: dict[str, Any]) -> None:
    drawn = evaluation.auroc_by_method(shown["methods"], IN_DOMAIN, 120).payload()
    assert drawn["label"] == "AUROC, in-domain, n\u00a0=\u00a0120"
    assert [row["name"] for row in drawn["data"]] == ["UaIT: average number", "UaIT: stated number", *METHODS[2:]]
    for row, method in zip(drawn["data"], shown["methods"], strict=True):
        (cell,) = method["cells"]
        assert row["x"] == [cell["auroc"]]
        assert row["x"][0] + row["error_x"]["array"][0] == pytest.approx(cell["high"])
        assert row["x"][0] - row["error_x"]["arrayminus"][0] == pytest.approx(cell["low"])
        assert f"{cell['auroc']:.2f} ({cell['low']:.2f} to {cell['high']:.2f})" in row["hovertext"][0]


def test_a_method_without_a_number_is_a_word_and_not_a_point(shown: dict[str, Any]) -> None:
    cell = {**shown["methods"][2]["cells"][0], "auroc": None, "low": None, "high": None, "why": "undefined: all right"}
    drawn = evaluation.auroc_by_method([{"name": "verbalized", "cells": [cell]}], IN_DOMAIN, 120).payload()
    assert drawn["data"] == []
    assert [note["text"] for note in drawn["layout"]["annotations"]] == ["undefined"]


def test_a_missing_value_is_a_gap_in_line_hover_and_error_bar() -> None:
    gap, look = ([0.4, None], [0.7, None]), style.Look(style.BLUE)
    line = style.line("a", [0, 1], [0.5, None], look, places=("x", "y"), show=style.two, interval=gap)
    drawn = json.loads(str(line.to_json()))
    assert drawn["y"] == [0.5, None]
    assert drawn["hovertext"] == ["a, x: 0.50 (0.40 to 0.70)", ""]
    assert drawn["error_y"]["array"] == [pytest.approx(0.2), 0]


def test_every_figure_of_the_page_has_a_name_of_its_own_an_n_and_a_table(shown: dict[str, Any]) -> None:
    sections = results.page(shown)["parts"][1:]
    figures = [one for section in sections for part in section["parts"] for one in part.get("figures", ())]
    assert len({one["name"] for one in figures}) == len(figures) == 3
    for one in figures:
        assert "n\u00a0=\u00a0" in one["label"]
        assert "template" not in one["layout"]  # the browser's
    assert all(one["table"] for one in figures[1:])  # the first one's is the table of methods


def test_the_table_shows_every_measure_of_every_method(shown: dict[str, Any]) -> None:
    main, more = (part["table"] for part in _flat(results.page(shown)["parts"][1]) if "table" in part)
    cell = shown["methods"][0]["cells"][0]
    assert main["rows"][0][1][0].startswith(f"{cell['auroc']:.2f} (")
    assert more["heads"] == ["method", "AUPRC, in-domain, n\u00a0=\u00a0120", "Brier", "risk and coverage"]
    (low, high), (least, most) = cell["ece_interval"], cell["risk_interval"]
    assert main["rows"][0][2] == f"{cell['ece']:.2f} ({low:.2f} to {high:.2f})"
    assert more["rows"][0][1:3] == [f"{cell[key]:.2f}" for key in ("auprc", "brier")]
    assert more["rows"][0][3] == f"{cell['risk']:.2f} ({least:.2f} to {most:.2f})"


def _flat(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield part
    for inner in part.get("parts", ()):
        yield from _flat(inner)


def test_the_figures_as_a_web_page_ask_no_other_host_and_wait_for_plotlys_script(shown: dict[str, Any]) -> None:
    html = results.html(shown)
    assert html.count(results.PLOTLY_MARK) == 1
    assert html.count("plotly-graph-div") == 3
    assert "UaIT: average number" in html and "<script src" not in html


def _rows(method: str) -> tuple[list[float], list[bool]]:
    rows = [row["uait"] for row in fake_report.report().rows if row["split"] == IN_DOMAIN]
    known = [(row["confidences"][method], row["right"]) for row in rows if row["confidences"][method] is not None]
    return [c for c, _ in known], [right for _, right in known]


def test_the_lab_has_three_figures_for_every_method_on_every_split() -> None:
    shown = curves.lab(fake_report.report(), 0.6)["figures"]
    assert {len(three) for methods in shown.values() for three in methods.values()} == {3}
    assert set(shown[IN_DOMAIN]) == set(METHODS)
    confidence, right = _rows(SPOKEN)
    labels = [one["label"] for one in shown[IN_DOMAIN][SPOKEN]]
    assert labels[0].startswith(f"ROC curve, AUROC {metrics.auroc(confidence, right):.2f} (")
    assert labels[1] == f"Reliability, ECE {metrics.ece(confidence, right, 10):.2f}, n\u00a0=\u00a0{len(right)}"
    assert labels[2].startswith(f"Risk and coverage, area {metrics.risk_coverage_area(confidence, right):.2f}, n")
    assert [one["data"][-1]["name"] for one in shown[IN_DOMAIN][SPOKEN][::2]] == ["your threshold"] * 2
    undefined = shown[fake_report.OUT_OF_WORLD][SPOKEN]
    assert [one["data"] for one in undefined] == [[], [], []]
    assert undefined[0]["label"] == "ROC curve: undefined, No answer here is judged."


def test_reliability_bars_stand_over_their_bins() -> None:
    drawn = curves.reliability([0.3, 0.3, 0.3, 1.0], [True, False, True, True], 10).payload()
    assert drawn["data"][0]["x"] == pytest.approx([0.35, 0.95])
    assert drawn["table"]["rows"][0] == ["30\u00a0% to 40\u00a0%", "3", "30\u00a0%", "66.7\u00a0%"]


def test_a_thinned_curve_keeps_its_ends_and_loses_less_than_a_pixel() -> None:
    points = [(i / 5000, (i / 5000) ** 2) for i in range(5001)]
    kept = curves.thinned(points)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert len(kept) < 420
    assert max(max(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(kept)) < 0.011


STEPS = [
    {"step": 1, "loss": 2.0, "learning_rate": 1e-3},
    {"step": 2, "loss": 1.0, "learning_rate": 0, "eval_loss": 1.5},
]
LOOK = {"n": 40, "n_unscored": 0, "auroc": 0.75, "auroc_interval": [0.5, 1.0]}
LOOKS = [
    {"step": 0, "confidences": [None], "answers": ["a"]},
    {"step": 2, "confidences": [0.4], "answers": ["b"], **LOOK},
]


def test_a_tuning_shows_a_gap_where_no_number_was_said_and_the_band_of_the_auroc() -> None:
    example = TrainingExample(Question("q", "Who?"), "Nobody", 0.1, False)
    drawn = tuning.page(runs_view.tuning(STEPS, LOOKS, [example], []))
    probe, watched = (one["data"] for one in drawn["figures"])
    assert (probe[0]["y"], probe[0]["line"]["dash"]) == ([None, 0.4], "dash")  # a wrong answer's line is dashed
    assert probe[-1]["x"] == watched[-1]["x"] == [2, 2]  # the look that is being read
    assert (watched[0]["y"], watched[1]["y"]) == ([1.0, 0.5], [0.75])
    assert drawn["probes"][0]["numbers"] == ["no number", "40\u00a0%"]
    loss, rate = drawn["losses"]
    assert [line["y"] for line in loss["data"]] == [[2.0, 1.0], [1.5]]
    assert loss["caption"].startswith("How surprised the model is by what it is taught: 1.000 now; 1.500 on examples")
    assert rate["data"][0]["y"] == [1e-3, 0]


def test_a_tuning_that_has_not_begun_has_no_figures() -> None:
    drawn = tuning.page(runs_view.tuning([], [], [], []))
    assert drawn["is_empty"] and not drawn["figures"] and not drawn["losses"] and not drawn["results"]


def test_the_histogram_has_right_answers_above_the_line_and_wrong_ones_below() -> None:
    right, wrong = labels.histogram([0, 3], [2, 0]).payload()["data"]
    assert (right["y"], wrong["y"]) == ([0, 3], [-2, 0])
    assert wrong["marker"]["pattern"]["shape"] == "/"  # not by colour alone
    assert right["hovertext"][1] == "50\u00a0% to 100\u00a0%: 3 right, 0 wrong"


def test_labels_that_are_all_right_or_all_wrong_say_why_there_is_no_auroc() -> None:
    right, wrong = (Label(Question("q", "Who?"), "she", 0.5, 0.5, None, verdict) for verdict in (True, False))
    assert _texts(labels.page([right] * 10), "warning")[0].startswith("All answers are right so far")
    assert _texts(labels.page([wrong] * 10), "warning")[0].startswith("All answers are wrong")
    assert _texts(labels.page([right] * 9 + [wrong]), "warning") == []
    assert labels.page([])["parts"] == []


def test_labels_are_counted_by_confidence_and_correctness_the_newest_first() -> None:
    found = [(0.9, True), (0.2, True), (0.5, True), (0.5, False), (0.1, False), (0.3, False), (0.4, None), (None, True)]
    listed = [
        Label(Question(f"q{i}", f"{i}?"), "", c, c, None, right, None if c is not None else Reason.EMPTY)
        for i, (c, right) in enumerate(found)
    ]
    # 0.9 in the last bin, 0.2 in the third, 0.5 in the sixth
    assert labels.bins(listed, True) == [0, 0, 1, 0, 0, 1, 0, 0, 0, 1]
    assert labels.bins(listed, False) == [0, 1, 0, 1, 0, 1, 0, 0, 0, 0]
    drawn = labels.page(listed, "Recorded.")
    assert _texts(drawn, "recorded") == ["Recorded."]
    summary = "8 labelled: 4 right, 3 wrong, 1 without an accepted answer to compare with, 1 without a confidence."
    assert _texts(drawn, "summary") == [summary]
    (rows,) = [part["table"]["rows"] for part in drawn["parts"] if part.get("kind") == "rows"]
    assert (rows[0][0]["text"], rows[0][1]["text"], rows[0][3]) == ("7?", "(no words)", str(Reason.EMPTY))


def test_both_answers_are_shown_with_their_numbers_or_the_reason_why_there_are_none() -> None:
    def answer(text: str, spoken: float | None) -> Answer:
        sample = Sample(text, (1,), (text,), np.zeros(1), Finish.STOP)
        return Answer(text, spoken, None, sample, "?", 0.1, "tiny")

    rows = labels.beside(answer("Paris", None), answer("", 0.4))["parts"][0]["table"]["rows"]
    assert [(row[1]["text"], row[2]) for row in rows] == [("Paris", "no number"), ("(no words)", "40\u00a0%")]
    assert labels.beside(failure="No adapter yet.")["parts"] == [{"text": "No adapter yet.", "kind": "warning"}]


def _texts(page: dict[str, Any], kind: str) -> list[str]:
    return [part["text"] for part in page["parts"] if part.get("kind") == kind and "text" in part]
