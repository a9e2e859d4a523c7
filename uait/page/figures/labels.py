"""Labels as the Label tab shows them: how confident the right and the wrong ones are, and the newest as a table.

And one question's two answers, before a tuning and after it.
"""

from collections.abc import Sequence

import plotly.graph_objects as go

from uait.data.plain import unscored_lines
from uait.page.figures.parts import Payload, figures, table, text
from uait.page.figures.style import AMBER, BLUE, Cell, Figure, Table, faint, figure
from uait.page.views.answer import NO_WORDS, percent
from uait.records import Answer, Label, Unscored

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
_N_BINS = 10
_N_ROWS = 100  # of the growing table: the newest
_VERDICTS = {None: ("unjudged", "– not known"), True: ("right", "● right"), False: ("wrong", "◆ wrong")}
_FEWEST = 10  # labels, before it is worth a remark that all are right or all wrong


def page(labels: Sequence[Label], recorded: str = "", left_out: Sequence[Unscored] = ()) -> Payload:
    """The parts of the tab's list of labels, none before there is one; `recorded`: where those of others come from.

    `left_out`: the questions that could not be asked.
    """
    heads = ("question", "answer", "SAR", "confidence", "checked")
    newest = tuple(_row(label) for label in labels[: -_N_ROWS - 1 : -1])
    parts = [
        *text("recorded", recorded),
        *text("summary", _summary(labels)),
        *text("warning", _warning(labels)),
        *(part for line in unscored_lines(left_out) for part in text("warning", line)),
        *figures((histogram(bins(labels, True), bins(labels, False)),)),
        table("Labelled questions", Table(heads, newest), "rows"),
        *text("caption", _ABOUT_ROWS),
    ]
    return {"kind": "runs labels", "parts": parts if labels else []}


def bins(labels: Sequence[Label], is_correct: bool) -> list[int]:
    """How many of the right labels, or of the wrong ones, lie in each of ten equal ranges of confidence."""
    counts = [0] * _N_BINS
    for label in labels:
        if label.is_correct is is_correct and label.confidence is not None:
            counts[min(_N_BINS - 1, int(_N_BINS * label.confidence))] += 1
    return counts


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


def _row(label: Label) -> tuple[Cell, ...]:
    answer = {"text": label.answer or NO_WORDS, "about": " · ".join(label.samples), "kind": "said", "is_data": True}
    sar = "–" if label.sar is None else f"{label.sar:.2f}".replace("-", "−")
    confidence = str(label.unscored) if label.confidence is None else percent(label.confidence)
    kind, word = _VERDICTS[label.is_correct]
    return {"text": label.question.text, "is_data": True}, answer, sar, confidence, {"kind": kind, "text": word}


def _counts(labels: Sequence[Label]) -> tuple[int, int, int]:
    verdicts = [label.is_correct for label in labels]
    return verdicts.count(True), verdicts.count(False), verdicts.count(None)


def _summary(labels: Sequence[Label]) -> str:
    n_right, n_wrong, n_unjudged = _counts(labels)
    n_unscored = sum(label.confidence is None for label in labels)
    unjudged = f", {n_unjudged} without an accepted answer to compare with" if n_unjudged else ""
    unscored = f", {n_unscored} without a confidence" if n_unscored else ""
    return f"{len(labels):,} labelled: {n_right} right, {n_wrong} wrong{unjudged}{unscored}."


def _warning(labels: Sequence[Label]) -> str:
    n_right, n_wrong, _ = _counts(labels)
    if len(labels) < _FEWEST or bool(n_right) == bool(n_wrong):
        return ""
    if n_right:
        nothing_shows = "for nothing shows yet whether confidence can tell right from wrong."
        return f"All answers are right so far: AUROC is undefined, {nothing_shows}"
    return "All answers are wrong so far: AUROC is undefined. Check the column of accepted answers."


def beside(before: Answer | None = None, after: Answer | None = None, failure: str = "") -> Payload:
    """The parts of one question's two answers, or the sentence why there are none."""
    heads = ("who", "answer", "says it is sure", "its own words")
    named = (("the base, asked to say a number", before), ("with the new adapter", after))
    rows = tuple(_spoken(who, answer) for who, answer in named if answer)
    answers = [table("Both answers", Table(heads, rows)), *text("caption", _ABOUT_BESIDE)] if rows else []
    return {"kind": "runs beside", "parts": [*text("warning", failure), *answers]}


def _spoken(who: str, answer: Answer) -> tuple[Cell, ...]:
    shown = {"text": answer.text or NO_WORDS, "kind": "said", "is_data": True}
    return who, shown, percent(answer.spoken), {"text": answer.sample.text, "is_data": True}
