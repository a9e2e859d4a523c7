"""The Label tab: questions -> labels, in a job that outlives the tab; then which labels teach.

The inputs are in `label_inputs`, what is drawn is made in `uait.page.views.labels` and `runs`.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from uait.data.catalogue import Description, small
from uait.data.files import read_jsonl, write_jsonl
from uait.method.pace import label_span
from uait.page import limits, run_compare
from uait.page.figures import labels as labels_figures
from uait.page.menu import Who
from uait.page.place import Place
from uait.page.run_actions import EVERY, GONE, Seen, Started, check_allowed, look_soon, own, resumer, starter, stopper
from uait.page.run_actions import look as run_look
from uait.page.run_components import Distil, JobPanel, Labels, Message, about_space, tab_style
from uait.page.run_files import held_out_of, labels_to_take
from uait.page.run_pace import pace_of
from uait.page.tabs import label_inputs, own_runs
from uait.page.tabs.label_inputs import BI_ENCODER, EMBEDDED, OWN, Given, chosen_settings
from uait.page.tabs.label_upload import own_questions
from uait.page.views import labels as labels_view
from uait.page.views import runs as runs_view
from uait.records import DistilledSet, Label, Question, SmallRun
from uait.records.errors import DataError, UaitError
from uait.records.events import last_record
from uait.runs import jobs, quota
from uait.runs.files import HELD_OUT, LABELS, QUESTIONS
from uait.runs.folder import RunFolder, all_runs, find_run, new_name
from uait.runs.jobs import JobStatus
from uait.settings import DistilSettings, Settings, allows_training
from uait.stages.distil import distil, set_apart
from uait.stages.evaluate import drawn
from uait.stages.label import read_left_out

_INTRO = (
    "The model answers every question several times. Answers that agree make a high confidence, answers that differ "
    "a low one (SAR); beside it stands whether the answer was right."
)
_ABOUT_CHOICE = (
    "A model learns to grade its doubt from right answers that it was sure of and wrong ones that it doubted. "
    "Recipe “told” teaches it which were right; the paper’s recipe, the numbers themselves. "
    "One label in five is kept apart, to watch the tuning by."
)
_KEEP = (
    "(run, right, wrong, visitor) => { const d = document.querySelector('#distil [data-right]').dataset;"
    " return [run, Number(d.right), Number(d.wrong), visitor]; }"
)
_NOTHING_YET = "Label some questions first: each becomes a sign to sort."

Update = Any  # a value for a component, or gr.skip()


def build(place: Place, who: Who) -> gr.Timer:
    """Places the tab's components in the current Blocks and wires them.

    Runs are kept where those of the visitor are. The model's own questions may be tuned on, its held-out ones are asked
    before and after, and its recorded run is shown before there is another.
    """
    timer = gr.Timer(EVERY, active=False)  # its tab's opening starts it
    with gr.Column(elem_classes="run-tab"):
        tab_style()
        about_space()
        _build(small(place.shelf.shipped.settings), place.description, who.visitor, timer)
    return timer


def _build(base: Settings, description: Description | None, visitor: gr.components.Component, timer: gr.Timer) -> None:
    given = description.tuning_questions if description else []
    held_out = held_out_of(description)
    recorded = description.small_run if description else None
    gr.Markdown("## Ask every question several times, and see how much the answers agree")
    gr.Markdown(_INTRO)
    inputs = label_inputs.build(base, given)
    plan = gr.Markdown(elem_id="label-plan")
    with gr.Row():
        start = gr.Button("Start", variant="primary", interactive=allows_training())
        stop = gr.Button("Stop", interactive=False)
        resume = gr.Button("Resume", interactive=False)
    about_run = "The newest is chosen; what was labelled before stays here."
    run = gr.Dropdown([], label="Run", info=about_run, allow_custom_value=True, elem_id="label-run")
    message = Message(elem_id="label-message")
    panel = JobPanel(runs_view.job_panel(None), elem_id="label-job", label="job")
    labels = Labels(labels_figures.page([]), elem_id="labels", label="labels")
    download = gr.DownloadButton("Download the labels", visible=False, elem_id="label-download")
    named = own_runs.build("label", run, visitor, partial(_names, model=base.model.model), run_compare.labellings)
    gr.Markdown("## Choose which of them teach")
    gr.Markdown(_ABOUT_CHOICE)
    sorting = Distil(labels_view.distilling([], base.distil), elem_id="distil", label="distilling")
    kept = Message(_NOTHING_YET, elem_id="kept")

    private: dict[str, Any] = {"api_visibility": "private"}
    quiet: dict[str, Any] = {"show_progress": "hidden", **private}
    *_, n, n_samples, _, engine, _ = inputs
    planned: dict[str, Any] = {"inputs": [n, n_samples, engine], "outputs": plan, "queue": False, **quiet}
    gr.on([n.change, n_samples.change, engine.change], _planner(base.model.model, recorded), **planned)
    plan.value = _planner(base.model.model, recorded)(n.value, n_samples.value, engine.value)
    started = [run, message, panel]
    make_starter = partial(_starter, base=base, given=given, held_out=held_out)
    begun = start.click(own(make_starter), [*inputs, visitor], started, **private)
    stop.click(own(stopper), [run, visitor], [message, panel], queue=False, **private)
    resumed = resume.click(own(resumer), [run, visitor], [message, panel], **private)
    look_soon(timer, run.change, begun.then, resumed.then, named.then)
    seen = gr.State(None)
    looked = [seen, timer, run, panel, labels, sorting, download, stop, resume, kept]
    timer.tick(
        own(partial(_looker, model=base.model.model, recorded=recorded, choice=base.distil)),
        [seen, run, visitor],
        looked,
        queue=False,
        **quiet,
    )
    right, wrong = (gr.Number(0.5, visible=False, label=side) for side in ("right from", "wrong below"))
    keep: Any = sorting  # its event is named in its script alone
    keep.keep(own(partial(_keeper, choice=base.distil)), [run, right, wrong, visitor], kept, js=_KEEP, **private)


def _planner(model: str, recorded: SmallRun | None) -> Callable[[float, float, str], str]:
    """How long so many questions will take; nothing is known of a cross-encoder."""

    def plan(n: float, n_samples: float, engine: str) -> str:
        pace, paced_by = pace_of(model, recorded)
        if pace is None or engine != BI_ENCODER:
            return ""
        time = runs_view.estimate(label_span(pace, int(n), int(n_samples)), paced_by)
        return f"{int(n):,} question{'' if n == 1 else 's'}; {time}."

    return plan


def _starter(
    root: Path, base: Settings, given: Sequence[Question], held_out: Sequence[Question]
) -> Callable[..., Started]:
    def begin(*inputs: Any) -> JobStatus:
        values = Given.of(*inputs)
        limits.check_labels(values.n)
        questions = own_questions(values.own) if values.source == OWN else given
        chosen = chosen_settings(base, values)
        folder = root / new_name(root, "label")
        folder.mkdir(parents=True)
        write_jsonl(folder / QUESTIONS, drawn(questions, int(values.n), base.sampling.seed))
        if values.source == EMBEDDED and held_out:
            write_jsonl(folder / HELD_OUT, held_out)
        return jobs.start(folder, "label", chosen)

    return starter(root, begin, lambda: _names(root, base.model.model))


def _names(root: Path, model: str) -> list[str]:
    return [path.name for path in all_runs(root, model) if (path / QUESTIONS).exists()]


def _looker(root: Path, model: str, recorded: SmallRun | None, choice: DistilSettings) -> Callable[..., list[Update]]:
    """Looks at the runs and the chosen one's job and labels; sends only what has changed since the last look."""

    def look(seen: Seen | None, chosen: str | None) -> list[Update]:
        names = _names(root, model)
        name = chosen or (names[0] if names else None)
        now = run_look(root, seen, names, name, _size, chosen)
        if not now.is_new:
            return [now.seen, now.timer, now.menu, now.panel, *[gr.skip()] * 6]
        labels = _labels(now.folder / LABELS) if now.folder and _size(now.folder) else []
        saved = gr.update(visible=False)
        if now.folder and labels and not now.is_alive:
            saved = gr.update(value=labels_to_take(now.folder), visible=True)
        shown = _drawn(labels, now.folder, None if name else recorded, choice)
        buttons = [gr.update(interactive=on) for on in (now.is_alive, now.can_resume)]
        return [now.seen, now.timer, now.menu, now.panel, *shown, saved, *buttons, "" if labels else _NOTHING_YET]

    return look


def _size(folder: Path) -> int:
    return (folder / LABELS).stat().st_size if (folder / LABELS).exists() else 0


def _labels(path: Path) -> list[Label]:
    try:
        return read_jsonl(path, Label)
    except DataError:  # deleted between two looks
        return []


def _drawn(
    labels: Sequence[Label], folder: Path | None, run: SmallRun | None, choice: DistilSettings
) -> list[runs_view.Payload]:
    """The chosen run's labels twice, to read and to sort; or those of the recorded run."""
    if run is not None:
        source = runs_view.recorded_caption(run)
        return [labels_figures.page(run.labels, source), labels_view.distilling(run.labels, choice, source)]
    apart = set_apart(labels, Settings(distil=choice), RunFolder(folder)) if folder else []
    facts = {question.fact for question in apart}
    teaching = [label for label in labels if label.question.fact not in facts]
    left_out = read_left_out(RunFolder(folder)) if folder else ()
    return [labels_figures.page(labels, left_out=left_out), labels_view.distilling(teaching, choice)]


def _keeper(root: Path, choice: DistilSettings) -> Callable[[str, float, float], str]:
    """Distils the chosen run's labels into a run of their own, ready to be tuned on."""

    def keep(name: str, right: float, wrong: float) -> str:
        try:
            check_allowed()
            quota.check_room(root)
            folder = find_run(root, name)
            if folder is None or not (folder / LABELS).exists():
                missing = GONE if name and folder is None else "There are no labels yet; label some questions first."
                raise DataError(missing)
            chosen = replace(choice, keep_right_from=right or None, keep_wrong_below=None if wrong >= 1 else wrong)
            target = root / new_name(root, "tune")
            return labels_view.kept_sentence(_distilled(folder, target, chosen), target.name)
        except (UaitError, OSError) as err:
            return str(err)

    return keep


def _distilled(folder: Path, target: Path, choice: DistilSettings) -> DistilledSet:
    """The labels in `folder`, distilled in `target`, which is gone again where nothing can be kept."""
    target.mkdir()
    try:
        for part in (LABELS, "settings.json", HELD_OUT):
            if (folder / part).exists():
                shutil.copy(folder / part, target / part)
        run = RunFolder(target)
        return last_record(distil(replace(run.settings(), distil=choice), run))
    except UaitError:
        shutil.rmtree(target)
        raise
