"""The one look of all figures, on light and on dark ground, and the two records that they come as.

The colours of lines and marks stand out on both grounds, so that a figure is made once; what is not data (text, grid,
ground) comes from a template per theme that the browser picks. Two things that must be told apart differ in shape or
dash as well as in colour. Sources of the hues: the page's own blue and amber, the rest from Okabe & Ito 2008.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import plotly.graph_objects as go

Payload = dict[str, Any]
# A text; a text and a second one in small letters; or with a `kind` for the styles, and `is_data`: never translated.
Cell = str | tuple[str, str] | Payload

BLUE, AMBER, GREEN, GREY = "#2b7fc3", "#c9731a", "#1f9270", "#7d8594"
HEIGHT = 330  # px
FOR_A_ROOM = 20  # px: the smallest text of a figure on a projector
SCRIPT = "plotly.min.js"  # in plotly's own package
_FONT = '"IBM Plex Sans", system-ui, sans-serif'


class Ground(NamedTuple):
    """What a figure stands on: the names are those of page.css."""

    card: str
    ink: str
    muted: str
    line: str


GROUNDS = {
    "light": Ground("#ffffff", "#1b2130", "#586074", "#ddd8cd"),
    "dark": Ground("#1a1e27", "#eeeae2", "#a7aebd", "#333a48"),
}


def template(ground: Ground, size: int = 12) -> Payload:
    """Plotly's template for everything that is not data; `size` of its smallest text, in px."""
    axis = {
        "gridcolor": ground.line,
        "linecolor": ground.line,
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
    }
    axis |= {"title": {"standoff": 8, "font": {"size": size}}, "tickcolor": "rgba(0,0,0,0)", "ticklen": 4}
    title = {"x": 0, "xref": "container", "xanchor": "left", "y": 1, "yref": "container", "yanchor": "top"}
    title |= {
        "automargin": True,
        "pad": {"t": 4, "l": 2},
        "font": {"size": size + 3, "color": ground.ink, "weight": 700},
    }
    title |= {"subtitle": {"font": {"size": size + 1, "color": ground.muted, "weight": 400}}}
    below = {"orientation": "h", "x": 0, "xref": "container", "y": 0, "yref": "container", "yanchor": "bottom"}
    layout = {
        "font": {"family": _FONT, "size": size, "color": ground.muted},
        "paper_bgcolor": ground.card,
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {
            "bgcolor": ground.card,
            "bordercolor": ground.muted,
            "font": {"color": ground.ink, "size": size + 1},
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ground.muted, "activecolor": ground.ink},
        "legend": {**below, "bgcolor": "rgba(0,0,0,0)"},
        "title": title,
        "xaxis": axis,
        "yaxis": axis,
    }
    return {"layout": layout}


class Look(NamedTuple):
    """How one line is told from the others; without a symbol it has no marks."""

    colour: str
    dash: str = "solid"
    symbol: str = "circle"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; a cell may carry a second line in small letters."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot, its name among the others and as a file, its title in one line (`label`), and its numbers as texts."""

    name: str
    label: str
    plot: go.Figure
    table: Table | None = None
    caption: str = ""

    def payload(self) -> Payload:
        """Plain data for the browser, which adds the template."""
        plain = json.loads(str(self.plot.to_json()))
        plain["layout"].pop("template", None)
        return {
            "name": self.name,
            "label": self.label,
            "data": plain["data"],
            "layout": plain["layout"],
            "table": table_payload(self.table),
            "caption": self.caption,
        }

    def html(self) -> str:
        """The plot as a piece of a web page that has plotly's script."""
        return self.plot.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False})


def table_payload(table: Table | None) -> Payload | None:
    """A table as plain data; its cells as texts or pairs of texts."""
    return None if table is None else {"heads": list(table.heads), "rows": [list(row) for row in table.rows]}


def figure(
    name: str,
    title: tuple[str, str],
    traces: Sequence[Any],
    *,
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    table: Table | None = None,
    caption: str = "",
    **layout: Any,
) -> Figure:
    """A figure with a title of two lines, the second with its n; `x` and `y` are plotly's settings of the axes."""
    has_legend = layout.pop("legend", sum(trace.showlegend is not False for trace in traces) > 1)
    head, sub = title
    plot = go.Figure(
        list(traces),
        {
            "template": template(GROUNDS["light"]),
            "title": {"text": head, "subtitle": {"text": sub}},
            "height": HEIGHT,
            "margin": {"t": 62 if sub else 44, "l": 10, "r": 14, "b": 64 if has_legend else 10},
            "showlegend": has_legend,
            "dragmode": False,
            "hovermode": "closest",
            "xaxis": dict(x),
            "yaxis": dict(y),
            **layout,
        },
    )
    return Figure(name, f"{head}, {sub}" if sub else head, plot, table, caption)


def faint(colour: str) -> str:
    """The colour of an area whose edge has the colour itself."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.3)"


def between(low: float | None, high: float | None, show: Callable[[float], str]) -> str:
    """An interval in brackets after its value, or nothing where there is none."""
    return "" if low is None or high is None else f" ({show(low)} to {show(high)})"


def two(value: float) -> str:
    """A measure in [0, 1] with two decimals."""
    return f"{value:.2f}"


def spread(values: Sequence[float | None], low: Sequence[float | None], high: Sequence[float | None]) -> Payload:
    """Plotly's error bars from the ends of intervals; none where an end is missing."""
    triples = list(zip(values, low, high, strict=True))
    missing = [None in triple for triple in triples]
    plus = [0.0 if gap else t[2] - t[0] for t, gap in zip(triples, missing, strict=True)]  # type: ignore[operator]
    minus = [0.0 if gap else t[0] - t[1] for t, gap in zip(triples, missing, strict=True)]  # type: ignore[operator]
    return {"type": "data", "symmetric": False, "array": plus, "arrayminus": minus, "width": 0, "thickness": 2}


def line(
    name: str,
    x: Sequence[float],
    values: Sequence[float | None],
    look: Look,
    *,
    places: Sequence[str],
    show: Callable[[float], str],
    interval: tuple[Sequence[float | None], Sequence[float | None]] | None = None,
    has_bars: bool = True,
    **options: Any,
) -> go.Scatter:
    """A line with marks; a mark's hover says the value at its place, the interval in brackets. A None is a gap."""
    low, high = interval or ([None] * len(values), [None] * len(values))
    texts = [
        "" if v is None else f"{name}, {place}: {show(v)}{between(a, b, show)}"
        for place, v, a, b in zip(places, values, low, high, strict=True)
    ]
    bars = {"error_y": {**spread(values, low, high), "color": look.colour}} if interval and has_bars else {}
    return go.Scatter(
        x=list(x),
        y=list(values),
        name=name,
        mode="lines+markers" if look.symbol else "lines",
        line={"color": look.colour, "dash": look.dash, "width": 2.2},
        marker={
            "color": look.colour,
            "symbol": look.symbol or None,
            "size": 9,
            "line": {"color": look.colour, "width": 2},
        },
        customdata=[list(pair) for pair in zip(low, high, strict=True)] if interval else None,
        hovertext=texts,
        hoverinfo="text",
        connectgaps=True,
        **bars,
        **options,
    )
