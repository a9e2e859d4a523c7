"""Which confidence ranks best, and by how much: an evaluation's rows -> sentences, each with its paired interval.

Knows nothing of Gradio.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from uait.method.answers import SPOKEN, VERBALIZED, title_of
from uait.method.metrics import auroc
from uait.method.paired import Ranking, auroc_difference
from uait.page.views.answer import percent
from uait.records import EvalReport
from uait.settings import EvaluateSettings

PROBABILITY = "answer probability"
SOURCES = ("base", "verbalized", "uait")


def judged(rows: Sequence[Mapping[str, Any]], split: str) -> list[Mapping[str, Any]]:
    """The questions of a split whose answer is known to be right or wrong."""
    return [row for row in rows if row["split"] == split and row["uait"]["right"] is not None]


def rankings(rows: Sequence[Mapping[str, Any]], split: str) -> dict[str, Ranking]:
    """Per method its confidences on the judged questions of a split, where every one of them was recorded."""
    known = judged(rows, split)
    found: dict[str, Ranking] = {}
    for source in SOURCES if known else ():
        said = [row[source] for row in known if source in row]
        for method in said[0]["confidences"] if len(said) == len(known) else ():
            if all(method in one["confidences"] for one in said):
                found[method] = Ranking([one["confidences"][method] for one in said], [one["right"] for one in said])
    return found


def winner(report: EvalReport, split: str) -> list[str]:
    """Who ranks best and by how much before the next; and how what the gate goes by compares with probability.

    A question without a number ranks last. Empty where fewer than two methods can be ranked.
    """
    found = rankings(report.rows, split)
    areas = {method: area for method, one in found.items() if (area := auroc(*one.arrays())) is not None}
    if len(areas) < 2:
        return []
    best, second = sorted(areas, key=areas.__getitem__, reverse=True)[:2]
    lines = [_line(split, found, best, second)]
    if {SPOKEN, PROBABILITY} <= set(areas) and {best, second} != {SPOKEN, PROBABILITY}:
        pair = sorted((SPOKEN, PROBABILITY), key=areas.__getitem__, reverse=True)
        lines.append(_line(split, found, *pair, is_best=False))
    return lines


def _line(split: str, found: Mapping[str, Ranking], one: str, other: str, is_best: bool = True) -> str:
    settings = EvaluateSettings()
    measured = auroc_difference(found[one], found[other], settings.n_bootstrap, settings.seed)
    if measured is None:
        return ""
    difference, low, high = (f"{value:.3f}" for value in measured)
    first = f"“{title_of(one)}” ranks best, its AUROC" if is_best else f"the AUROC of “{title_of(one)}” is"
    by = f"{difference} above that of “{title_of(other)}”"
    undecided = "" if measured[1] > 0.0 else " These questions can’t tell the two apart."
    return f"{split}: {first} {by} ({low} to {high}, paired, n\u00a0=\u00a0{len(found[one].right)}).{undecided}"


def elsewhere(title: str, report: EvalReport) -> str:
    """What another model made of being asked for a confidence in words; empty where it was not asked."""
    found = [result for result in report.results if result.method == VERBALIZED]
    n, name = sum(result.n for result in found), title.partition(":")[0]
    if not found:
        return ""
    if sum(result.n_unscored for result in found) == n:
        return f"{name}, asked the same, said no number in any of {n} questions."
    said = [row[VERBALIZED]["confidences"].get(VERBALIZED) for row in report.rows if VERBALIZED in row]
    value = constant(said)
    if value is not None:
        return f"{name}, asked the same, {always(value)}."
    areas = [f"{result.auroc:.2f} ({result.split})" for result in found if result.auroc is not None]
    return f"{name}, asked the same: AUROC {', '.join(areas) or 'undefined'}."


def made(report: EvalReport, is_recorded: bool = True) -> str:
    """Where an evaluation is from, whose numbers it is about, and from which one on that adapter is trusted."""
    origin, threshold = report.provenance, report.extras.get("threshold")
    if origin is None:
        return ""
    how, name = "Recorded" if is_recorded else "Measured from this page", origin.adapter_name
    whose = (
        " with the adapter it came with" if name == f"{origin.model_id}/adapter" else f" with {name}" if name else ""
    )
    trusted = "" if threshold is None else f" It is trusted from {percent(threshold)} on."
    return f"{how} {origin.time[:10]} on {origin.model_id}{whose}.{trusted}"


def constant(confidences: Sequence[float | None]) -> float | None:
    """The one confidence that a method gave whatever was asked, or None."""
    given = [c for c in confidences if c is not None]
    return given[0] if len(given) > 1 and len(set(given)) == 1 else None


def always(value: float) -> str:
    """Says so."""
    return f"says {percent(value)} whatever is asked"
