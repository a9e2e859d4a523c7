"""The Tune tab: distilled examples -> an adapter, in a job that outlives the tab; then the adapter beside its base.

The inputs are in `tune_inputs`, what is drawn is made in `uait.page.views.runs`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from uait.data.catalogue import Description
from uait.data.files import read_json, read_rows
from uait.page import run_compare, run_files
from uait.page.figures import labels, tuning
from uait.page.menu import Who
from uait.page.place import Place
from uait.page.run_actions import EVERY, Seen, Started, discarder, is_tuning, look_soon, own, resumer, starter, stopper
from uait.page.run_actions import look as run_look
from uait.page.run_components import JobPanel, Labels, Message, Tuning, about_space, tab_style
from uait.page.tabs import own_runs, tune_inputs, tune_plan
from uait.page.tabs.tune_inputs import tune_settings
from uait.page.tabs.tune_plan import NONE_YET, RECORDED
from uait.page.views import runs as runs_view
from uait.records import SmallRun
from uait.records.errors import UaitError
from uait.runs import jobs
from uait.runs.files import ADAPTER, BEFORE_AFTER, DISTILLED, PROBES
from uait.runs.folder import RunFolder, all_runs
from uait.runs.jobs import JobStatus
from uait.settings import Settings, allows_training
from uait.stages.engines import DEFAULT_THRESHOLD, Shelf
from uait.stages.tune import probe_examples, read_taught, read_untaught
from uait.tuning.card import CARD, read_card
from uait.tuning.trainer import LOG, read_log

_INTRO = (
    "LoRA puts a few small matrices beside the model’s own and trains only these: the adapter. The model itself stays "
    "as it was. Recipe “told” lets it read the model’s answer and say how likely such an answer is to be right; the "
    "paper’s recipe teaches answer and number as one text, such as “Paris; 93.1 %”."
)
_ABOUT_RUN = "What was kept in the Label tab; the newest labels are chosen. A tuning holds those it learnt from."
_FOCUS = "() => requestAnimationFrame(() => document.querySelector('#keep-tuning')?.focus())"
_REALLY = "Delete this tuning, its adapter and its checkpoints? This can’t be undone. The examples are kept."

Update = Any  # a value for a component, or gr.skip()


def build(place: Place, verbs: Any, who: Who) -> gr.Timer:
    """Places the tab's components in the current Blocks and wires them.

    Runs are kept where those of the visitor are. Before there is any, the labels that were recorded with the model are
    its examples, and what their tuning came to is shown.
    """
    timer = gr.Timer(EVERY, active=False)  # its tab's opening starts it
    with gr.Column(elem_classes="run-tab"):
        tab_style()
        about_space()
        _build(place.shelf, verbs, place.description, who.visitor, timer)
    return timer


def _build(
    shelf: Shelf, verbs: Any, description: Description | None, visitor: gr.components.Component, timer: gr.Timer
) -> None:
    base = shelf.shipped.settings
    recorded = description.small_run if description else None
    gr.Markdown("## Teach the model to say how sure it is")
    gr.Markdown(_INTRO)
    offered = [RECORDED] if recorded else []
    run = gr.Dropdown(
        offered,
        value=None,  # the first look chooses, and so its plan is told
        label="Examples to learn from",
        info=_ABOUT_RUN,
        allow_custom_value=True,
        elem_id="tune-run",
    )
    values = tune_inputs.build(base, *(tune_plan.first_start(base, recorded.n_train) if recorded else ()))
    plan = gr.Markdown("" if recorded else NONE_YET, elem_id="plan")
    about = "A command that tunes with these very settings."
    terminal: dict[str, Any] = {"info": about, "elem_id": "command", "buttons": ["copy"], "visible": False}
    command = gr.Textbox(label="The same in a terminal", lines=2, max_lines=8, interactive=False, **terminal)
    with gr.Row():
        start = gr.Button("Start tuning", variant="primary", interactive=allows_training())
        stop = gr.Button("Stop and save", interactive=False)
        resume = gr.Button("Resume", interactive=False)
        discard = gr.Button("Discard", interactive=False)
    sure, yes, no = _confirmation()
    message = Message(elem_id="tune-message")
    panel = JobPanel(runs_view.job_panel(None), elem_id="tune-job", label="job")
    drawn = Tuning(_recorded_run(recorded), elem_id="tuning", label="tuning")
    download = gr.DownloadButton("Download the adapter, its card and settings", visible=False, elem_id="tune-download")
    compare = partial(run_compare.tunings, recorded=(RECORDED, recorded) if recorded else None)
    named = own_runs.build("tune", run, visitor, partial(_names, model=base.model.model), compare, offered)
    asked, ask, beside = _beside()

    private: dict[str, Any] = {"api_visibility": "private"}
    quiet: dict[str, Any] = {"show_progress": "hidden", **private}
    planned = [run.change, *[value.change for value in values]]
    make_planner = partial(tune_plan.planner, shelf=shelf, recorded=recorded)
    gr.on(planned, own(make_planner), [run, *values, visitor], [plan, command], **quiet)
    start_from, epochs = values[tune_inputs.START], values[tune_inputs.EPOCHS]
    known: dict[str, Any] = {"base": base, "recorded": recorded}
    fitted: dict[str, Any] = {"queue": False, **quiet}
    run.change(own(partial(tune_plan.fitter, **known)), [run, visitor], [start_from, epochs], **fitted)
    start_from.input(own(partial(tune_plan.epochs_fitter, **known)), [run, start_from, visitor], epochs, **fitted)
    begun = start.click(
        own(partial(_starter, base=base, description=description)),
        [run, *values, visitor],
        [run, message, panel],
        **private,
    )
    stop.click(own(stopper), [run, visitor], [message, panel], queue=False, **private)
    resumed = resume.click(own(resumer), [run, visitor], [message, panel], **private)
    discard.click(lambda: gr.update(visible=True), None, sure, queue=False, **quiet).then(None, js=_FOCUS, **private)
    discarded = yes.click(own(discarder), [run, visitor], [message, panel], queue=False, **private)
    for decided in (yes, no):
        decided.click(lambda: gr.update(visible=False), None, sure, queue=False, **quiet)
    both = partial(_ask_both, shelf, verbs)
    gr.on([ask.click, asked.submit], both, [run, asked, visitor], beside, concurrency_id="model", **private)
    look_soon(timer, run.change, begun.then, resumed.then, discarded.then, named.then)
    seen = gr.State(None)
    looked = [seen, timer, run, panel, drawn, download, stop, resume, discard, ask]
    timer.tick(
        own(partial(_looker, model=base.model.model, recorded=recorded)),
        [seen, run, visitor],
        looked,
        queue=False,
        **quiet,
    )


def _confirmation() -> tuple[gr.Group, gr.Button, gr.Button]:
    with gr.Group(visible=False, elem_id="discard-sure") as sure:
        gr.Markdown(_REALLY, padding=True)
        with gr.Row():
            yes, no = gr.Button("Yes, delete it", variant="stop"), gr.Button("No, keep it", elem_id="keep-tuning")
    return sure, yes, no


def _beside() -> tuple[gr.Textbox, gr.Button, Labels]:
    gr.Markdown("## Ask it beside the model it came from")
    with gr.Row(elem_classes="level"):
        about = "Works as soon as there is an adapter."
        asked = gr.Textbox(label="A question for both", info=about, lines=1, scale=4, min_width=260)
        ask = gr.Button("Ask both", interactive=False, scale=1)
    return asked, ask, Labels(labels.beside(), elem_id="beside", label="both answers")


def _names(root: Path, model: str) -> list[str]:
    return [path.name for path in all_runs(root, model) if (path / DISTILLED).exists()]


def _starter(root: Path, base: Settings, description: Description | None) -> Callable[..., Started]:
    def begin(name: str | None, *given: Any) -> JobStatus:
        tune = tune_settings(given)
        recorded = description.small_run if description else None
        chosen = tune_plan.examples(root, name, base, tune, recorded).folder
        if name == RECORDED and description and recorded:
            folder = run_files.from_recorded(root, description, recorded)
        else:
            folder = run_files.fresh(root, chosen, tune)
        return jobs.start(folder, "tune", run_files.settings_of(base, folder, tune))

    return starter(root, begin, lambda: _names(root, base.model.model))


def _newest(root: Path, names: Sequence[str], seen: Seen | None) -> str | None:
    """Which of the runs that came since the last look to show: at first one under way, else labels before tunings."""
    new = [name for name in names if name not in (seen or {}).get("names", [])]
    alive = [name for name in new if seen is None and (job := jobs.status(root / name)) and job.is_alive]
    return next(iter([*alive, *sorted(new, key=is_tuning)]), None)


def _looker(root: Path, model: str, recorded: SmallRun | None) -> Callable[..., list[Update]]:
    """Looks at the chosen tuning; sends only what has changed since the last look."""

    def look(seen: Seen | None, chosen: str | None) -> list[Update]:
        offered = [RECORDED] if recorded else []
        names = _names(root, model)
        name = _newest(root, names, seen) or chosen or next(iter(offered), None)
        now = run_look(root, seen, names, name, _sizes, chosen, offered, "tune")
        if not now.is_new:
            return [now.seen, now.timer, now.menu, now.panel, *[gr.skip()] * 6]
        folder = now.folder
        has_adapter = bool(folder and (folder / "adapter" / "card.json").exists()) and not now.is_alive
        saved = gr.update(visible=False)
        if folder and has_adapter:
            saved = gr.update(value=run_files.adapter_to_take(folder), visible=True)
        can_discard = bool(now.status or (folder and (folder / "adapter").exists()))
        buttons = [gr.update(interactive=on) for on in (now.is_alive, now.can_resume, can_discard, has_adapter)]
        has_begun = now.is_alive or any(now.seen["marks"] or ())
        return [
            now.seen,
            now.timer,
            now.menu,
            now.panel,
            _drawn(folder) if has_begun else _recorded_run(recorded),
            saved,
            *buttons,
        ]

    return look


def _recorded_run(run: SmallRun | None) -> runs_view.Payload:
    if run is None:
        return tuning.page(runs_view.tuning([], [], [], []))
    told = runs_view.recorded_caption(run), runs_view.chosen_threshold(run.chosen, DEFAULT_THRESHOLD)
    return tuning.page(runs_view.tuning(run.log, run.looks, run.examples, run.results, *told))


def _watched(folder: Path) -> list[Path]:
    adapter = folder / "adapter"
    return [adapter / LOG, adapter / CARD, folder / PROBES, folder / BEFORE_AFTER]


def _sizes(folder: Path) -> list[int]:
    return [path.stat().st_size if path.exists() else 0 for path in _watched(folder)]


def _drawn(folder: Path | None) -> runs_view.Payload:
    """The tuning in the folder; of a damaged one what is wrong, so that the tab goes on with another."""
    if folder is None or not (folder / DISTILLED).exists():
        return _recorded_run(None)
    (*_, probes, results), run = _watched(folder), RunFolder(folder)
    try:
        looks = [row for _, row in read_rows(probes, is_log=True)] if probes.exists() else []
        examples = probe_examples(read_taught(run))
        after = read_json(results) if results.exists() else []
        card = read_card(folder / ADAPTER) if (folder / ADAPTER / CARD).exists() else None
        trusted = runs_view.chosen_threshold(card and card.chosen, DEFAULT_THRESHOLD)
        trusted = " ".join(filter(None, (trusted, runs_view.went_on(card))))
        shown = runs_view.tuning(read_log(folder / ADAPTER / LOG), looks, examples, after, threshold=trusted)
        return tuning.page(shown, read_untaught(run))
    except UaitError as err:
        said = str(err).replace(str(folder), folder.name)
        return tuning.page({**runs_view.tuning([], [], [], []), "advice": said})


def _ask_both(shelf: Shelf, verbs: Any, name: str | None, question: str, visitor: str) -> runs_view.Payload:
    try:
        before, after = shelf.run(verbs.beside, name or "", visitor, question or "")
    except UaitError as err:
        return labels.beside(failure=str(err))
    return labels.beside(before, after)
