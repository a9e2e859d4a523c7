"""A tuning as the Tune tab shows it: before and after, what the probe questions say at each look, losses, rates.

In: the numbers of `views.runs.tuning`. The last line of the probes and of the AUROC is the look that is being read,
which the browser moves.
"""

from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from uait.data.plain import unscored_lines
from uait.page.figures.parts import heading, table, text
from uait.page.figures.style import AMBER, BLUE, GREY, Figure, Look, Payload, Table, faint, figure, line, two
from uait.page.views.answer import percent
from uait.records import Unscored

_RIGHT, _WRONG = Look(BLUE), Look(AMBER, "dash", "diamond")
_HEADS = ("", "tells right from wrong (AUROC, 95 % interval)", "off by (ECE)", "right answers", "no number said")
_ABOUT_RESULTS = (
    "AUROC: 1 when every right answer comes with a higher number than every wrong one, 0.5 for a coin. ECE: how far "
    "the numbers are from how often it is right; 0 is best."
)
_ABOUT_PROBES = (
    "The same questions, asked again and again: the mean of all the numbers it may say. The solid ones were right and "
    "sure to begin with and should rise; the dashed ones were wrong and unsure and should fall."
)
_ABOUT_WATCHED = (
    "Other questions that it is not taught, asked at every look: 1 when every right answer comes with a higher number "
    "than every wrong one, 0.5 (dotted) for a coin. The band is the 95 % interval. They were picked by the same "
    "thresholds, so this is kinder than the table of before and after."
)


def page(shown: Payload, left_out: Sequence[Unscored] = ()) -> Payload:
    """What the tab draws of a tuning; with no step and no look yet there are no figures.

    `left_out`: the examples that could not be tuned on.
    """
    last = max([0, *(row["step"] for row in shown["steps"][-1:]), *shown["probe_steps"][-1:]])
    looks = shown["probe_steps"] and shown["probes"]
    return {
        "is_empty": not (shown["steps"] or shown["probe_steps"] or shown["advice"]),
        "recorded": shown["recorded"],
        "results": [
            *(part for line in unscored_lines(left_out) for part in text("warning", line)),
            *_results(shown["results"]),
            *text("caption", shown["threshold"]),
            *text("warning", shown["advice"]),
        ],
        "figures": [probes(shown, last).payload(), watched(shown, last).payload()] if looks else [],
        "looks": [
            {"step": step, "auroc": look["text"]}
            for step, look in zip(shown["probe_steps"], shown["watched"], strict=True)
        ],
        "probes": [
            {**{key: p[key] for key in ("question", "right", "answers")}, "numbers": [percent(v) for v in p["said"]]}
            for p in shown["probes"]
        ],
        "losses": [one.payload() for one in (losses(shown["steps"], last), rates(shown["steps"], last))]
        if shown["steps"]
        else [],
    }


def _results(rows: Sequence[Payload]) -> list[Payload]:
    if not rows:
        return []
    cells = [(r["name"], r["auroc"], r["ece"], r["accuracy"], f"{r['n_unscored']} of {r['n']}") for r in rows]
    title = f"Before and after, on {rows[0]['n']} questions it was not taught"
    return [
        heading(title),
        table("Before and after as a table", Table(_HEADS, tuple(cells))),
        *text("caption", _ABOUT_RESULTS),
    ]


def probes(shown: Payload, last: int) -> Figure:
    """The probe questions' expected confidence at each look; right ones solid, wrong ones dashed."""
    steps = shown["probe_steps"]
    lines = [_probe(p, steps) for p in shown["probes"]]
    rows = tuple(({"text": p["question"], "is_data": True}, *(percent(v) for v in p["said"])) for p in shown["probes"])
    return figure(
        "probes",
        ("How sure it says it is", f"n\u00a0=\u00a0{len(lines)} questions"),
        [*lines, _reading(steps[-1])],
        x=_steps(last),
        y={"range": [0, 1.03], "tickformat": ".0%"},
        table=Table(("question", *_at(steps)), rows),
        caption=_ABOUT_PROBES,
    )


def _probe(probe: Payload, steps: Sequence[int]) -> go.Scatter:
    look, at = _RIGHT if probe["right"] else _WRONG, steps[: len(probe["said"])]
    return line(probe["question"], at, probe["said"], look, places=_at(at), show=percent, showlegend=False)


def watched(shown: Payload, last: int) -> Figure:
    """AUROC on the questions kept apart, with its 95 % interval as a band."""
    looks = [
        (step, w) for step, w in zip(shown["probe_steps"], shown["watched"], strict=True) if w["auroc"] is not None
    ]
    whole = [(step, *w["interval"]) for step, w in looks if w["interval"]]
    band = go.Scatter(
        x=[step for step, _, _ in whole] + [step for step, _, _ in reversed(whole)],
        y=[high for _, _, high in whole] + [low for _, low, _ in reversed(whole)],
        fill="toself",
        fillcolor=faint(BLUE),
        mode="none",
        hoverinfo="skip",
        showlegend=False,
        name="95 % interval",
    )
    steps, values = [step for step, _ in looks], [w["auroc"] for _, w in looks]
    drawn = line("AUROC", steps, values, _RIGHT, places=_at(steps), show=two, showlegend=False)
    rows = [(f"step {step}", w["text"]) for step, w in zip(shown["probe_steps"], shown["watched"], strict=True)]
    coin = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 0.5, "y1": 0.5}
    return figure(
        "watched",
        ("Tells right from wrong (AUROC)", ""),
        [band, drawn, _reading(shown["probe_steps"][-1])],
        x=_steps(last),
        y={"range": [0, 1.03], "tickformat": ".1f"},
        shapes=[{**coin, "line": {"color": GREY, "dash": "dot"}}],
        table=Table(("", "AUROC at this step"), tuple(rows)),
        caption=_ABOUT_WATCHED,
    )


def losses(steps: Sequence[Payload], last: int) -> Figure:
    """The loss on what is taught, and on examples kept apart."""
    unseen = [row["eval_loss"] for row in steps if row.get("eval_loss") is not None]
    apart = f"; {unseen[-1]:.3f} on examples kept apart (dashed)" if unseen else ""
    about = f"How surprised the model is by what it is taught: {steps[-1]['loss']:.3f} now{apart}. It should fall."
    seen = Look(BLUE, "solid", "")
    lines = [_logged("taught", steps, "loss", seen, two), _logged("kept apart", steps, "eval_loss", _WRONG, two)]
    return figure("loss", ("Loss", ""), lines, x=_steps(last), y={"rangemode": "tozero"}, caption=about, legend=False)


def rates(steps: Sequence[Payload], last: int) -> Figure:
    """The learning rate at each step."""
    now = f"{steps[-1]['learning_rate']:.1e}".replace("e-0", "e-")
    about = f"How big the steps are: {now} now. It rises at first, then falls to nothing."
    drawn = _logged("learning rate", steps, "learning_rate", Look(BLUE, "solid", ""), "{:.1e}".format)
    axis = {"rangemode": "tozero", "tickformat": "~g"}
    return figure("learning-rate", ("Learning rate", ""), [drawn], x=_steps(last), y=axis, caption=about)


def _logged(name: str, rows: Sequence[Payload], key: str, look: Look, show: Callable[[float], str]) -> go.Scatter:
    kept = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    steps = [step for step, _ in kept]
    return line(name, steps, [v for _, v in kept], look, places=_at(steps), show=show)


def _at(steps: Sequence[int]) -> list[str]:
    return [f"step {step}" for step in steps]


def _steps(last: int) -> Payload:
    return {"range": [0, max(1, last) * 1.02], "title": "step", "showgrid": False}


def _reading(step: int) -> go.Scatter:
    look = {"color": GREY, "width": 2}
    return go.Scatter(x=[step, step], y=[0, 1.03], mode="lines", line=look, hoverinfo="skip", showlegend=False, name="")
