"""The Evaluate tab: the paper's results as recorded, and measured again in a job that outlives the tab.

The figures and tables are made in `uait.page.figures.results` and `uait.page.views.evaluate`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from uait.data.catalogue import describe, names
from uait.data.files import write_jsonl
from uait.method.answers import SELF_TRAINED
from uait.page import run_actions
from uait.page.components import Drawn
from uait.page.figures import results
from uait.page.menu import Who
from uait.page.place import Place
from uait.page.run_components import JobPanel, Message, about_space, tab_style
from uait.page.views import answer as answer_view
from uait.page.views import evaluate as evaluate_view
from uait.page.views import ranking
from uait.page.views import runs as runs_view
from uait.records import EvalReport, Question, SweepPoint
from uait.records.errors import DataError, UaitError
from uait.runs import jobs
from uait.runs.files import REPORT, SPLITS
from uait.runs.folder import all_runs, new_name
from uait.runs.jobs import JobStatus
from uait.settings import allows_training
from uait.stages.engines import SHIPPED, Shelf
from uait.stages.evaluate import drawn, read_report

FEWEST = 20  # questions: with fewer, an interval says nothing
RECORDED = "recorded with the model"

Update = Any  # a value for a component, or gr.skip()
Splits = Mapping[str, Sequence[Question]]
Show = Callable[[EvalReport | None, bool], answer_view.Payload]


class Evaluation(Drawn):
    """Figures and tables of one evaluation, and the files to take away."""

    scripts = ("figures.js", "parts.js")
    css = "evaluate.css"


def build(place: Place, who: Who) -> gr.Timer:
    """Places the tab's components in the current Blocks and wires them.

    The recorded evaluation is shown; the model's held-out questions are asked again of the adapter that `who` names.
    """
    description, report = place.description, place.report
    exposure = place.exposure if place.facts else None
    about_verbalized = description.about_verbalized if description else ""
    others = [other for name in names() if name != place.name and (other := describe(name))]
    caveats = [f"About “verbalized”: {about_verbalized}"] if about_verbalized else []
    if report and any(result.method == SELF_TRAINED for result in report.results):
        caveats.append("About “UaIT”: when it was tuned, it was told which answers were right; “self-trained” was not.")
    caveats += [ranking.elsewhere(other.title, other.report) for other in others if other.report]
    show = _shower(exposure, description.sweep if description else None, caveats)
    splits = description.held_out if description else {}
    timer = gr.Timer(run_actions.EVERY, active=False)  # its tab's opening starts it
    with gr.Column(elem_classes="run-tab"):
        tab_style()
        about_space()
        _build(place.shelf, show, show(report, True), splits, who, timer)
    return timer


def _shower(
    exposure: evaluate_view.Exposure | None, sweep: tuple[SweepPoint, ...] | None, caveats: Sequence[str]
) -> Show:
    """How a report becomes what the page draws and exports."""

    def show(report: EvalReport | None, is_recorded: bool) -> answer_view.Payload:
        if report is None:
            return results.page(evaluate_view.no_evaluation())
        shown = evaluate_view.evaluation(report, sweep, exposure, is_recorded)
        return results.page({**shown, "caveats": caveats})

    return show


def _build(
    shelf: Shelf,
    show: Show,
    recorded: answer_view.Payload,
    splits: Splits,
    who: Who,
    timer: gr.Timer,
) -> None:
    gr.Markdown("## How well does the confidence tell right from wrong?")
    n, run = _choices(max(map(len, splits.values()), default=0))
    with gr.Row():
        start = gr.Button("Run again", variant="primary", interactive=allows_training())
        stop = gr.Button("Stop", interactive=False)
        resume = gr.Button("Resume", interactive=False)
        back = gr.Button("Show the recorded one", interactive=False)
    message = Message(elem_id="evaluate-message")
    panel = JobPanel(runs_view.job_panel(None), elem_id="evaluate-job", label="job")
    figures = Evaluation(recorded, elem_id="evaluation", label="evaluation")

    quiet: Any = {"show_progress": "hidden", "api_visibility": "private"}
    visitor = who.visitor
    own = run_actions.own
    begin = own(partial(_starter, shelf=shelf, splits=splits))
    begun = start.click(begin, [n, *who, visitor], [run, message, panel], **quiet)
    stop.click(own(run_actions.stopper), [run, visitor], [message, panel], queue=False, **quiet)
    resumed = resume.click(own(run_actions.resumer), [run, visitor], [message, panel], **quiet)
    back.click(lambda: (RECORDED, ""), None, [run, message], queue=False, **quiet)
    run_actions.look_soon(timer, run.change, begun.then, resumed.then)
    seen = gr.State(None)
    looked = [seen, timer, run, panel, figures, stop, resume, back]
    look = own(partial(_looker, model=shelf.shipped.settings.model.model, show=show, recorded=recorded))
    timer.tick(look, [seen, run, visitor], looked, queue=False, **quiet)


def _choices(most: int) -> tuple[gr.Slider, gr.Dropdown]:
    """How many questions to ask, and which evaluation is shown."""
    most = max(FEWEST + 1, most)  # a slider needs two ends
    about: dict[str, Any] = {
        "label": "How many questions of each kind",
        "info": "never taught; picked at random, always the same",
        "elem_classes": "settings",
    }
    shown: dict[str, Any] = {"label": "Shown", "allow_custom_value": True, "elem_id": "evaluate-run", "min_width": 280}
    with gr.Row():
        n = gr.Slider(FEWEST, most, min(100, most), step=1, scale=2, min_width=280, **about)
        return n, gr.Dropdown([RECORDED], value=RECORDED, **shown)


def _starter(root: Path, shelf: Shelf, splits: Splits) -> Callable[..., run_actions.Started]:
    base = shelf.shipped.settings

    def begin(n: float, adapter: str = SHIPPED, visitor: str = "") -> JobStatus:
        if not splits:
            raise DataError(f"{base.model.model!r} comes with no questions; evaluate it on the command line.")
        key = shelf.key(adapter, visitor)
        chosen = base if key is None else base.with_adapter(key[0])
        folder = root / new_name(root, "evaluate")
        for name, questions in splits.items():
            write_jsonl(folder / SPLITS / f"{name}.jsonl", drawn(questions, int(n), base.evaluate.seed))
        return jobs.start(folder, "evaluate", chosen)

    return run_actions.starter(root, begin, lambda: [RECORDED, *_names(root, base.model.model)])


def _names(root: Path, model: str) -> list[str]:
    return [path.name for path in all_runs(root, model) if (path / SPLITS).is_dir()]


def _looker(root: Path, model: str, show: Show, recorded: answer_view.Payload) -> Callable[..., list[Update]]:
    """Looks at the chosen evaluation and its job; sends only what has changed since the last look."""

    def look(seen: run_actions.Seen | None, chosen: str | None) -> list[Update]:
        names, name = _names(root, model), chosen or RECORDED
        if seen is None and names and _is_alive(root / names[0]):
            name = names[0]  # under way while the page was loaded anew
        now = run_actions.look(root, seen, names, name, _made, chosen, offered=[RECORDED])
        if not now.is_new:
            return [now.seen, now.timer, now.menu, now.panel, *[gr.skip()] * 4]
        is_same = seen is not None and seen["marks"] == now.seen["marks"]
        shown = gr.skip() if is_same else _drawn(now.folder, show, recorded)
        buttons = [gr.update(interactive=on) for on in (now.is_alive, now.can_resume, name != RECORDED)]
        return [now.seen, now.timer, now.menu, now.panel, shown, *buttons]

    return look


def _is_alive(folder: Path) -> bool:
    status = jobs.status(folder)
    return status is not None and status.is_alive


def _made(folder: Path) -> list[Any]:
    """Which result the folder holds, and when it was written; empty when it holds none."""
    result = folder / REPORT
    return [folder.name, result.stat().st_mtime] if result.is_file() else []


def _drawn(folder: Path | None, show: Show, recorded: answer_view.Payload) -> answer_view.Payload:
    """The run's own result, or the recorded one until there is one."""
    try:
        report = read_report(folder / REPORT) if folder else None
    except UaitError:  # deleted or damaged while looked at
        report = None
    return recorded if report is None else show(report, False)
