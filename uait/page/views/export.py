"""The numbers of an evaluation -> one CSV with every one of them. In: the data of `views.evaluate`. Out: text."""

import csv
import io
from collections.abc import Iterator
from typing import Any

Payload = dict[str, Any]

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = ("result", "split", "method", "at", "value", "low", "high", "n")
TABLE, SWEEP, BUDGET, EXPOSURE, BRANCH = (
    "AUROC", "AUROC by distillation threshold", "accuracy by retrieval budget", "by times seen in training",
    "below the threshold",
)  # fmt: skip
MEASURES = {"ECE": "ece", "AUPRC": "auprc", "Brier": "brier", "risk and coverage": "risk"}


def csv_text(shown: Payload) -> str:
    """Every number on the tab, a row each; what is undefined is an empty field."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(_harmless, _rows(shown)))
    return file.getvalue()


def _harmless(row: tuple[Any, ...]) -> list[Any]:
    """The row with an apostrophe before every text that a spreadsheet would take for a formula."""
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULAS) else cell for cell in row]


def _rows(shown: Payload) -> Iterator[tuple[Any, ...]]:
    for method in shown["methods"]:
        for c in method["cells"]:
            where = c["split"], method["name"], ""
            yield TABLE, *where, c["auroc"], c["low"], c["high"], c["n"] - c["n_unscored"]
            yield "accuracy", *where, c["accuracy"], *c["accuracy_interval"], c["n"]
            for name, key in MEASURES.items():
                yield name, *where, c[key], *(c.get(f"{key}_interval") or (None, None)), c["n"] - c["n_unscored"]
    if shown["sweep"]:
        for split, curves in shown["sweep"]["curves"].items():
            for curve in curves:
                for at, *values in zip(shown["sweep"]["thresholds"], *_values(curve), strict=True):
                    yield SWEEP, split, curve["name"], "none" if at is None else at, *values, curve["n"]
    for split, budget in shown["budget"].items():
        for curve in budget["curves"]:
            for at, *values in zip(budget["budgets"], *_values(curve), strict=True):
                yield BUDGET, split, curve["name"], at, *values, budget["n"]
    for b in shown["branches"]:
        for key, name in (("answered", "answered"), ("accuracy", "right of these"), ("right", "right of all")):
            yield BRANCH, b["split"], b["title"], name, *(b[key] or ("", "", "")), b["n"]
    for split, bins in (shown["exposure"] or {}).items():
        for b in bins:
            for key, name in (("right", "share right"), ("spoken", "UaIT spoken"), ("expected", "UaIT expected")):
                if b[key]:
                    yield EXPOSURE, split, name, b["label"], b[key]["value"], b[key]["low"], b[key]["high"], b[key]["n"]


def _values(curve: Payload) -> tuple[list[Any], list[Any], list[Any]]:
    return curve["values"], curve["low"], curve["high"]
