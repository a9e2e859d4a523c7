"""Who ranks best: found on the questions that all methods share, with an interval that knows it."""

import re
from dataclasses import replace

import numpy as np

from tests import fake_report
from tests.fake_report import IN_DOMAIN
from uait.method.metrics import auroc
from uait.page.views.ranking import always, constant, elsewhere, rankings, winner
from uait.records import EvalReport


def _with_probability(noise: float) -> EvalReport:
    """The report with an answer probability that is the UaIT confidence less so much noise."""
    report, rng = fake_report.report(n=300), np.random.default_rng(3)
    rows = []
    for row in report.rows:
        moved = float(np.clip(row["uait"]["confidences"]["UaIT expected"] + noise * rng.normal(), 0, 1))
        base = {**row["base"], "confidences": {**row["base"]["confidences"], "answer probability": moved}}
        rows.append({**row, "base": base})
    return replace(report, rows=tuple(rows))


def test_the_best_is_named_with_the_next_and_the_paired_interval() -> None:
    report = _with_probability(0.5)
    found = rankings(report.rows, IN_DOMAIN)
    areas = {method: auroc(*one.arrays()) or 0.0 for method, one in found.items()}
    best, second = sorted(areas, key=areas.__getitem__, reverse=True)[:2]
    first, own = winner(report, IN_DOMAIN)
    assert first.startswith(
        f"in-domain: “{best}” ranks best, its AUROC {areas[best] - areas[second]:.3f} above that of"
    )
    gain = areas["UaIT spoken"] - areas["answer probability"]
    low, high = map(float, re.findall(r"\((-?[\d.]+) to (-?[\d.]+), paired, n\u00a0=\u00a0300\)", own)[0])
    assert own.startswith(f"in-domain: the AUROC of “UaIT: stated number” is {gain:.3f} above that of “answer prob")
    assert 0.0 < low < gain < high and "can’t tell" not in own


def test_two_that_are_alike_are_not_told_apart() -> None:
    (line, *_) = winner(_with_probability(0.01), IN_DOMAIN)
    assert line.endswith("These questions can’t tell the two apart.")


def test_where_nothing_can_be_ranked_nothing_is_said() -> None:
    assert winner(fake_report.report(), fake_report.OUT_OF_WORLD) == []
    assert winner(replace(fake_report.report(), rows=()), IN_DOMAIN) == []


def test_a_method_that_was_asked_for_some_questions_only_is_left_out() -> None:
    report = fake_report.report(n=20)
    first, *others = report.rows
    less = {**first, "base": {**first["base"], "confidences": {"SAR": 0.5}}}
    assert set(rankings((less, *others), IN_DOMAIN)) == {"SAR", "verbalized", "UaIT spoken", "UaIT expected"}


def test_only_one_number_throughout_is_a_constant() -> None:
    assert constant([0.9, None, 0.9]) == 0.9
    assert constant([0.9, 0.8]) is None
    assert constant([0.9, None]) is None
    assert always(0.9) == "says 90\u00a0% whatever is asked"


def test_what_another_model_made_of_being_asked_in_words_is_said_in_words() -> None:
    report = fake_report.report(n=40)
    verbalized = next(result for result in report.results if result.method == "verbalized")
    name = "SmolLM2: a published language model"
    assert elsewhere(name, report) == f"SmolLM2, asked the same: AUROC {verbalized.auroc:.2f} (in-domain)."
    silent = replace(report, results=(replace(verbalized, n_unscored=40, auroc=None),))
    assert elsewhere(name, silent) == "SmolLM2, asked the same, said no number in any of 40 questions."
    rows = [{**row, "verbalized": {**row["verbalized"], "confidences": {"verbalized": 0.9}}} for row in report.rows]
    assert elsewhere(name, replace(report, rows=tuple(rows))).endswith(
        "asked the same, says 90\u00a0% whatever is asked."
    )
    assert elsewhere(name, replace(report, results=())) == ""
