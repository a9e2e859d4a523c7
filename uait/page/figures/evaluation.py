"""The numbers of an evaluation -> its figures: AUROC by method, by distillation threshold, retrieval budget, exposure.

In: the parts of `views.evaluate.evaluation`. Every figure says its n and has its numbers as a table.
"""

from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from uait.method.answers import EXPECTED, SPOKEN, title_of
from uait.page.figures.style import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    HEIGHT,
    Figure,
    Look,
    Payload,
    Table,
    between,
    faint,
    figure,
    line,
    spread,
    two,
)
from uait.page.views.answer import percent

Show = Callable[[float], str]
LOOKS = {
    EXPECTED: Look(BLUE),
    SPOKEN: Look(BLUE, "dash", "circle-open"),
    "verbalized": Look(AMBER, "dot", "diamond"),
    "SAR": Look(GREEN, "solid", "square"),
    "answer probability": Look(GREEN, "dash", "triangle-up"),
    "random": Look(GREY, "dash", ""),
    "oracle": Look(GREY, "solid", "triangle-up-open"),
}
_OTHER = Look(GREY, "solid", "square")
_ROW = 26  # px, of a method in the figure of intervals
_CHANCE = {"type": "line", "line": {"color": GREY, "dash": "dash", "width": 1.5}}


def sized(split: str, n: int) -> str:
    """The second line of a title: which questions, and how many."""
    return f"{split}, n\u00a0=\u00a0{n}"


def auroc_by_method(methods: Sequence[Payload], split: str, n: int) -> Figure:
    """A row per method: its AUROC and the 95 % interval, or in words why there is none."""
    rows = [(m["name"], cell) for m in methods for cell in m["cells"] if cell["split"] == split]
    values = [v for _, c in rows for v in (c["auroc"], c["low"]) if v is not None]
    lowest = min([0.4, *(int(10 * v) / 10 for v in values)])
    notes = [
        {"x": 0.5, "y": i, "text": c["why"].split(":")[0], "xanchor": "left", "xshift": 8, "showarrow": False}
        for i, (_, c) in enumerate(rows)
        if c["auroc"] is None
    ]
    names = [f"<b>{title_of(m)}</b>" if m in (EXPECTED, SPOKEN) else title_of(m) for m, _ in rows]
    return figure(
        f"auroc-{split}",
        ("AUROC", sized(split, n)),
        [_interval_row(i, method, cell) for i, (method, cell) in enumerate(rows) if cell["auroc"] is not None],
        x={"range": [lowest - 0.02, 1.02], "tickvals": [0, 0.25, 0.5, 0.75, 1], "tickformat": ".2f"},
        y={"tickvals": list(range(len(rows))), "ticktext": names, "range": [len(rows) - 0.5, -0.5], "showgrid": False},
        height=96 + _ROW * len(rows),
        shapes=[{**_CHANCE, "x0": 0.5, "x1": 0.5, "y0": 0, "y1": 1, "yref": "paper"}],
        annotations=notes,
    )


def _interval_row(i: int, method: str, cell: Payload) -> go.Scatter:
    look, name = LOOKS.get(method, _OTHER), title_of(method)
    bars = {} if cell["low"] is None else spread([cell["auroc"]], [cell["low"]], [cell["high"]])
    return go.Scatter(
        x=[cell["auroc"]],
        y=[i],
        name=name,
        mode="markers",
        marker={"color": look.colour, "symbol": look.symbol, "size": 10, "line": {"color": look.colour, "width": 2}},
        error_x={**bars, "color": look.colour},
        customdata=[[cell["low"], cell["high"]]],
        hovertext=[f"{name}: {two(cell['auroc'])}{between(cell['low'], cell['high'], two)}"],
        hoverinfo="text",
        showlegend=False,
    )


def auroc_by_threshold(sweep: Payload, split: str) -> Figure:
    """AUROC after tuning on the labels that each distillation threshold keeps."""
    curves = sweep["curves"][split]
    places = ["none" if t is None else percent(t) for t in sweep["thresholds"]]
    values = [v for c in curves for key in ("low", "values", "high") for v in c[key] if v is not None]
    floor, top = int(10 * min([0.5, *values])) / 10, min(1.0, -int(-10 * max([0.6, *values])) / 10 + 0.1)
    heads = ("threshold", "labels kept", *(title_of(c["name"]) for c in curves))
    cells = [[_measure(c, i) for c in curves] for i in range(len(places))]
    rows = [(place, str(n), *texts) for place, n, texts in zip(places, sweep["kept"], cells, strict=True)]
    return figure(
        f"sweep-{split}",
        ("AUROC by distillation threshold", sized(split, curves[0]["n"])),
        [_curve(c, places, two, shift=(k - 0.5) * 0.12) for k, c in enumerate(curves)],
        x=_named("threshold, and labels kept", [f"{p}<br>{n}" for p, n in zip(places, sweep["kept"], strict=True)]),
        y={"range": [floor, top], "tickformat": ".2f", "title": "AUROC"},
        table=Table(heads, tuple(rows)),
    )


def _measure(curve: Payload, i: int) -> str:
    value = curve["values"][i]
    return "undefined" if value is None else two(value) + between(curve["low"][i], curve["high"][i], two)


def _named(title: str, places: Sequence[str]) -> Payload:
    """An axis of named places, in their order."""
    n = len(places)
    ticks = {"tickvals": list(range(n)), "ticktext": list(places), "range": [-0.5, n - 0.5]}
    return {"title": title, "showgrid": False, **ticks}


def _curve(c: Payload, places: Sequence[str], show: Show, shift: float = 0.0, has_bars: bool = True) -> go.Scatter:
    look, x = LOOKS.get(c["name"], _OTHER), [i + shift for i in range(len(places))]
    interval, name = (c["low"], c["high"]), title_of(c["name"])
    return line(name, x, c["values"], look, places=places, show=show, interval=interval, has_bars=has_bars)


def accuracy_by_budget(budget: Payload, split: str) -> Figure:
    """Right answers when the questions a method is least sure of are looked up; bars for one method, not to clutter."""
    places = [percent(share) for share in budget["budgets"]]
    curves = sorted(budget["curves"], key=lambda c: c["name"] != "random")  # what is drawn first lies below
    floor = int(10 * min(v for c in curves for v in (*c["values"], *c["low"]))) / 10
    rows = [(title_of(c["name"]), *(_with_interval(c, i) for i in range(len(places)))) for c in curves]
    return figure(
        f"budget-{split}",
        ("Accuracy by retrieval budget", sized(split, budget["n"])),
        [_curve(c, places, percent, has_bars=c["name"] == EXPECTED) for c in curves],
        x=_named("questions looked up", places),
        y={"range": [floor, 1.01], "tickformat": ".0%", "title": "right answers"},
        table=Table(("looked up", *places), tuple(rows)),
        height=HEIGHT + 30,
    )


def _with_interval(curve: Payload, i: int) -> str:
    return percent(curve["values"][i]) + between(curve["low"][i], curve["high"][i], percent)


def confidence_by_exposure(bins: Sequence[Payload], split: str) -> Figure:
    """Bars: how many are answered right, by how often training told the fact; lines: how sure the model says it is."""
    places, shares = [b["label"] for b in bins], [b["right"] for b in bins]
    columns = [{"name": name, **_column(bins, key)} for key, name in (("expected", EXPECTED), ("spoken", SPOKEN))]
    right = go.Bar(
        x=list(range(len(bins))),
        y=[s["value"] for s in shares],
        name="right answers",
        marker={"color": faint(BLUE), "line": {"color": BLUE, "width": 1}},
        error_y={
            **spread(*([s[key] for s in shares] for key in ("value", "low", "high"))), "color": BLUE, "thickness": 1.5,
        },
        customdata=[[s["low"], s["high"]] for s in shares],
        hovertext=[f"right answers: {_share(s)}, n = {s['n']}" for s in shares],
        hoverinfo="text",
    )  # fmt: skip
    heads = ("times told", "n", "right", title_of(SPOKEN), title_of(EXPECTED))
    rows = [(b["label"], str(b["n"]), _share(b["right"]), _share(b["spoken"]), _share(b["expected"])) for b in bins]
    return figure(
        f"exposure-{split}",
        ("Confidence by times told", sized(split, sum(b["n"] for b in bins))),
        [right, *(_curve(c, places, percent, shift=(k + 0.5) * 0.14) for k, c in enumerate(columns))],
        x=_named("times told in training, and n", [f"{b['label']}<br>{b['n']}" for b in bins]),
        y={"range": [0, 1.01], "tickformat": ".0%", "title": "share"},
        table=Table(heads, tuple(rows)),
        height=HEIGHT + 30,
    )


def _column(bins: Sequence[Payload], key: str) -> Payload:
    found = [b[key] or {"value": None, "low": None, "high": None} for b in bins]
    return {"values": [v["value"] for v in found], "low": [v["low"] for v in found], "high": [v["high"] for v in found]}


def _share(v: Payload | None) -> str:
    return "none" if v is None else percent(v["value"]) + between(v["low"], v["high"], percent)
