"""The lesson's charts and tables: labels sorted into four groups, how the watched questions' numbers moved, and sums.

In: a step of the lesson, as `lesson.words` and `lesson.figures` make it. Out: the same, its chart or table made.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from uait.page.figures.style import AMBER, BLUE, GREY, Cell, Figure, Look, Payload, Table, faint, figure, line
from uait.page.views.answer import percent
from uait.page.views.why import similarity_table

# Where a lane begins, and its colour, shape and name.
_LANES = {True: (1.0, BLUE, "circle", "● right answers"), False: (0.0, AMBER, "diamond", "◆ wrong answers")}


def drawn(step: Payload) -> Payload:
    """The step with a plot where its figure is a chart, and a table where it is one; every other step as it is."""
    charts = {"quadrants": quadrants, "curves": curves}
    tables = {"words": _words, "matrix": _matrix, "sum": _sum}
    shown = step.get("figure", {})
    kind = shown.get("kind")
    if kind in charts:
        return {**step, "figure": {**shown, "plot": charts[kind](shown).payload()}}
    if kind in tables:
        return {**step, "figure": {**shown, "table": tables[kind](shown)}}
    return step


def _voice(text: str) -> Payload:
    return {"text": text, "is_data": True, "kind": "learn-voice"}


def _words(shown: Payload) -> Payload:
    """One line per token; its shade and its bar are drawn by the styles."""
    rows = [
        (
            {"text": row["text"], "is_data": True, "kind": "learn-token", "style": {"--shade": row["shade"]}},
            f"{row['p']:.3f}",
            f"{row['surprise']:.2f}",
            f"{row['relevance']:.3f}",
            _voice(row["without"]),
            {"text": percent(row["share"]), "kind": "learn-share", "style": {"--share": row["share"]}},
        )
        for row in shown["rows"]
    ]
    return {"heads": ["piece", "p", "surprise", "relevance", "without it", "share of the doubt"], "rows": rows}


def _matrix(shown: Payload) -> Payload:
    return similarity_table([[_voice(text)] for text in shown["texts"]], ["answer"], np.array(shown["similarity"]))


def _sum(shown: Payload) -> Payload:
    """One line per attempt: what its score is made of."""
    rows = [
        (_voice(row["text"]), f"{row['p']:.3f}", f"{row['support']:.3f}", f"{row['score']:.3f}")
        for row in shown["rows"]
    ]
    score = f"(p + {shown['weight']:,} × support) / {shown['most']:,}"
    return {"heads": ["attempt", "p", "support", score], "rows": rows}


def quadrants(shown: Payload) -> Figure:
    """Every label at its confidence, right ones in the upper lane; filled ones teach, and so does the shaded side."""
    dots, n = shown["dots"], len(shown["dots"])
    marks = [_dots([d for d in dots if (d["right"], d["kept"]) == key], *key) for key in _keys()]
    sides = ((BLUE, shown["right_from"], 1.02, 1), (AMBER, -0.02, shown["wrong_below"], 0))
    shaded = [
        {"type": "rect", "x0": x0, "x1": x1, "y0": y, "y1": y + 1, "fillcolor": faint(c), "line": {"width": 0}}
        for c, x0, x1, y in sides
    ]
    ticks = {"tickvals": [0.5, 1.5], "ticktext": ["<b>◆</b>", "<b>●</b>"], "range": [0, 2], "showgrid": False}
    return figure(
        "quadrants",
        ("Questions by confidence", f"n\u00a0=\u00a0{n}"),
        [*marks, _ours([d for d in dots if d["ours"]])],
        x={"range": [-0.02, 1.02], "tickformat": ".0%", "title": "confidence", "showgrid": False},
        y=ticks,
        shapes=[{**one, "layer": "below"} for one in shaded],
        legend=False,
        height=360,
    )


def _keys() -> list[tuple[bool, bool]]:
    return [(right, kept) for right in (True, False) for kept in (True, False)]


def _dots(dots: Sequence[Payload], right: bool, kept: bool) -> go.Scatter:
    lane, colour, symbol, name = _LANES[right]
    return go.Scatter(
        x=[d["confidence"] for d in dots],
        y=[lane + 0.12 + 0.076 * (7 * i % 11) for i in range(len(dots))],  # spread, so that neighbours stay apart
        mode="markers",
        marker={
            "color": colour,
            "size": 10,
            "symbol": symbol if kept else f"{symbol}-open",
            "line": {"width": 2, "color": colour},
        },
        name=name,
        hovertext=[f"{d['text']} {d['answer']}: {percent(d['confidence'])}" for d in dots],
        hoverinfo="text",
    )


def _ours(dots: Sequence[Payload]) -> go.Scatter:
    """A ring on the lesson's own question."""
    ring = {"symbol": "circle-open", "size": 24, "color": GREY, "line": {"width": 3}}
    places = [_LANES[d["right"]][0] + 0.5 for d in dots]
    texts = [f"{d['text']} {d['answer']}: {percent(d['confidence'])}" for d in dots]
    return go.Scatter(
        x=[d["confidence"] for d in dots],
        y=places,
        mode="markers",
        marker=ring,
        hovertext=texts,
        hoverinfo="text",
        name="",
    )


def curves(shown: Payload) -> Figure:
    """The watched questions' numbers at each look; right ones solid, wrong ones dashed."""
    steps, rows = shown["steps"], shown["lines"]
    looks = {True: Look(BLUE), False: Look(AMBER, "dash", "diamond")}
    places = [f"step {step}" for step in steps] if shown["is_tuning"] else ["untuned", "tuned"]
    x = steps if shown["is_tuning"] else range(len(steps))
    lines = [line(r["question"], list(x), r["said"], looks[r["right"]], places=places, show=percent) for r in rows]
    ends = [0, len(steps) - 1]
    ticks = {"tickvals": [x[i] for i in ends], "ticktext": [places[i] for i in ends]}
    heads = ("question", "its last answer", "at first", "at the end")
    return figure(
        "lesson-curves",
        ("How sure it says it is", f"n\u00a0=\u00a0{len(rows)} questions"),
        lines,
        x={**ticks, "showgrid": False},
        y={"range": [0, 1.03], "tickformat": ".0%"},
        table=Table(heads, tuple(_moved(row) for row in rows)),
        legend=False,
    )


def _moved(row: Payload) -> tuple[Cell, ...]:
    sign = "●" if row["right"] else "◆"
    question = {"text": f"{sign} {row['question']}", "is_data": True}
    return question, _voice(row["answers"][-1]), percent(row["said"][0]), percent(row["said"][-1])
