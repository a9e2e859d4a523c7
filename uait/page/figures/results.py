"""An evaluation as the Evaluate tab shows it: four results with figures, how to read them, and tables; and as files.

In: the numbers of `views.evaluate`. Out: sections of figures, which the page draws and the report lists.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from plotly.offline import get_plotlyjs

from uait.data.plain import as_markdown
from uait.method.answers import EXPECTED, title_of
from uait.method.branches import ESCALATE, NO_STRONGER
from uait.page.figures import evaluation as draw
from uait.page.figures import parts
from uait.page.figures.style import Cell, Figure, Payload, Table, between, two
from uait.page.views.answer import percent
from uait.page.views.export import csv_text
from uait.page.views.ranking import always as says_always

PLOTLY_MARK = "<!-- plotly -->"
_NOTHING = "No evaluation is recorded for this model and adapter. Press Run again above; the results then show here."
_ABOUT_AUROC = (
    "Pick one right and one wrong answer at random: how often does the right one have the higher number? That share is "
    "the AUROC. On the dashed line, 0.5, the number is worth no more than a coin; at 1 it is never wrong. Each bar is "
    "a 95 % interval from drawing the questions again and again (bootstrap): where two bars overlap widely, these "
    "questions can’t say who is better."
)
_ABOUT_TABLE = (
    "ECE says by how much the number is off on average, 0 being best. Every method is judged on the answers it gave "
    "itself, so their shares of right answers differ a little. In brackets: 95 % intervals, Wilson’s for shares, else "
    "bootstrap; that of ECE leans upwards, for drawing again adds noise."
)
_ABOUT_MORE = (
    "AUPRC is the area under precision and recall, 1 being best and the share of right answers what a coin reaches. "
    "Brier is the mean square of number minus outcome, 0 being best. Risk and coverage is the area under the share of "
    "wrong answers, from the surest answer alone to all of them: 0 is best."
)
_ABOUT_SWEEP = (
    "How strictly the labels are sorted before the model is tuned on them: right answers stay from the threshold on, "
    "wrong ones below it; “none” keeps all. One adapter was tuned per threshold and asked the questions named above "
    "the figure"
)
_FOR_CHOOSING = ", which are used for choosing and not for reporting"
_ABOUT_BARS = (
    ". Look for the top, and at the 95 % bars "
    "(bootstrap): thresholds whose bars overlap do equally well as far as this many questions can tell."
)
_NO_SWEEP = "Not measured for this model: it takes a tuning for each threshold."
_ABOUT_BUDGET = (
    "Look up only the questions a method is least sure of: the share looked up runs from left to right, the share of "
    "right answers after it upwards. The sooner a line climbs, the better its method knows where help is needed. "
    "“random” looks up blindly; the “oracle” knows which look-ups help, so nobody can do better. The bars are 95 % "
    f"intervals (Wilson), drawn for “{title_of(EXPECTED)}” only; the table has them all."
)
_ABOUT_BRANCHES = (
    "From it on the first answer is given. For what falls below, or is of a kind that it was never measured on, "
    "answering anyway, looking it up, asking another model and leaving it open are compared: how many questions get an "
    "answer in the end, how many of these answers are right, and how many of all questions. Where another model was "
    "tried on some of the questions below the threshold, these stand for all of them. In brackets: 95 % intervals "
    "(bootstrap)."
)
_ABOUT_EXPOSURE = (
    "Only for a model whose every training text is known: the questions, sorted by how often training told their fact. "
    "Bars: how many are answered right; lines: how sure the model says it is. A model that knows what it knows has "
    "lines that climb with the bars, and stay low on the left, where it was told nothing. The thin upright lines are "
    "95 % intervals (Wilson’s for shares, the normal one for means); n stands under each bar."
)


@dataclass(frozen=True, slots=True)
class Section:
    """One result: figures, a sentence on how to read them, its tables; `folded` ones are opened by who wants them."""

    title: str
    figures: tuple[Figure, ...]
    caption: str
    caveats: tuple[str, ...] = ()
    table: tuple[str, Table] | None = None
    note: str = ""
    folded: tuple[str, Table, str] | None = None
    lead: tuple[str, ...] = ()


def page(shown: Payload) -> Payload:
    """What the tab draws, with its files; the state alone where there is no evaluation."""
    if shown["state"] != "done":
        return {"kind": "evaluate", "state": shown["state"], "parts": parts.text("", _NOTHING)}
    files = [
        {"label": "Numbers as CSV", "name": "evaluation.csv", "text": "\ufeff" + csv_text(shown), "type": "text/csv"},
        {"label": "Report as Markdown", "name": "evaluation.md", "text": markdown(shown), "type": "text/markdown"},
        {"label": "Figures as HTML", "name": "evaluation.html", "text": html(shown), "type": "text/html"},
    ]
    head = {"files": files, "about": shown["made"]}
    left_out = [part for line in shown["left_out"] for part in parts.text("caveat", line)]
    return {"kind": "evaluate", "state": "done", "parts": [head, *left_out, *map(_part, sections(shown))]}


def _part(one: Section) -> Payload:
    tables = [parts.table(*one.table)] if one.table else []
    caveats = [part for line in one.caveats for part in parts.text("caveat", line)]
    about = [*parts.text("small", one.caption), *caveats]
    rest = [*tables, *parts.text("small", one.note)]
    if one.folded:
        label, table, note = one.folded
        rest.append(parts.folded(label, parts.table(label, table), *parts.text("small", note)))
    lead = [part for line in one.lead for part in parts.text("lead", line)]
    return parts.section(one.title, *lead, *parts.figures(one.figures), *about, *rest)


def sections(shown: Payload) -> list[Section]:
    """The results that this evaluation has."""
    found = [_methods(shown), _sweep(shown["sweep"])]
    if shown["budget"]:
        figures = tuple(draw.accuracy_by_budget(b, split) for split, b in shown["budget"].items())
        found.append(Section("3. What is it worth when looking things up?", figures, _ABOUT_BUDGET))
    if shown["branches"]:
        found.append(_branches(shown["branches"], shown["threshold"]))
    if shown["exposure"]:
        figures = tuple(draw.confidence_by_exposure(bins, split) for split, bins in shown["exposure"].items())
        found.append(Section("5. Is it surer of what it was told more often?", figures, _ABOUT_EXPOSURE))
    return found


def _branches(found: Sequence[Payload], threshold: float) -> Section:
    heads = ("below the threshold", "questions", "answered", "right of these", "right of all", "passed on", "each took")
    rows = [
        (b["title"], b["split"], *(_share(b[key]) for key in ("answered", "accuracy", "right")), _passed(b), _took(b))
        for b in found
    ]
    note = "" if any(b["name"] == ESCALATE for b in found) else NO_STRONGER
    caption = f"The threshold is {percent(threshold)}. {_ABOUT_BRANCHES}"
    table = ("What to do below the threshold", Table(heads, tuple(rows)))
    return Section("4. What should it do below the threshold?", (), caption, table=table, note=note)


def _share(value: tuple[float, float, float] | None) -> str:
    return "none" if value is None else percent(value[0]) + between(value[1], value[2], percent)


def _passed(b: Payload) -> str:
    tried = "" if b["n_tried"] == b["n_below"] else f", {b['n_tried']} of them tried"
    return f"{b['n_below']} of {b['n']}{tried}"


def _took(b: Payload) -> str:
    if b["seconds"] is None:
        return ""
    return f"{two(b['seconds'])}\u00a0s" + ("" if b["cost"] is None else f", costing {b['cost']:.6f}")


def _sweep(sweep: Payload | None) -> Section:
    title = "2. Does it matter which labels teach?"
    if sweep is None:
        return Section(title, (), _NO_SWEEP)
    about = _ABOUT_SWEEP + (_FOR_CHOOSING if sweep["for_choosing"] else "") + _ABOUT_BARS
    return Section(title, tuple(draw.auroc_by_threshold(sweep, split) for split in sweep["curves"]), about)


def _methods(shown: Payload) -> Section:
    methods, splits = shown["methods"], shown["splits"]
    return Section(
        "1. Which confidence tells right from wrong?",
        tuple(draw.auroc_by_method(methods, s["name"], s["n"]) for s in splits),
        _ABOUT_AUROC,
        tuple(shown.get("caveats", ())),
        ("AUROC by method", _table(methods, splits, ("AUROC", "off by (ECE)", "right"), _main)),
        _ABOUT_TABLE,
        ("More measures", _table(methods, splits, ("AUPRC", "Brier", "risk and coverage"), _more), _ABOUT_MORE),
        tuple(line for lines in shown["wins"].values() for line in lines),
    )


def _table(
    methods: Sequence[Payload],
    splits: Sequence[Payload],
    names: tuple[str, ...],
    cells: Callable[[Payload], list[Cell]],
) -> Table:
    """A row per method, and per split one column for each of `names`."""
    heads = [
        f"{name}, {draw.sized(s['name'], s['n'])}" if i == 0 else name for s in splits for i, name in enumerate(names)
    ]
    rows = []
    for method in methods:
        by_split = {cell["split"]: cell for cell in method["cells"]}
        row: list[Cell] = [(title_of(method["name"]), method["about"])]
        for s in splits:
            cell = by_split.get(s["name"])
            row += [""] * len(names) if cell is None else cells(cell)
        rows.append(tuple(row))
    return Table(("method", *heads), tuple(rows))


def _main(cell: Payload) -> list[Cell]:
    missing = f"{cell['n_unscored']} without a number" if cell["n_unscored"] else ""
    always = "" if cell["constant"] is None else says_always(cell["constant"])
    about = "; ".join(filter(None, (always, missing)))
    auroc: Cell = {"text": cell["why"], "about": about, "kind": "sentence"}
    if cell["auroc"] is not None:
        auroc = (two(cell["auroc"]) + between(cell["low"], cell["high"], two), about)
    low, high = cell["accuracy_interval"]
    right = percent(cell["accuracy"]) + between(low, high, percent)
    return [auroc, _or_none(cell["ece"], cell["ece_interval"]), right]


def _more(cell: Payload) -> list[Cell]:
    return [_or_none(cell["auprc"]), _or_none(cell["brier"]), _or_none(cell["risk"], cell["risk_interval"])]


def _or_none(value: float | None, interval: tuple[float, float] | None = None) -> str:
    low, high = interval or (None, None)
    return "none" if value is None else two(value) + between(low, high, two)


# -- the report --------------------------------------------------------------------------------------


def markdown(shown: Payload) -> str:
    """The results as a report to read: every table with its n and intervals."""
    return f"# How well the confidence tells right from wrong\n\n{as_markdown(shown['made'])}\n\n{tables(shown)}"


def tables(shown: Payload) -> str:
    """What `markdown` says below its title."""
    lines: list[str] = [*map(as_markdown, shown["left_out"])]
    for part in sections(shown):
        lines += [f"## {part.title}", *part.lead, part.caption]
        lines += [_markdown_table(kept[1]) for kept in (part.table, part.folded) if kept]
        lines += [f"{one.label}:\n\n{_markdown_table(one.table)}" for one in part.figures if one.table]
    lines.append("In brackets: 95 % intervals. AUROC: 0.5 is chance, 1 is perfect.")
    return "\n\n".join(one for one in lines if one) + "\n"


def _markdown_table(table: Table) -> str:
    lines = [table.heads, ["---"] * len(table.heads), *table.rows]
    return "\n".join("| " + " | ".join(as_markdown(_text(cell)) for cell in line) + " |" for line in lines)


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else str(cell["text"] if isinstance(cell, dict) else cell[0])


def html(shown: Payload) -> str:
    """The figures as a web page of their own; the browser puts plotly's script in place of the mark."""
    lines = ["<!doctype html>", '<meta charset="utf-8">', f"<title>{escape(shown['made'])}</title>", PLOTLY_MARK]
    for one in sections(shown):
        lines += [
            f"<h2>{escape(one.title)}</h2>",
            *(drawn.html() for drawn in one.figures),
            f"<p>{escape(one.caption)}</p>",
        ]
    return "\n".join(lines)


def whole_page(shown: Payload) -> str:
    """The figures as a web page with plotly's script in it, for a file that is opened without this program."""
    return html(shown).replace(PLOTLY_MARK, f"<script>{get_plotlyjs()}</script>")
