"""Labels as the Label tab shows them: how confident the right and the wrong ones are, and the newest as a table.

In: the numbers of `views.labels.labelled`; and two answers to one question, those of `views.runs.beside`.
"""

import plotly.graph_objects as go

from uait.page.figures.parts import Payload, figures, table, text
from uait.page.figures.style import AMBER, BLUE, Cell, Figure, Table, faint, figure
from uait.page.views.answer import percent

_ABOUT_HISTOGRAM = (
    "● above the line: right, ◆ below it: wrong. Good confidence has its right answers at the right end, and its wrong "
    "ones at the left."
)
_ABOUT_ROWS = (
    "The newest first. The bold answer is the model’s first choice, the samples stand below it. SAR measures how far "
    "the samples disagree, weighing the words that matter: the lower, the surer."
)
_ABOUT_BESIDE = (
    "The base was asked to say a number, the adapter does so by itself. Look at whether the number moved the right way."
)
_FEWEST = 10  # labels, before it is worth a remark that all are right or all wrong


def page(shown: Payload) -> Payload:
    """The parts of the tab's list of labels; none before there is one."""
    if not shown["n"]:
        return {"kind": "runs labels", "parts": []}
    heads = ("question", "answer", "SAR", "confidence", "checked")
    rows = table("Labelled questions", Table(heads, tuple(_row(row) for row in shown["rows"])), "rows")
    parts = [
        *text("recorded", shown["recorded"]),
        *text("summary", _summary(shown)),
        *text("warning", _warning(shown)),
        *figures((histogram(shown["right"], shown["wrong"]),)),
        rows,
        *text("caption", _ABOUT_ROWS),
    ]
    return {"kind": "runs labels", "parts": parts}


def histogram(right: list[int], wrong: list[int]) -> Figure:
    """Right answers upwards, wrong ones downwards, by confidence in bins of equal width."""
    n = len(right)
    ranges = [f"{percent(i / n)} to {percent((i + 1) / n)}" for i in range(n)]
    texts = [f"{r}: {up} right, {down} wrong" for r, up, down in zip(ranges, right, wrong, strict=True)]
    rows = tuple((r, str(up), str(down)) for r, up, down in zip(ranges, right, wrong, strict=True))
    looks = (("right", right, 1, BLUE, ""), ("wrong", wrong, -1, AMBER, "/"))
    bars = [
        go.Bar(
            x=[(i + 0.5) / n for i in range(n)],
            y=[sign * count for count in counts],
            width=0.92 / n,
            name=name,
            marker={"color": faint(colour), "line": {"color": colour, "width": 1.5}, "pattern": {"shape": shape}},
            text=[str(count) if count else "" for count in counts],
            textposition="outside",
            cliponaxis=False,
            hovertext=texts,
            hoverinfo="text",
        )
        for name, counts, sign, colour, shape in looks
    ]
    up, down = max(1, *right), max(1, *wrong)
    return figure(
        "labels",
        ("How confident the samples are", f"n\u00a0=\u00a0{sum(right) + sum(wrong)}"),
        bars,
        x={"range": [-0.01, 1.02], "tickformat": ".0%", "showgrid": False},
        y={"range": [-1.2 * down - 0.05 * up, 1.15 * up], "showticklabels": False, "showgrid": False, "zeroline": True},
        table=Table(("confidence", "right", "wrong"), rows),
        caption=_ABOUT_HISTOGRAM,
        barmode="overlay",
    )


def _row(row: Payload) -> tuple[Cell, ...]:
    samples = {"text": row["answer"], "about": " · ".join(row["samples"]), "kind": "said", "is_data": True}
    sar = "–" if row["sar"] is None else f"{row['sar']:.2f}".replace("-", "−")
    confidence = row["reason"] if row["confidence"] is None else percent(row["confidence"])
    verdict = {None: ("unjudged", "– not known"), True: ("right", "● right"), False: ("wrong", "◆ wrong")}[row["right"]]
    checked = {"kind": verdict[0], "text": verdict[1]}
    return {"text": row["question"], "is_data": True}, samples, sar, confidence, checked


def _summary(shown: Payload) -> str:
    judged = f"{shown['n']:,} labelled: {shown['n_right']} right, {shown['n_wrong']} wrong"
    unjudged = f", {shown['n_unjudged']} without an accepted answer to compare with" if shown["n_unjudged"] else ""
    unscored = f", {shown['n_unscored']} without a confidence" if shown["n_unscored"] else ""
    return f"{judged}{unjudged}{unscored}."


def _warning(shown: Payload) -> str:
    if shown["n"] < _FEWEST or bool(shown["n_right"]) == bool(shown["n_wrong"]):
        return ""
    if shown["n_right"]:
        nothing_shows = "for nothing shows yet whether confidence can tell right from wrong."
        return f"All answers are right so far: AUROC is undefined, {nothing_shows}"
    return "All answers are wrong so far: AUROC is undefined. Check the column of accepted answers."


def beside(shown: Payload) -> Payload:
    """The parts of two answers to one question, or the sentence why there are none."""
    heads = ("who", "answer", "says it is sure", "its own words")
    rows = tuple(_spoken(row) for row in shown["rows"])
    answers = [table("Both answers", Table(heads, rows)), *text("caption", _ABOUT_BESIDE)] if rows else []
    return {"kind": "runs beside", "parts": [*text("warning", shown["failure"]), *answers]}


def _spoken(row: Payload) -> tuple[Cell, ...]:
    answer, words = {"text": row["answer"], "kind": "said", "is_data": True}, {"text": row["words"], "is_data": True}
    return row["who"], answer, percent(row["spoken"]), words
