"""Cases that Python answers and the page's scripts must answer alike: python -m tests.shared_cases writes them anew.

What is counted while a line is dragged, and how numbers are rounded, exists in Python and in assets/page/numbers.js and
dom.js; tests/shared_cases.json holds questions with Python's answers, and a browser test asks the scripts.
"""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from uait.method.distillation import RIGHT_BUT_UNSURE, WRONG_BUT_SURE, distil
from uait.method.gate import decide
from uait.page.views.answer import percent, seconds
from uait.page.views.labels import distilling
from uait.records import Action, Label, Question
from uait.settings import DistilSettings

PATH = Path(__file__).with_suffix(".json")
_HALVES = [0.1225, 0.0625, 0.9995, 0.99949, 0.00049, 0.0005, 0.12249999, 1 / 3, 2 / 3, 0.5, 0.0, 1.0]
_SECONDS = [0.004, 0.045, 0.094, 0.095, 0.25, 0.35, 9.94, 9.95, 12.5, 60.0]
_SETTINGS = DistilSettings(dev_fraction=0.25)

Case = dict[str, Any]
Row = tuple[float | None, bool | None]


def cases() -> Case:
    """Every question with Python's answer."""
    rng = random.Random(7)
    rows: list[Row] = [(round(rng.random(), 2), rng.random() < 0.6) for _ in range(60)]
    rows += [(None, True), (None, False), (0.5, None), (1.0, True), (0.0, False)]
    judged = [row for row in rows if row[1] is not None]
    labels = [_label(i, rng.randint(0, 20) / 20, rng.random() < 0.6) for i in range(50)]
    numbers = [*_HALVES, *(round(rng.random(), 4) for _ in range(200))]
    return {
        "percent": [[v, percent(v)] for v in numbers],
        "seconds": [[v, seconds(v)] for v in _SECONDS],
        "trusted": [[c, t, _is_trusted(c, t)] for c in (None, 0.0, 0.7, 0.70001, 1.0) for t in (0.0, 0.7, 1.0)],
        "rows": [{"c": c, "isRight": right} for c, right in rows],
        "counts": [{"threshold": t, "expected": counts(rows, t)} for t in (0.0, 0.25, 0.5, 0.500001, 0.99, 1.0)],
        "cheapest": [{"nSearches": n, "expected": cheapest(judged, n)} for n in (1, 2, 5, 30)],
        "points": distilling(labels, _SETTINGS)["points"],
        "distilled": [_distilled(labels, right, wrong) for right, wrong in ((0.5, 0.5), (0.0, 1.0), (0.31, 0.72))],
    }


def _is_trusted(confidence: float | None, threshold: float) -> bool:
    return decide(confidence, threshold).action is Action.ANSWER


def counts(rows: list[Row], threshold: float) -> dict[str, int]:
    """What becomes of each question at this threshold, as the lab names it."""
    trusted = [(_is_trusted(c, threshold), right) for c, right in rows]
    return {
        "answeredRight": trusted.count((True, True)),
        "answeredWrong": trusted.count((True, False)),
        "searchedRight": trusted.count((False, True)),
        "searchedWrong": trusted.count((False, False)),
        "answered": sum(is_trusted for is_trusted, _ in trusted),
        "unjudged": sum(right is None for _, right in trusted),
        "n": len(trusted),
    }


def cheapest(rows: list[Row], n_searches: int) -> int:
    """The least that searches and wrong answers cost at any threshold; a wrong answer costs `n_searches`."""
    found = [counts(rows, i / 1000) for i in range(1001)]  # the confidences are whole percents
    return min(one["n"] - one["answered"] + n_searches * one["answeredWrong"] for one in found)


def _label(i: int, confidence: float, is_right: bool) -> Label:
    question = Question(f"q{i}", f"What is fact number {i}?", (f"Answer {i}",))
    return Label(question, f"Answer {i}" if is_right else "Nothing", confidence, confidence, -1.0, is_right)


def _distilled(labels: list[Label], right: float, wrong: float) -> Case:
    chosen = replace(_SETTINGS, keep_right_from=right, keep_wrong_below=None if wrong >= 1 else wrong)
    found = distil(labels, chosen)
    quadrants = {"knows": found.kept["right"], "lucky": found.dropped.get(RIGHT_BUT_UNSURE, 0)}
    quadrants |= {"doubts": found.kept["wrong"], "mistaken": found.dropped.get(WRONG_BUT_SURE, 0)}
    return {"right": right, "wrong": wrong, "quadrants": quadrants, "bits": round(found.entropy_bits, 9)}


if __name__ == "__main__":
    PATH.write_text(json.dumps(cases(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
