"""A recorded evaluation -> plain data for the Evaluate tab: the paper's three results, and one that only we can have.

Every number comes with how many questions it rests on and its 95 % interval: AUROC's is the recorded bootstrap, a
share's Wilson's, a mean's the normal one. Knows nothing of Gradio. `present_export` makes files of this data.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from uait.data.plain import left_out_lines
from uait.method.answers import EXPECTED, HEARD, SELF_TRAINED, SPOKEN
from uait.method.branches import BRANCH_TITLES, branches
from uait.method.intervals import bootstrap_intervals
from uait.method.metrics import budget_curve
from uait.method.paired import Ranking
from uait.page.views import ranking
from uait.page.views.ranking import PROBABILITY, judged, rankings, winner
from uait.records import EvalReport, MethodResult, SweepPoint
from uait.settings import EvaluateSettings

Payload = dict[str, Any]
Exposure = Callable[[str], int | None]

# In this order: what one answer tells, what takes one more question, what takes several answers.
ABOUT = {
    EXPECTED: "tuned; the mean of the numbers it might have said with its answer",
    SPOKEN: "tuned; the number it says with its answer",
    HEARD: "untuned; how probable its whole answer and its end were: what the tuned model hears the percentile of",
    "verbalized": "untuned; asked to add how sure it is",
    "answer probability": "untuned; how probable its answer’s words were",
    SELF_TRAINED: "tuned on what SAR says alone: it was never told which of its answers are right",
    "stack": "tuned; a regression on the average number, the answer’s probability and its length",
    "P(True)": "untuned; asked afterwards whether its answer is right",
    "SAR": "untuned; asked several times: how much the answers agree, words weighed by their meaning",
    "token SAR": "as SAR, but without comparing the answers",
    "sentence SAR": "as SAR, but every word weighs the same",
    "predictive entropy": "untuned; asked several times: how improbable the answers were",
    "length-normalised entropy": "the same, per word",
    "semantic entropy": "untuned; asked several times: how improbable the answers’ meanings were",
    "lexical similarity": "untuned; asked several times: how many words the answers share",
}
# Lower ends of the ranges of exposure; the last one is open.
EXPOSURES = (0, 1, 3, 6, 11, 21, 51, 101)
_Z = 1.959964
_DRAWS = EvaluateSettings(n_bootstrap=400)  # of ECE and of risk: with a thousand the page would start a second later


def no_evaluation() -> Payload:
    """The tab without a recorded evaluation."""
    return {"state": "empty"}


def evaluation(
    report: EvalReport, sweep: Sequence[SweepPoint] | None, exposure: Exposure | None, recorded: bool = True
) -> Payload:
    """All that the tab draws and exports. `exposure`: how often training told the fact of a question, None if unknown.

    `recorded`: whether the report came with the model, or was made from the page. A sweep that asks the sets of the
    report was not made to choose by.
    """
    if not report.results:
        return no_evaluation()
    splits = list(dict.fromkeys(result.split for result in report.results))
    return {
        "state": "done",
        "made": ranking.made(report, recorded),
        "left_out": [line for s, ids in report.extras.get("left_out", {}).items() for line in left_out_lines(ids, s)],
        "splits": [{"name": s, "n": next(r.n for r in report.results if r.split == s)} for s in splits],
        "wins": {s: winner(report, s) for s in splits},
        "methods": _methods(report, splits),
        "budget": {s: _budget(report, s) for s in splits if report.budget_curve.get(s)},
        "sweep": None if sweep is None else _sweep(sweep, splits),
        "threshold": report.extras.get("threshold"),
        "branches": [b for split in splits for b in _branches(report, split)],
        "exposure": None if exposure is None else _exposures(report, splits, exposure),
    }


# -- 1: AUROC by method ------------------------------------------------------------------------------


def _methods(report: EvalReport, splits: Sequence[str]) -> list[Payload]:
    by_key = {(result.method, result.split): result for result in report.results}
    names = dict.fromkeys(result.method for result in report.results)
    recorded = {split: rankings(report.rows, split) for split in splits}
    return [
        {
            "name": m,
            "about": ABOUT.get(m, ""),
            "cells": [_cell(by_key[m, s], recorded[s].get(m)) for s in splits if (m, s) in by_key],
        }
        for m in sorted(names, key=lambda m: list(ABOUT).index(m) if m in ABOUT else len(ABOUT))
    ]


def _cell(result: MethodResult, recorded: Ranking | None) -> Payload:
    """One method's numbers on one split; `recorded`: its confidence in each question, where that is known."""
    low, high = result.auroc_interval or (None, None)
    found = recorded and bootstrap_intervals(recorded.confidence, recorded.right, _DRAWS)
    constant = recorded and ranking.constant(recorded.confidence)
    return {
        "constant": constant,
        "accuracy_interval": wilson(result.accuracy, result.n),
        "ece_interval": found and found.ece,
        "risk_interval": found and found.risk_coverage_area,
        "split": result.split,
        "n": result.n,
        "n_unscored": result.n_unscored,
        "auroc": result.auroc,
        "low": low,
        "high": high,
        "why": undefined(result),
        "accuracy": result.accuracy,
        "ece": result.ece,
        "auprc": result.auprc,
        "brier": result.brier,
        "risk": result.risk_coverage_area,
    }


def undefined(result: MethodResult) -> str:
    """Why there is no AUROC, in words; empty when there is one."""
    if result.auroc is not None:
        return ""
    scored = sum(count for _, _, count in result.reliability)
    if scored == 0:
        return "none: no number was given"
    n_right = round(sum(share * count for _, share, count in result.reliability))
    if n_right in (0, scored):
        return f"undefined: only {'right' if n_right else 'wrong'} answers, nothing to tell apart"
    return "none"


# -- 2: AUROC by distillation threshold --------------------------------------------------------------


def _sweep(points: Sequence[SweepPoint], reported: Sequence[str]) -> Payload:
    """`kept` per threshold, and per split and method one value per threshold (None where nothing was kept)."""
    keys = dict.fromkeys((r.split, r.method) for point in points for r in point.results)
    curves: dict[str, list[Payload]] = {}
    for split, method in keys:
        found = [next((r for r in p.results if (r.split, r.method) == (split, method)), None) for p in points]
        intervals = [(r and r.auroc_interval) or (None, None) for r in found]
        curves.setdefault(split, []).append(
            {
                "name": method,
                "n": max(r.n for r in found if r),
                "values": [r and r.auroc for r in found],
                "low": [low for low, _ in intervals],
                "high": [high for _, high in intervals],
            }
        )
    return {
        "for_choosing": not any(split in curves for split in reported),
        "thresholds": [point.threshold for point in points],
        "kept": [point.kept["right"] + point.kept["wrong"] for point in points],
        "curves": curves,
    }


# -- 3: accuracy by retrieval budget -----------------------------------------------------------------


def _budget(report: EvalReport, split: str) -> Payload:
    n = len(judged(report.rows, split))
    curves = []
    for name, accuracy in _accuracies(report, split).items():
        values = [min(1.0, max(0.0, share)) for share in accuracy]  # sums of ties may pass 1 by a rounding
        intervals = [wilson(share, n) for share in values]
        low, high = ([pair[i] for pair in intervals] for i in (0, 1))
        curves.append({"name": name, "values": values, "low": low, "high": high})
    return {"n": n, "budgets": next(iter(report.budget_curve[split].values()))["budgets"], "curves": curves}


def _accuracies(report: EvalReport, split: str) -> dict[str, Sequence[float]]:
    """By who picks what is looked up, the recorded shares; and from the rows those of the answer's probability."""
    found = {name: curve["accuracy"] for name, curve in report.budget_curve[split].items()}
    picker = rankings(report.rows, split).get(PROBABILITY)
    if picker is None:
        return found
    first, second = ([row[source]["right"] for row in judged(report.rows, split)] for source in ("uait", "read"))
    budgets = next(iter(report.budget_curve[split].values()))["budgets"]
    return {**found, PROBABILITY: budget_curve(picker.confidence, first, second, budgets)}


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of `n` >= 1 questions. Source: Wilson 1927."""
    centre, spread = share + _Z**2 / (2 * n), _Z * (share * (1 - share) / n + (_Z / (2 * n)) ** 2) ** 0.5
    low, high = ((centre + side * spread) / (1 + _Z**2 / n) for side in (-1, 1))
    return max(0.0, min(low, share)), min(1.0, max(high, share))


# -- 4: what to do below the threshold ---------------------------------------------------------------


def _branches(report: EvalReport, split: str) -> list[Payload]:
    """A row per branch; none in a report that names no threshold."""
    threshold = report.extras.get("threshold")
    found = () if threshold is None else branches(report.rows, split, threshold, EvaluateSettings())
    return [{**asdict(branch), "title": BRANCH_TITLES[branch.name]} for branch in found]


# -- 5: confidence by exposure -----------------------------------------------------------------------


def _exposures(report: EvalReport, splits: Sequence[str], exposure: Exposure) -> dict[str, list[Payload]]:
    """Per split, per range of exposure that has questions: n, share right, mean spoken and expected confidence."""
    found: dict[str, list[Payload]] = {}
    for split in splits:
        rows = [(exposure(row["question"]), row["uait"]) for row in report.rows if row["split"] == split]
        known = [(seen, said) for seen, said in rows if seen is not None and said["right"] is not None]
        bins = [_bin(i, [said for seen, said in known if _range(seen) == i]) for i in range(len(EXPOSURES))]
        if known:
            found[split] = [b for b in bins if b["n"]]
    return found


def _range(seen: int) -> int:
    return sum(seen >= low for low in EXPOSURES) - 1


def _bin(i: int, said: Sequence[Payload]) -> Payload:
    right, n = [s["right"] for s in said], len(said)
    values = {"spoken": SPOKEN, "expected": EXPECTED}
    means = {key: _mean([s["confidences"].get(method) for s in said]) for key, method in values.items()}
    share = float(np.mean(right)) if right else 0.0
    low, high = wilson(share, n) if n else (0.0, 0.0)
    return {"label": _label(i), "n": n, "right": {"value": share, "low": low, "high": high, "n": n}, **means}


def _label(i: int) -> str:
    low = EXPOSURES[i]
    if i == len(EXPOSURES) - 1:
        return f">{low - 1}"
    high = EXPOSURES[i + 1] - 1
    return str(low) if low == high else f"{low}–{high}"


def _mean(confidences: Sequence[float | None]) -> Payload | None:
    """The mean of the numbers that were given, its interval (None for one alone) and how many there are."""
    given = np.array([c for c in confidences if c is not None])
    if not len(given):
        return None
    mean, n = float(given.mean()), len(given)
    half = _Z * float(given.std(ddof=1)) / n**0.5 if n > 1 else None
    low, high = (None, None) if half is None else (max(0.0, mean - half), min(1.0, mean + half))
    return {"value": mean, "low": low, "high": high, "n": n}
