"""One method's confidences under every threshold: ROC, reliability, risk and coverage; and the lab that holds them.

The last line of ROC and of risk and coverage is the visitor's threshold, which the browser moves.
"""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from uait.method import metrics
from uait.page.figures.style import AMBER, BLUE, GREEN, GREY, Figure, Payload, Table, between, faint, figure, two
from uait.page.views.answer import percent
from uait.page.views.compare import lab as lab_view
from uait.records import EvalReport

_ABOUT_ROC = (
    "Each point is one threshold: how many right answers it lets through, against how many wrong ones. The further the "
    "curve bows to the upper left the better; along the dashed line the confidence is worth no more than a coin. The "
    "marker is your threshold."
)
_ABOUT_RELIABILITY = (
    "One bar per range of confidence, as high as the share that was right, with the number of questions on it. Where "
    "the number means what it says, bars end on the dashed line; below it the model claims too much."
)
_ABOUT_RISK = (
    "Answer only the surest questions, and some of them are still wrong: how many, from few questions on the left to "
    "all on the right. A good confidence keeps the left end low. The marker is your threshold."
)
_UNIT = {"range": [0, 1.02], "tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1]}
_DIAGONAL = {"type": "line", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "line": {"color": GREY, "dash": "dash", "width": 1.5}}
_OTHER = {
    "type": "scatter",
    "showlegend": True,
    "line": {"color": GREEN, "dash": "dot", "width": 2.5},
    "marker": {"color": GREEN, "symbol": "diamond", "size": 10},
}  # how a second method is drawn beside the first
_FINEST = 1 / 200  # of an axis: points closer than that fall on one pixel


def lab(report: EvalReport, threshold: float, about_verbalized: str = "") -> Payload:
    """Everything the threshold lab draws from, its figures per split and method included."""
    shown = lab_view(report, threshold, about_verbalized)
    if shown["state"] != "done":
        return shown
    intervals = {(r.split, r.method): r.auroc_interval for r in report.results}
    drawn = {
        split: {
            m["name"]: _three(rows, m, intervals.get((split, m["name"])), shown["n_bins"]) for m in shown["methods"]
        }
        for split, rows in shown["rows"].items()
    }
    return {**shown, "figures": drawn, "other": _OTHER}


def _three(rows: Sequence[Payload], method: Payload, interval: Any, n_bins: int) -> list[Payload]:
    pairs = [(row["confidence"][method["name"]], row["said"][method["source"]][1]) for row in rows]
    known = [(c, right) for c, right in pairs if c is not None and right is not None]
    c, right = [pair[0] for pair in known], [pair[1] for pair in known]
    return [
        _named(one, method["title"]) for one in (roc(c, right, interval), reliability(c, right, n_bins), risk(c, right))
    ]


def _named(one: Figure, title: str) -> Payload:
    """The figure, its curve called by its method and its numbers, for when it is laid over another one."""
    shown = one.payload()
    for trace in shown["data"][:1]:
        trace["name"] = f"{title}: {shown['layout']['title']['subtitle']['text'].rpartition(', n')[0]}"
    return shown


def roc(confidence: Sequence[float], right: Sequence[bool], interval: tuple[float, float] | None) -> Figure:
    """The ROC curve with its AUROC, and the recorded `interval` round it."""
    area = metrics.auroc(confidence, right)
    if area is None:
        return _undefined("roc", "ROC curve", right)
    low, high = interval or (None, None)
    return figure(
        "roc",
        ("ROC curve", f"AUROC {two(area)}{between(low, high, two)}, n\u00a0=\u00a0{len(right)}"),
        [
            _curve(
                metrics.roc_curve(confidence, right), "%{y:.1%} of the right, %{x:.1%} of the wrong answers let through"
            ),
            _marker(),
        ],
        x={**_UNIT, "title": "wrong answers let through"},
        y={**_UNIT, "title": "right answers let through"},
        shapes=[_DIAGONAL],
        caption=_ABOUT_ROC,
        legend=False,
    )


def reliability(confidence: Sequence[float], right: Sequence[bool], n_bins: int) -> Figure:
    """The share of right answers per range of confidence; its table has the mean confidences."""
    bins = metrics.reliability(confidence, right, n_bins)
    ece = metrics.ece(confidence, right, n_bins)
    if ece is None:
        return _undefined("reliability", "Reliability", right)
    places = [min(n_bins - 1, int(n_bins * mean + 1e-9)) for mean, _, _ in bins]
    ranges = [f"{percent(b / n_bins)} to {percent((b + 1) / n_bins)}" for b in places]
    rows = [(r, str(n), percent(mean), percent(share)) for r, (mean, share, n) in zip(ranges, bins, strict=True)]
    bars = go.Bar(
        x=[(b + 0.5) / n_bins for b in places],
        y=[share for _, share, _ in bins],
        width=0.96 / n_bins,
        marker={"color": faint(BLUE), "line": {"color": BLUE, "width": 1}},
        text=[str(n) for _, _, n in bins],
        textposition="outside",
        cliponaxis=False,
        hovertext=[f"{r}: {share} right, n = {n}" for r, n, _, share in rows],
        hoverinfo="text",
    )
    return figure(
        "reliability",
        ("Reliability", f"ECE {two(ece)}, n\u00a0=\u00a0{len(right)}"),
        [bars],
        x={**_UNIT, "title": "confidence", "showgrid": False},
        y={**_UNIT, "range": [0, 1.08], "title": "share that was right"},
        shapes=[_DIAGONAL],
        table=Table(("confidence", "questions", "mean confidence", "share right"), tuple(rows)),
        caption=_ABOUT_RELIABILITY,
    )


def risk(confidence: Sequence[float], right: Sequence[bool]) -> Figure:
    """How many of the answers given are wrong, from the surest alone to all of them."""
    points = metrics.risk_coverage(confidence, right)
    area = metrics.risk_coverage_area(confidence, right)
    if area is None:
        return _undefined("risk", "Risk and coverage", right)
    top = max(0.25, -int(-4 * max(share for _, share in points) // 1) / 4)
    return figure(
        "risk",
        ("Risk and coverage", f"area {two(area)}, n\u00a0=\u00a0{len(right)}"),
        [_curve(points, "%{x:.1%} answered, %{y:.1%} of these wrong"), _marker()],
        x={**_UNIT, "title": "share answered"},
        y={"range": [0, 1.02 * top], "tickformat": ".0%", "title": "of these wrong"},
        caption=_ABOUT_RISK,
        legend=False,
    )


def _undefined(name: str, title: str, right: Sequence[bool]) -> Figure:
    why = f"All answers are {'right' if any(right) else 'wrong'}: nothing to tell apart." if right else ""
    hidden = {"visible": False}
    return figure(name, (f"{title}: undefined", why or "No answer here is judged."), [], x=hidden, y=hidden, height=90)


def _curve(points: Sequence[tuple[float, float]], sentence: str) -> go.Scatter:
    kept = thinned(points)
    return go.Scatter(
        x=[round(x, 4) for x, _ in kept],
        y=[round(y, 4) for _, y in kept],
        mode="lines",
        line={"color": BLUE, "width": 2.5},
        hovertemplate=f"{sentence}<extra></extra>",
        showlegend=False,
    )


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that can be told apart in a picture, the first and the last always among them."""
    kept = [points[0]]
    for x, y in points[1:-1]:
        if max(abs(x - kept[-1][0]), abs(y - kept[-1][1])) >= _FINEST:
            kept.append((x, y))
    return [*kept, points[-1]] if len(points) > 1 else kept


def _marker() -> go.Scatter:
    look = {"color": AMBER, "size": 13, "symbol": "circle"}
    return go.Scatter(x=[None], y=[None], name="your threshold", mode="markers", marker=look, hoverinfo="name")
