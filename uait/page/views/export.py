"""The Evaluate tab's data -> the files a visitor takes away: one CSV with every number, one Markdown report.

In: the data of `present_evaluate`, as drawn. Out: text.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any

Payload = dict[str, Any]

COLUMNS = ("result", "split", "method", "at", "value", "low", "high", "n")
TABLE, SWEEP, BUDGET, EXPOSURE = (
    "AUROC", "AUROC by distillation threshold", "accuracy by retrieval budget", "by times seen in training",
)  # fmt: skip


def csv_text(shown: Payload) -> str:
    """Every number on the tab, a row each; what is undefined is an empty field."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(shown))
    return file.getvalue()


def _rows(shown: Payload) -> Iterator[tuple[Any, ...]]:
    for method in shown["methods"]:
        for c in method["cells"]:
            where = c["split"], method["name"], ""
            yield TABLE, *where, c["auroc"], c["low"], c["high"], c["n"] - c["n_unscored"]
            yield "accuracy", *where, c["accuracy"], None, None, c["n"]
            yield "ECE", *where, c["ece"], None, None, c["n"] - c["n_unscored"]
    if shown["sweep"]:
        for split, curves in shown["sweep"]["curves"].items():
            for curve in curves:
                for at, *values in zip(shown["sweep"]["thresholds"], *_values(curve), strict=True):
                    yield SWEEP, split, curve["name"], "none" if at is None else at, *values, curve["n"]
    for split, budget in shown["budget"].items():
        for curve in budget["curves"]:
            for at, *values in zip(budget["budgets"], *_values(curve), strict=True):
                yield BUDGET, split, curve["name"], at, *values, budget["n"]
    for split, bins in (shown["exposure"] or {}).items():
        for b in bins:
            for key, name in (("right", "share right"), ("spoken", "UaIT spoken"), ("expected", "UaIT expected")):
                if b[key]:
                    yield EXPOSURE, split, name, b["label"], b[key]["value"], b[key]["low"], b[key]["high"], b[key]["n"]


def _values(curve: Payload) -> tuple[list[Any], list[Any], list[Any]]:
    return curve["values"], curve["low"], curve["high"]


def markdown(shown: Payload) -> str:
    """The same as a report to read: a table per result, each with its n and intervals."""
    parts = ["# How well the confidence tells right from wrong", shown["made"]]
    parts += ["## AUROC by method", _methods(shown)]
    if shown["sweep"]:
        parts.append("## AUROC by distillation threshold (UaIT, Fig. 2)")
        parts += [_sweep(shown["sweep"], split, curves) for split, curves in shown["sweep"]["curves"].items()]
    if shown["budget"]:
        parts.append("## Accuracy by retrieval budget (UaIT, Fig. 3)")
        parts += [_budget(split, budget) for split, budget in shown["budget"].items()]
    if shown["exposure"]:
        parts.append("## Confidence by how often training told the fact")
        parts += [_exposure(split, bins) for split, bins in shown["exposure"].items()]
    parts.append("In brackets: 95 % intervals. AUROC: 0.5 is chance, 1 is perfect.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _methods(shown: Payload) -> str:
    names = [split["name"] for split in shown["splits"]]
    heads = [head for s in shown["splits"] for head in (f"AUROC {s['name']} (n = {s['n']})", "ECE", "right")]
    rows = []
    for method in shown["methods"]:
        by_split = {cell["split"]: cell for cell in method["cells"]}
        rows.append([method["name"], *(text for name in names for text in _cell(by_split.get(name)))])
    return _table(["method", *heads], rows)


def _cell(cell: Payload | None) -> tuple[str, str, str]:
    if cell is None:
        return "", "", ""
    auroc = _with_interval(cell["auroc"], cell["low"], cell["high"]) if cell["auroc"] is not None else cell["why"]
    return auroc, "none" if cell["ece"] is None else f"{cell['ece']:.2f}", f"{100 * cell['accuracy']:.1f} %"


def _sweep(sweep: Payload, split: str, curves: list[Payload]) -> str:
    heads = ["threshold", "labels kept", *(f"{curve['name']} (n = {curve['n']})" for curve in curves)]
    rows = []
    for i, (threshold, kept) in enumerate(zip(sweep["thresholds"], sweep["kept"], strict=True)):
        values = [_with_interval(*(column[i] for column in _values(curve))) for curve in curves]
        rows.append(["none" if threshold is None else f"{threshold:g}", str(kept), *values])
    return f"{split}:\n\n" + _table(heads, rows)


def _budget(split: str, budget: Payload) -> str:
    rows = []
    for curve in budget["curves"]:
        rows.append([curve["name"], *(_percents(*values) for values in zip(*_values(curve), strict=True))])
    heads = ["looked up", *(f"{100 * share:.0f} %" for share in budget["budgets"])]
    return f"{split}, n = {budget['n']}:\n\n" + _table(heads, rows)


def _exposure(split: str, bins: list[Payload]) -> str:
    rows = []
    for b in bins:
        values = [b[key] for key in ("right", "spoken", "expected")]
        texts = [_percents(v["value"], v["low"], v["high"]) if v else "none" for v in values]
        rows.append([b["label"], str(b["n"]), *texts])
    return f"{split}:\n\n" + _table(["times told", "n", "right", "UaIT spoken", "UaIT expected"], rows)


def _with_interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} ({low:.2f}-{high:.2f})"


def _percents(value: float, low: float | None, high: float | None) -> str:
    text = f"{100 * value:.1f} %"
    return text if low is None or high is None else f"{text} ({100 * low:.1f}-{100 * high:.1f})"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
