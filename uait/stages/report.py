"""What an evaluation comes to: a row per question in, an EvalReport out, and the report as Markdown.

Every method is judged on the answers it gives itself: the samples' methods and P(True) on the base model's greedy
answer, verbalized and UaIT on their own.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

import numpy as np

from uait import __version__
from uait.data.plain import as_markdown, left_out_lines
from uait.method.answers import EXPECTED, HEARD, SPOKEN, title_of
from uait.method.branches import BRANCH_TITLES, ESCALATE, NO_STRONGER, branches
from uait.method.metrics import budget_curve, method_result, oracle_confidence, share_of_oracle_gain, threshold_sweep
from uait.method.paired import Ranking, auroc_difference
from uait.records import Branch, EvalReport, MethodResult, Provenance
from uait.records.errors import DataError
from uait.settings import EvaluateSettings, to_dict
from uait.stages.engines import Engines

IN_DOMAIN, OUT_OF_DOMAIN, OUT_OF_WORLD = "in-domain", "out-of-domain", "out-of-world"
BUDGETS = (0.0, 0.25, 0.5, 0.75, 1.0)
SWEEP = tuple(round(0.05 * i, 2) for i in range(1, 20))
VERBALIZED, P_TRUE, SAR, PROBABILITY = "verbalized", "P(True)", "SAR", "answer probability"
RESULTS_START, RESULTS_END = "<!-- results -->", "<!-- /results -->"

_BRANCH_HEADS = ("questions", "answered", "right of these", "right of all", "passed on", "each took")

Row = dict[str, Any]


def build_report(engines: Engines, rows: Sequence[Row], left_out: Row | None = None) -> EvalReport:
    """The report of these rows: metrics per method and split, threshold sweep, budget curve, what reading brought.

    `left_out`: per split, the ids of the questions that could not be asked, by reason.
    """
    if not rows:
        raise DataError("There is nothing to evaluate: no split holds a question.")
    splits = [s for s in dict.fromkeys(row["split"] for row in rows) if any(_judged(rows, s))]
    results = [result for split in splits for result in _results(engines, _judged(rows, split), split)]
    sweep = {s: _sweep(_judged(rows, s)) for s in splits}
    budget = {s: _budget(_judged(rows, s)) for s in splits}
    settings = engines.settings
    return EvalReport(
        results=tuple(results),
        threshold_sweep=sweep,
        budget_curve=budget,
        extras={
            "threshold": engines.threshold,
            "reading": _reading(rows),
            "below_threshold": _below(engines, rows),
            "differences": {s: differences(engines.settings.evaluate, _judged(rows, s)) for s in splits},
            **({"left_out": left_out} if left_out else {}),
        },
        rows=tuple(rows),
        provenance=Provenance(
            engines.lm.model_id, engines.lm.adapter_id, to_dict(settings), settings.sampling.seed, __version__,
            datetime.now(timezone.utc).isoformat(timespec="seconds"),
        ),
    )  # fmt: skip


def _judged(rows: Sequence[Row], split: str) -> list[Row]:
    return [row for row in rows if row["split"] == split and row["uait"]["right"] is not None]


def _results(engines: Engines, rows: Sequence[Row], split: str) -> Iterator[MethodResult]:
    for source in ("base", "verbalized", "uait"):
        right = [row[source]["right"] for row in rows]
        for method in rows[0][source]["confidences"]:
            confidences = [row[source]["confidences"][method] for row in rows]
            yield method_result(method, split, confidences, right, engines.settings.evaluate)


def differences(settings: EvaluateSettings, rows: Sequence[Row]) -> Row:
    """How much better each number that is stated ranks than what is to be had without it, on the same questions."""

    def ranking(source: str, method: str) -> Ranking:
        return Ranking([r[source]["confidences"][method] for r in rows], [r[source]["right"] for r in rows])

    heard = {HEARD: "uait"} if HEARD in rows[0]["uait"]["confidences"] else {}
    others = {SAR: "base", PROBABILITY: "base", **heard}
    return {"n": len(rows)} | {
        f"{one} - {other}": auroc_difference(
            ranking("uait", one), ranking(source, other), settings.n_bootstrap, settings.seed
        )
        for one in (SPOKEN, EXPECTED)
        for other, source in others.items()
    }


def _sweep(rows: Sequence[Row]) -> Row:
    right = [row["uait"]["right"] for row in rows]
    return threshold_sweep([row["uait"]["confidences"][SPOKEN] for row in rows], right, SWEEP)


def _budget(rows: Sequence[Row]) -> Row:
    """Accuracy when each method picks what is looked up, and its share of the oracle's gain at 25 %."""
    first, second = [row["uait"]["right"] for row in rows], [row["read"]["right"] for row in rows]
    pickers: dict[str, list[float | None] | None] = {
        EXPECTED: [row["uait"]["confidences"][EXPECTED] for row in rows],
        SPOKEN: [row["uait"]["confidences"][SPOKEN] for row in rows],
        VERBALIZED: [row["verbalized"]["confidences"][VERBALIZED] for row in rows],
        SAR: [row["base"]["confidences"][SAR] for row in rows],
        "random": None,
        "oracle": list(oracle_confidence(first, second)),
    }
    return {
        name: {
            "budgets": list(BUDGETS),
            "accuracy": budget_curve(picker, first, second, BUDGETS),
            "share_of_oracle_gain": share_of_oracle_gain(picker, first, second),
        }
        for name, picker in pickers.items()
    }


def _reading(rows: Sequence[Row]) -> Row:
    found = [row for row in rows if row["found"] and row["read"]["right"] is not None]
    right = [row["read"]["right"] for row in found]
    judged = [row for row in rows if row["read"]["right"] is not None]
    return {"n_found": len(found), "n": len(judged), "accuracy_when_found": float(np.mean(right)) if right else None}


def _below(engines: Engines, rows: Sequence[Row]) -> Row:
    """Per split, the share of questions whose spoken confidence is missing or below the threshold."""
    shares: Row = {}
    for split in dict.fromkeys(row["split"] for row in rows):
        spoken = [row["uait"]["confidences"][SPOKEN] for row in rows if row["split"] == split]
        shares[split] = {
            "n": len(spoken),
            "share": float(np.mean([c is None or c < engines.threshold for c in spoken])),
        }
    return shares


def markdown_table(report: EvalReport) -> str:
    """The results as Markdown: a row per method, AUROC with its 95 % interval and n per split, ECE and accuracy."""
    splits = list(dict.fromkeys(result.split for result in report.results))
    lines = ["| method | " + " | ".join(f"AUROC {s} | ECE {s} | accuracy {s}" for s in splits) + " |"]
    lines.append("|---" * (1 + 3 * len(splits)) + "|")
    by_key = {(result.method, result.split): result for result in report.results}
    for method in dict.fromkeys(result.method for result in report.results):
        cells = [cell for s in splits for cell in _cells(by_key[method, s])]
        lines.append(f"| {title_of(method)} | " + " | ".join(cells) + " |")
    counts = ", ".join(f"{s}: n = {next(r.n for r in report.results if r.split == s)}" for s in splits)
    lines += ["", f"AUROC with 95 % bootstrap intervals; {counts}."]
    for split, by_reason in report.extras.get("left_out", {}).items():
        lines += map(as_markdown, left_out_lines(by_reason, split))
    return "\n".join(lines)


def branches_markdown(report: EvalReport) -> str:
    """What to do below the threshold as Markdown, a row per branch and split; "" where no row tells."""
    settings, threshold = EvaluateSettings(), report.extras.get("threshold")
    if threshold is None:
        return ""
    splits = dict.fromkeys(result.split for result in report.results)
    found = [branch for split in splits for branch in branches(report.rows, split, threshold, settings)]
    if not found:
        return ""
    lines = ["| below the threshold | " + " | ".join(_BRANCH_HEADS) + " |", "|---" * (1 + len(_BRANCH_HEADS)) + "|"]
    lines += [f"| {BRANCH_TITLES[b.name]} | " + " | ".join(_branch_cells(b)) + " |" for b in found]
    lines += ["", "Passed on: below the threshold, or of a kind of question that the model was never measured on."]
    if not any(branch.name == ESCALATE for branch in found):
        lines.append(NO_STRONGER)
    return "\n".join(lines)


def _branch_cells(b: Branch) -> tuple[str, ...]:
    tried = "" if b.n_tried == b.n_below else f", {b.n_tried} of them tried"
    seconds = "" if b.seconds is None else f"{b.seconds:.2f} s" + ("" if b.cost is None else f", {b.cost:.6f}")
    shares = (_share(b.answered), "none" if b.accuracy is None else _share(b.accuracy), _share(b.right))
    return b.split, *shares, f"{b.n_below} of {b.n}{tried}", seconds


def _share(value: tuple[float, float, float]) -> str:
    share, low, high = (100 * x for x in value)
    return f"{share:.1f} % ({low:.1f}-{high:.1f})"


def _cells(result: MethodResult) -> tuple[str, str, str]:
    if result.auroc is None or result.auroc_interval is None:
        auroc = "undefined"
    else:
        low, high = result.auroc_interval
        auroc = f"{result.auroc:.2f} ({low:.2f}-{high:.2f})"
    ece = "none" if result.ece is None else f"{result.ece:.2f}"
    return auroc, ece, f"{100 * result.accuracy:.1f} %"


def results_markdown(report: EvalReport) -> str:
    """What README shows of a report: the table of methods, then what deciding by the confidence brought."""
    below, reading = report.extras["below_threshold"], report.extras["reading"]
    lines = [markdown_table(report), ""]
    lines.append(f"The gate's threshold, chosen on other questions, is {100 * report.extras['threshold']:.1f} %.")
    for split, share in below.items():
        lines.append(f"- {split}: {100 * share['share']:.0f} % of {share['n']} questions fall below it.")
    lines += ["", branches_markdown(report), ""]
    lines += _difference_lines(report.extras.get("differences", {}))
    for name, found in _variants(report).items():
        lines += _difference_lines(found, f", {name}")
    if reading["accuracy_when_found"] is not None:
        right = f"{100 * reading['accuracy_when_found']:.1f} %"
        lines.append(
            f"- Reading: {right} right when a right passage was found ({reading['n_found']} of {reading['n']})."
        )
    for split, curves in report.budget_curve.items():
        gains = [f"{title_of(name)} {100 * c['accuracy'][1]:.1f} %" for name, c in curves.items()]
        none = curves["random"]["accuracy"][0]
        lines.append(
            f"- {split}, looking up a quarter of the questions: {', '.join(gains)} (none: {100 * none:.1f} %)."
        )
        share = curves[EXPECTED]["share_of_oracle_gain"]
        if share is not None:
            of_gain = f"share of the oracle's gain at a quarter, {title_of(EXPECTED)}"
            lines.append(f"- {split}, {of_gain}: {100 * share:.0f} %.")
    return "\n".join(lines)


def _variants(report: EvalReport) -> dict[str, Row]:
    """What other adapters of the same recipe came to, where they were asked too: other seeds, and controls."""
    own = report.extras.get("differences")
    seeds = {f"seed {seed}": found for seed, found in report.extras.get("seeds", {}).items() if found != own}
    others = {"self-trained": "without being told what is right", "shuffled": "told right and wrong at random"}
    return seeds | {title: report.extras[name] for name, title in others.items() if name in report.extras}


def _difference_lines(differences: Row, of: str = "") -> Iterator[str]:
    """One line per split: what the stated number gains in AUROC, with the paired interval; `of` says by whom."""
    for split, found in differences.items():
        gains = [
            f"{other} {difference:+.3f} ({low:+.3f} to {high:+.3f})"
            for other in (SAR, PROBABILITY, HEARD)
            if (values := found.get(f"{SPOKEN} - {other}")) is not None
            for difference, low, high in [values]
        ]
        if gains:
            whose = f"AUROC of {title_of(SPOKEN)}{of} minus that of"
            yield f"- {split}, {whose}, paired, n = {found['n']}: {', '.join(gains)}."


def with_results(readme: str, report: EvalReport) -> str:
    """The README's text with this report's results between its markers. Raises DataError when it has none."""
    head, opening, rest = readme.partition(RESULTS_START)
    _, closing, tail = rest.partition(RESULTS_END)
    if not opening or not closing:
        raise DataError(f"README.md has no {RESULTS_START} ... {RESULTS_END} block; restore the two markers.")
    return f"{head}{opening}\n{results_markdown(report)}\n{closing}{tail}"
