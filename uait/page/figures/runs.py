"""Several runs beside each other: their curves in one figure, what differs in their settings, and what came of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from uait.method.metrics import auroc
from uait.method.threshold import FEWEST, FEWEST_OF_A_KIND
from uait.page.figures.labels import bins
from uait.page.figures.parts import figures, heading, table, text
from uait.page.figures.style import AMBER, BLUE, GREEN, GREY, Cell, Figure, Look, Payload, Table, figure, line, two
from uait.page.views import runs as runs_view
from uait.page.views.answer import percent
from uait.records import Label

LOOKS = (Look(BLUE), Look(AMBER, "dash", "diamond"), Look(GREEN, "dot", "square"), Look(GREY, "dashdot", "triangle-up"))
MOST = len(LOOKS)  # lines that can be told apart
_NOT_YET = "not yet"
_ABOUT_LOSS = (
    "How surprised each model is by what it is taught, at each step. Losses of two recipes measure two things: compare "
    "their shapes, not their heights."
)
_ABOUT_AUROC = (
    "Each run’s own questions kept apart, asked at every look: 1 when every right answer comes with a higher number "
    "than every wrong one, 0.5 for a coin. Runs on other examples keep other questions apart."
)
_ABOUT_SHARES = (
    "Which share of each run’s labels has which confidence. What differs here is how the questions were asked, or the "
    "questions."
)
_ALIKE = "These runs have the same settings."


@dataclass(frozen=True, slots=True)
class TunedRun:
    """A tuning: what the page calls it, its settings, its log; `shown` as `views.runs.tuning` makes it.

    A recorded one is nobody's own, and its name is ours.
    """

    name: str
    settings: Mapping[str, Any]
    n_train: int
    log: Sequence[Mapping[str, Any]]
    shown: Payload
    is_own: bool = True


@dataclass(frozen=True, slots=True)
class LabelledRun:
    """A labelling: what the page calls it, its settings, its labels."""

    name: str
    settings: Mapping[str, Any]
    labels: Sequence[Label]
    is_own: bool = True


def tunings(runs: Sequence[TunedRun]) -> Payload:
    """The parts for several tunings; none for fewer than two."""
    if len(runs) < 2:
        return {"kind": "", "parts": []}
    heads = ("examples", "steps", "time", "loss", "AUROC after", "ECE after", "right answers", "no number said")
    return _parts("Tunings beside each other", runs, (losses(runs), aurocs(runs)), heads, [_came_to(r) for r in runs])


def labellings(runs: Sequence[LabelledRun]) -> Payload:
    """The parts for several labellings; none for fewer than two."""
    if len(runs) < 2:
        return {"kind": "", "parts": []}
    heads = ("questions", "right", "wrong", "without a confidence", "AUROC of the confidence")
    return _parts("Labellings beside each other", runs, (shares(runs),), heads, [_labelled(r) for r in runs])


def _parts(
    title: str,
    runs: Sequence[TunedRun] | Sequence[LabelledRun],
    drawn: tuple[Figure, ...],
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> Payload:
    names = differing([run.settings for run in runs])
    cells = [[_cell(run.settings.get(name)) for name in names] for run in runs]
    called = [_data(run.name) if run.is_own else run.name for run in runs]
    all_rows = tuple((name, *own, *row) for name, own, row in zip(called, cells, rows, strict=True))
    titles = [name.replace("_", " ").capitalize() for name in names]
    parts = [
        heading(title),
        *figures(drawn),
        table("What differs, and what came of it", Table(("run", *titles, *heads), all_rows)),
        *text("caption", "" if names else _ALIKE),
    ]
    return {"kind": "runs labels", "parts": parts}


def differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the settings that are not the same in all, in their order."""
    names = dict.fromkeys(name for one in settings for name in one)
    return [name for name in names if any(one.get(name) != settings[0].get(name) for one in settings)]


def losses(runs: Sequence[TunedRun]) -> Figure:
    """The loss on what is taught, a line per run."""
    lines = [
        _line(run.name, look, [row["step"] for row in run.log], [row["loss"] for row in run.log])
        for run, look in zip(runs, LOOKS, strict=False)
    ]
    return figure("runs-loss", ("Loss", ""), lines, x=_STEPS, y={"rangemode": "tozero"}, caption=_ABOUT_LOSS)


def aurocs(runs: Sequence[TunedRun]) -> Figure:
    """How well the numbers told right from wrong at each look, a line per run."""
    lines = []
    for run, look in zip(runs, LOOKS, strict=False):
        looks = list(zip(run.shown["probe_steps"], run.shown["watched"], strict=True))
        known = [(step, one["auroc"]) for step, one in looks if one["auroc"] is not None]
        lines.append(_line(run.name, look, [step for step, _ in known], [value for _, value in known], marked=True))
    y = {"range": [0, 1.03], "tickformat": ".1f"}
    return figure("runs-auroc", ("Tells right from wrong (AUROC)", ""), lines, x=_STEPS, y=y, caption=_ABOUT_AUROC)


def shares(runs: Sequence[LabelledRun]) -> Figure:
    """Which share of the labels lies in each tenth of confidence, a line per run."""
    lines = []
    for run, look in zip(runs, LOOKS, strict=False):
        counts = [up + down for up, down in zip(bins(run.labels, True), bins(run.labels, False), strict=True)]
        total, places = max(1, sum(counts)), [(i + 0.5) / len(counts) for i in range(len(counts))]
        at = [f"{percent(p - 0.05)} to {percent(p + 0.05)}" for p in places]
        values = [count / total for count in counts]
        lines.append(line(escape(run.name), places, values, look, places=at, show=percent))
    x, y = {"range": [-0.01, 1.02], "tickformat": ".0%"}, {"rangemode": "tozero", "tickformat": ".0%"}
    return figure("runs-labels", ("How confident the samples are", ""), lines, x=x, y=y, caption=_ABOUT_SHARES)


_STEPS: Payload = {"title": "step", "showgrid": False, "rangemode": "tozero"}


def _line(name: str, look: Look, steps: Sequence[int], values: Sequence[float], *, marked: bool = False) -> Any:
    shown = look if marked else Look(look.colour, look.dash, "")
    return line(escape(name), steps, values, shown, places=[f"step {step}" for step in steps], show=two)


def _came_to(run: TunedRun) -> list[str]:
    """What a tuning came to: the numbers after it are those that it says, on questions it was not taught."""
    after = run.shown["results"][1] if len(run.shown["results"]) > 1 else None
    last = run.log[-1] if run.log else None
    steps = [str(last["step"]), runs_view.duration(last["seconds"]), two(last["loss"])] if last else [_NOT_YET] * 3
    if after is None:
        return [str(run.n_train), *steps, *[_NOT_YET] * 4]
    silent = f"{after['n_unscored']} of {after['n']}"
    return [str(run.n_train), *steps, after["auroc"], after["ece"], after["accuracy"], silent]


def _labelled(run: LabelledRun) -> list[str]:
    verdicts = [label.is_correct for label in run.labels]
    n_unscored = sum(label.confidence is None for label in run.labels)
    counted = (len(run.labels), verdicts.count(True), verdicts.count(False), n_unscored)
    return [*map(str, counted), _separates(run.labels)]


def _separates(labels: Sequence[Label]) -> str:
    known = [(x.confidence, x.is_correct) for x in labels if x.confidence is not None and x.is_correct is not None]
    n_right = sum(right for _, right in known)
    if len(known) < FEWEST or min(n_right, len(known) - n_right) < FEWEST_OF_A_KIND:
        return "too few to measure"
    value = auroc([c for c, _ in known], [right for _, right in known])
    return "none" if value is None else two(value)


def _cell(value: Any) -> Cell:
    return _data("none" if value is None else f"{value:g}" if isinstance(value, float) else str(value))


def _data(value: str) -> Payload:
    return {"text": value, "is_data": True}
