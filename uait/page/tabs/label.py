"""The Label tab: questions -> labels, in a job that outlives the tab; then which labels teach.

Knows the components, the jobs and `distil`; the data on the page is made in `present_labels` and `present_runs`.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import gradio as gr

from uait.data import uploads
from uait.data.files import read_jsonl, write_jsonl
from uait.embedded.pocket import small_run
from uait.embedded.pocket.small_run import DISTIL, SmallRun
from uait.page.run_actions import EVERY, GONE, check_allowed, own, resumer, stopper
from uait.page.run_components import Distil, JobPanel, Labels, tab_style
from uait.page.views import labels as labels_view
from uait.page.views import runs as runs_view
from uait.records import DistilledSet, Done, Label, Question
from uait.records.errors import DataError, UaitError
from uait.runs import jobs
from uait.runs.folder import RunFolder
from uait.runs.jobs import JobState
from uait.settings import ModelSettings, SamplingSettings, Settings, settings_of
from uait.stages import pipeline, work
from uait.stages.evaluate import picked

EMBEDDED, OWN = "Questions that come with the model", "My own file"
BI_ENCODER, CROSS_ENCODER = "The embedded one (all-MiniLM-L6-v2)", "A cross-encoder"
_INTRO = (
    "The model answers every question several times. Answers that agree make a high confidence, answers that differ "
    "a low one (SAR); beside it stands whether the answer was right."
)
_ABOUT_ENGINE = (
    "It says how alike two answers are. The embedded one reads each answer by itself and is quick; a cross-encoder "
    "reads both together, as in the paper: slower, often more exact, and it must be on this machine or downloadable."
)
_ABOUT_CHOICE = (
    "A model learns to grade its doubt from right answers that it was sure of and wrong ones that it doubted. "
    "One label in five is kept apart, to watch the tuning by."
)
_KEEP = (
    "(run, right, wrong, visitor) => { const d = document.querySelector('#distil [data-right]').dataset;"
    " return [run, Number(d.right), Number(d.wrong), visitor]; }"
)
_NOTHING_YET = "Label some questions first: each becomes a sign to sort."
_HELP = {setting.name: setting.help for setting in settings_of(SamplingSettings)}
_PAPERS_ENGINE = "cross-encoder/stsb-roberta-large"

Update = Any  # a value for a component, or gr.skip()
Recorded = Callable[[], SmallRun | None]


class Given(NamedTuple):
    """The values of the tab's inputs."""

    source: str
    file: str | None
    text: str | None
    accepted: str | None
    id: str | None
    n: float
    n_samples: float
    temperature: float
    engine: str
    cross_encoder: str


def build(
    engines: pipeline.Engines,
    questions: Callable[[], Sequence[Question]] = small_run.embedded_questions,
    held_out: Callable[[], Sequence[Question]] = small_run.held_out_questions,
    root: Path | None = None,
    recorded: Recorded = small_run.recorded,
    visitor: gr.components.Component | None = None,
) -> None:
    """Places the tab's components in the current Blocks and wires them. Runs are kept in folders below `root`.

    Without a `root` they are kept where those of the visitor are, whose token is the value of `visitor`.

    `questions` come with the model and may be tuned on; `held_out` ones are asked before and after, never taught.
    `recorded` is shown before there is a run.
    """
    visitor = gr.State("") if visitor is None else visitor
    with gr.Column(elem_classes="run-tab"):
        tab_style()
        _build(engines.settings, questions(), held_out()[: small_run.N_HELD_OUT], root, recorded, visitor)


def _build(
    base: Settings,
    given: Sequence[Question],
    held_out: Sequence[Question],
    root: Path | None,
    recorded: Recorded,
    visitor: gr.components.Component,
) -> None:
    gr.Markdown("## Ask every question several times, and see how much the answers agree")
    gr.Markdown(_INTRO)
    inputs = _inputs(base, given)
    with gr.Row():
        start = gr.Button("Start", variant="primary")
        stop = gr.Button("Stop", interactive=False)
        resume = gr.Button("Resume", interactive=False)
    about_run = "The newest is chosen; what was labelled before stays here."
    run = gr.Dropdown([], label="Run", info=about_run, allow_custom_value=True, elem_id="label-run")
    message = gr.Markdown(elem_id="label-message")
    panel = JobPanel(runs_view.job_panel(None), elem_id="label-job", label="job")
    labels = Labels(labels_view.labelled([]), elem_id="labels", label="labels")
    download = gr.DownloadButton("Download the labels", visible=False, elem_id="label-download")
    gr.Markdown("## Choose which of them teach")
    gr.Markdown(_ABOUT_CHOICE)
    distil = Distil(labels_view.distilling([], DISTIL), elem_id="distil", label="distilling")
    kept = gr.Markdown(_NOTHING_YET, elem_id="kept")

    private: dict[str, Any] = {"api_visibility": "private"}
    quiet: dict[str, Any] = {"show_progress": "hidden", **private}
    file, *mapping, n = inputs.file, *inputs.mapping, inputs.n
    file.change(_preview, file, [*mapping, inputs.shown, n, message], **quiet)
    started = [run, message, panel]
    make_starter = partial(_starter, base=base, given=given, held_out=held_out)
    start.click(own(root, make_starter), [*inputs.all, visitor], started, **private)
    stop.click(own(root, stopper), [run, visitor], [message, panel], queue=False, **private)
    resume.click(own(root, resumer), [run, visitor], [message, panel], **private)
    seen = gr.State(None)
    looked = [seen, run, panel, labels, distil, download, stop, resume, kept]
    gr.Timer(EVERY).tick(
        own(root, partial(_looker, recorded=recorded)), [seen, run, visitor], looked, queue=False, **quiet
    )
    right, wrong = (gr.Number(0.5, visible=False, label=side) for side in ("right from", "wrong below"))
    keep: Any = distil  # its event is named in its script alone
    keep.keep(own(root, _keeper), [run, right, wrong, visitor], kept, js=_KEEP, **private)


class _Inputs(NamedTuple):
    file: gr.File
    mapping: list[gr.Dropdown]
    shown: gr.Dataframe
    n: gr.Slider
    all: list[Any]  # in the order of Given


def _inputs(base: Settings, given: Sequence[Question]) -> _Inputs:
    about = (
        "With known answers, so that right and wrong can be told; your file goes no further than this page’s machine."
    )
    source = gr.Radio(
        [EMBEDDED, OWN] if given else [OWN], value=EMBEDDED if given else OWN, label="Questions", info=about
    )
    with gr.Group(visible=not given) as upload:
        file, mapping, shown = _upload()
    n, n_samples, temperature = _numbers(base, len(given))
    with gr.Accordion("Similarity engine", open=False, elem_classes="settings"):
        engine = gr.Radio(
            [BI_ENCODER, CROSS_ENCODER], value=BI_ENCODER, label="Which engine compares the answers", info=_ABOUT_ENGINE
        )
        about = "A folder on this machine, or a name on the Hugging Face hub."
        cross = gr.Textbox(
            _PAPERS_ENGINE, label="Cross-encoder", info=about, placeholder="folder or hub id", visible=False
        )
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
    source.change(lambda s: gr.update(visible=s == OWN), source, upload, **quiet)
    engine.change(lambda e: gr.update(visible=e == CROSS_ENCODER), engine, cross, **quiet)
    return _Inputs(file, mapping, shown, n, [source, file, *mapping, n, n_samples, temperature, engine, cross])


def _upload() -> tuple[gr.File, list[gr.Dropdown], gr.Dataframe]:
    # without file_types: a file of another kind then gets a sentence of ours, which names what to do
    file = gr.File(
        label="A .csv, .jsonl or .parquet file, one question per row, up to 20 MB", height=120, elem_id="label-file"
    )
    with gr.Row():
        names = {
            "Column with the question": "What the model is asked.",
            "Column with accepted answers": "Several are parted by |; without one nothing is judged right or wrong.",
            "Column with an id": "May be left empty: the rows are then numbered.",
        }
        mapping = [gr.Dropdown([], label=name, info=about, allow_custom_value=True) for name, about in names.items()]
    shown = gr.Dataframe(label="The first rows, to check the columns by", interactive=False, visible=False, wrap=True)
    return file, mapping, shown


def _numbers(base: Settings, n_given: int) -> tuple[gr.Slider, gr.Slider, gr.Slider]:
    with gr.Row(elem_classes="settings"):
        most, how = max(2, n_given), "Picked at random, always the same ones."  # a slider needs two ends
        n = gr.Slider(1, most, min(small_run.N_QUESTIONS, most), step=1, label="How many questions", info=how)
        n_samples = gr.Slider(
            2, 20, base.sampling.n_samples, step=1, label="Samples per question", info=_HELP["n_samples"]
        )
        temperature = gr.Slider(
            0.1, 2.0, base.sampling.temperature, step=0.1, label="Temperature", info=_HELP["temperature"]
        )
    return n, n_samples, temperature


def _preview(path: str | None) -> list[Update]:
    """What an uploaded file holds, and which of its columns look like question, answers and id."""
    nothing = [gr.update(choices=[], value=None)] * 3
    if path is None:
        return [*nothing, gr.update(visible=False), gr.skip(), ""]
    try:
        table = uploads.read_table(path)
    except UaitError as err:
        return [*nothing, gr.update(visible=False), gr.skip(), str(err)]
    guesses = [gr.update(choices=list(table.columns), value=guess) for guess in table.guesses]
    rows = gr.update(value={"headers": list(table.columns), "data": uploads.preview(table)}, visible=True)
    size = len(table.rows)
    return [*guesses, rows, gr.update(maximum=max(2, size), value=size), f"{table.name} holds {size:,} rows."]


def _sentence(work: Callable[..., Any]) -> Callable[..., Any]:
    """`work` with its errors as a sentence in place of what it returns."""

    def safely(*values: Any) -> Any:
        try:
            check_allowed()
            return work(*values)
        except (UaitError, OSError) as err:
            return str(err)

    return safely


def _starter(
    root: Path, base: Settings, given: Sequence[Question], held_out: Sequence[Question]
) -> Callable[..., tuple[Update, str, Update]]:
    def begin(values: Given) -> str:
        own = _own_questions(values) if values.source == OWN else given
        chosen = _settings(base, values)
        folder = root / jobs.new_name(root, "label")
        folder.mkdir(parents=True)
        write_jsonl(folder / work.QUESTIONS, picked(own, int(values.n), base.sampling.seed))
        if values.source == EMBEDDED and held_out:
            write_jsonl(folder / work.HELD_OUT, held_out)
        jobs.start(folder, "label", chosen)
        return folder.name

    def start(*values: Any) -> tuple[Update, str, Update]:
        said = _sentence(begin)(Given(*values))
        folder = jobs.find(root, said)
        if folder is None:
            return gr.skip(), said, gr.skip()
        return gr.update(choices=_names(root), value=folder.name), "", runs_view.job_panel(jobs.status(folder))

    return start


def _own_questions(values: Given) -> list[Question]:
    if values.file is None:
        raise DataError("Choose a file with questions first.")
    return uploads.questions_of(uploads.read_table(values.file), values.text, values.accepted, values.id)


def _settings(base: Settings, values: Given) -> Settings:
    n_samples, temperature = int(values.n_samples), values.temperature
    sampling = replace(base.sampling, n_samples=n_samples, temperature=temperature, batch_size=small_run.BATCH)
    encoder = ModelSettings().encoder if values.engine == BI_ENCODER else (values.cross_encoder or "").strip()
    if not encoder:
        raise DataError(f"Name the cross-encoder: a folder, or a hub id such as {_PAPERS_ENGINE}.")
    return replace(base, sampling=sampling, model=replace(base.model, encoder=encoder))


def _names(root: Path) -> list[str]:
    return [path.name for path in jobs.runs(root) if (path / work.QUESTIONS).exists()]


def _looker(root: Path, recorded: Recorded) -> Callable[..., list[Update]]:
    """Looks at the runs and the chosen one's job and labels; sends only what has changed since the last look."""

    def look(seen: dict[str, Any] | None, name: str | None) -> list[Update]:
        names, seen = _names(root), seen or {}
        name = name or (names[0] if names else None)
        folder = jobs.find(root, name)
        status = jobs.status(folder) if folder else None
        state, is_alive = (status.state, status.is_alive) if status else (None, False)
        path = folder / pipeline.LABELS if folder else None
        size = path.stat().st_size if path and path.exists() else 0
        now = {"names": names, "name": name, "size": size, "state": str(state)}
        menu = gr.skip() if seen.get("names") == names else gr.update(choices=names, value=name)
        panel = runs_view.job_panel(status, is_chosen=bool(name) and folder is None)
        if {**seen, "names": names} == now:
            return [now, menu, panel, *[gr.skip()] * 6]
        found = _labels(path) if path and size else []
        saved = gr.update(visible=False)
        if path is not None and found and not is_alive:
            saved = gr.update(value=_copy(path), visible=True)
        drawn = _drawn(found, None if name else recorded())
        buttons = [gr.update(interactive=is_alive), gr.update(interactive=state in (JobState.STOPPED, JobState.FAILED))]
        return [now, menu, panel, *drawn, saved, *buttons, "" if found else _NOTHING_YET]

    return look


def _labels(path: Path) -> list[Label]:
    try:
        return read_jsonl(path, Label)
    except DataError:  # deleted between two looks
        return []


def _drawn(found: Sequence[Label], run: SmallRun | None) -> list[runs_view.Payload]:
    """The chosen run's labels twice, to read and to sort; or those of the recorded run."""
    if run is None:
        return [labels_view.labelled(found), labels_view.distilling(found, DISTIL)]
    source = runs_view.recorded_caption(len(run.labels), run.n_train, run.seconds, run.n_cores, run.command)
    return [labels_view.labelled(run.labels, source), labels_view.distilling(run.labels, DISTIL, source)]


def _copy(path: Path) -> str:
    """A copy that the page may serve, wherever the runs are kept."""
    return str(shutil.copy(path, Path(tempfile.mkdtemp()) / f"{path.parent.name}.jsonl"))


def _keeper(root: Path) -> Callable[[str, float, float], str]:
    """Distils the chosen run's labels into a run of their own, ready to be tuned on."""

    def keep(name: str, right: float, wrong: float) -> str:
        folder = jobs.find(root, name)
        if folder is None or not (folder / pipeline.LABELS).exists():
            raise DataError(GONE if name and folder is None else "There are no labels yet; label some questions first.")
        chosen = replace(DISTIL, keep_right_from=right or None, keep_wrong_below=None if wrong >= 1 else wrong)
        target = root / jobs.new_name(root, "tune")
        target.mkdir()
        try:
            for part in (pipeline.LABELS, "settings.json", work.HELD_OUT):
                if (folder / part).exists():
                    shutil.copy(folder / part, target / part)
            run = RunFolder(target)
            *_, last = pipeline.distil_run(replace(run.settings(), distil=chosen), run)
        except UaitError:
            shutil.rmtree(target)
            raise
        distilled = cast(DistilledSet, cast(Done, last).record)
        return labels_view.kept_sentence(distilled, target.name)

    return _sentence(keep)
