"""The Label tab: questions -> labels, in a job that outlives the tab; then which labels teach.

Knows the components, the jobs and `distil`; the data on the page is made in `present_runs`.
"""

import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import gradio as gr

from uait import jobs, pipeline, settings, uploads
from uait.errors import DataError, UaitError
from uait.jobs import JobState
from uait.pocket.questions import of_split
from uait.pocket.world import Fact
from uait.records import DistilledSet, Done, Label, Question
from uait.settings import POCKET, DistilSettings, SamplingSettings, Settings
from uait.store import RunFolder, from_json, read_jsonl, read_questions, read_rows, write_jsonl
from uait.ui import present_runs
from uait.ui.run_components import Distil, JobPanel, Labels, tab_style

EMBEDDED, OWN = "Questions that come with the model", "My own file"
BATCH = 8  # questions at once: what a kill can cost
N_HELD_OUT = 128  # questions asked before and after the tuning
EVERY = 1.0  # seconds between two looks at the job
_KEEP = (
    "(run) => { const d = document.querySelector('#distil [data-right]').dataset;"
    " return [run, Number(d.right), Number(d.wrong)]; }"
)
_SWITCHED_OFF = (
    "Long work is switched off on this page. Duplicate the Space and set UAIT_ALLOW_TRAINING to 1, "
    "or run it on your own machine."
)
_NOTHING_YET = "Label some questions first: each becomes a sign to sort."
_HELP = {f.name: f.metadata["help"] for f in fields(SamplingSettings)}

Update = Any  # a value for a component, or gr.skip()


@cache
def embedded_questions() -> tuple[Question, ...]:
    """The questions of the embedded model's world that tuning may use; none without that world."""
    path = POCKET / "facts.jsonl"
    facts = [from_json(Fact, row) for _, row in read_rows(path)] if path.is_file() else []
    return tuple(of_split(facts, "tune", 0))


@cache
def held_out_questions() -> tuple[Question, ...]:
    """Questions of the same world that no tuning is ever shown; none without that world."""
    path = POCKET / "questions" / "in-domain.jsonl"
    return tuple(read_questions(path)[:N_HELD_OUT]) if path.is_file() else ()


def build(
    engines: pipeline.Engines,
    questions: Callable[[], Sequence[Question]] = embedded_questions,
    held_out: Callable[[], Sequence[Question]] = held_out_questions,
    root: Path | None = None,
) -> None:
    """Places the tab's components in the current Blocks and wires them. Runs are kept in folders below `root`.

    `questions` come with the model and may be tuned on; `held_out` ones are asked before and after, never taught.
    """
    with gr.Column(elem_classes="run-tab"):
        tab_style()
        _build(engines.settings, questions(), held_out(), settings.runs_folder() if root is None else root)


def _build(base: Settings, given: Sequence[Question], held_out: Sequence[Question], root: Path) -> None:
    gr.Markdown("## Ask every question several times, and see how much the answers agree")
    source = gr.Radio([EMBEDDED, OWN] if given else [OWN], value=EMBEDDED if given else OWN, label="Questions")
    file, columns, mapping, shown = _upload(is_visible=not given)
    n, n_samples, temperature = _numbers(base, len(given))
    with gr.Row():
        start = gr.Button("Start", variant="primary")
        stop = gr.Button("Stop", interactive=False)
        resume = gr.Button("Resume", interactive=False)
        run = gr.Dropdown([], label="Run", allow_custom_value=True, elem_id="label-run", scale=2)
    message = gr.Markdown(elem_id="label-message")
    panel = JobPanel(present_runs.job_panel(None), elem_id="label-job", label="job")
    labels = Labels(present_runs.labelled([]), elem_id="labels", label="labels")
    download = gr.DownloadButton("Download the labels", visible=False, elem_id="label-download")
    gr.Markdown("## Choose which of them teach")
    distil = Distil(present_runs.distilling([], DistilSettings()), elem_id="distil", label="distilling")
    kept = gr.Markdown(_NOTHING_YET, elem_id="kept")

    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    source.change(lambda s: [gr.update(visible=s == OWN)] * 2, source, [file, columns], queue=False, **quiet)
    file.change(_preview, file, [*mapping, shown, n, message], **quiet)
    chosen = [source, file, *mapping, n, n_samples, temperature]
    start.click(_starter(root, base, given, held_out), chosen, [run, message], api_visibility="private")
    stop.click(_stopper(root), run, message, queue=False, api_visibility="private")
    resume.click(_resumer(root), run, message, api_visibility="private")
    seen = gr.State(None)
    looked = [seen, run, panel, labels, distil, download, stop, resume, kept]
    gr.Timer(EVERY).tick(_looker(root), [seen, run], looked, queue=False, **quiet)
    right, wrong = (gr.Number(0.5, visible=False, label=side) for side in ("right from", "wrong below"))
    distil.keep(_keeper(root), [run, right, wrong], kept, js=_KEEP, api_visibility="private")


def _upload(is_visible: bool) -> tuple[gr.File, gr.Group, list[gr.Dropdown], gr.Dataframe]:
    types, name = [".csv", ".jsonl"], "A .csv or .jsonl file, one question per row"
    file = gr.File(label=name, file_types=types, visible=is_visible, height=120)
    with gr.Group(visible=is_visible) as columns:
        with gr.Row():
            names = ("Column with the question", "Column with accepted answers", "Column with an id")
            mapping = [gr.Dropdown([], label=name, allow_custom_value=True) for name in names]
        shown = gr.Dataframe(label="The first rows", interactive=False, visible=False)
    return file, columns, mapping, shown


def _numbers(base: Settings, n_given: int) -> tuple[gr.Slider, gr.Slider, gr.Slider]:
    with gr.Row():
        most, how = max(2, n_given), "picked at random, always the same"  # a slider needs two ends
        n = gr.Slider(1, most, min(64, most), step=1, label="How many questions", info=how)
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
    return [*guesses, rows, gr.update(maximum=max(2, size), value=min(64, size)), f"{table.name} holds {size:,} rows."]


def _sentence(work: Callable[..., Any]) -> Callable[..., Any]:
    """`work` with its errors as a sentence in place of what it returns."""

    def safely(*values: Any) -> Any:
        try:
            if not settings.allows_training():
                raise DataError(_SWITCHED_OFF)
            return work(*values)
        except UaitError as err:
            return str(err)

    return safely


def _starter(
    root: Path, base: Settings, given: Sequence[Question], held_out: Sequence[Question]
) -> Callable[..., tuple[Update, str]]:
    def begin(source: str, file: str | None, text: str, accepted: str, id: str, n: float, k: float, heat: float) -> Any:
        if source == OWN and file is None:
            raise DataError("Choose a file with questions first.")
        own = uploads.questions_of(uploads.read_table(cast(str, file)), text, accepted, id) if source == OWN else given
        questions = random.Random(base.sampling.seed).sample(list(own), min(int(n), len(own)))
        sampling = replace(base.sampling, n_samples=int(k), temperature=heat, batch_size=BATCH)
        folder = root / jobs.new_name(root, "label")
        folder.mkdir(parents=True)
        write_jsonl(folder / "questions.jsonl", questions)
        if source == EMBEDDED and held_out:
            write_jsonl(folder / "held_out.jsonl", held_out)
        jobs.start(folder, "label", replace(base, sampling=sampling))
        return folder.name

    def start(*values: Any) -> tuple[Update, str]:
        said = _sentence(begin)(*values)
        folder = jobs.find(root, said)
        if folder is None:
            return gr.skip(), said
        return gr.update(choices=_names(root), value=folder.name), ""

    return start


def _stopper(root: Path) -> Callable[[str], str]:
    def stop(name: str) -> str:
        folder = jobs.find(root, name)
        if folder is not None:
            jobs.stop(folder)
        return ""

    return _sentence(stop)


def _resumer(root: Path) -> Callable[[str], str]:
    def resume(name: str) -> str:
        folder = jobs.find(root, name)
        if folder is None:
            raise DataError("This run is no longer there; start a new one.")
        jobs.resume(folder)
        return ""

    return _sentence(resume)


def _names(root: Path) -> list[str]:
    return [path.name for path in jobs.runs(root) if (path / "questions.jsonl").exists()]


def _looker(root: Path) -> Callable[..., list[Update]]:
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
        panel = present_runs.job_panel(status, is_chosen=bool(name) and folder is None)
        if {**seen, "names": names} == now:
            return [now, menu, panel, *[gr.skip()] * 6]
        found = read_jsonl(path, Label) if path and size else []
        is_ready = path is not None and found and not is_alive
        saved = gr.update(value=_copy(cast(Path, path)), visible=True) if is_ready else gr.update(visible=False)
        drawn = [present_runs.labelled(found), present_runs.distilling(found, DistilSettings()), saved]
        can_resume = state in (JobState.STOPPED, JobState.FAILED)
        buttons = [gr.update(interactive=is_alive), gr.update(interactive=can_resume)]
        return [now, menu, panel, *drawn, *buttons, "" if found else _NOTHING_YET]

    return look


def _copy(path: Path) -> str:
    """A copy that the page may serve, wherever the runs are kept."""
    return shutil.copy(path, Path(tempfile.mkdtemp()) / f"{path.parent.name}.jsonl")


def _keeper(root: Path) -> Callable[[str, float, float], str]:
    """Distils the chosen run's labels into a run of their own, ready to be tuned on."""

    def keep(name: str, right: float, wrong: float) -> str:
        folder = jobs.find(root, name)
        if folder is None or not (folder / pipeline.LABELS).exists():
            raise DataError("There are no labels to choose from; label some questions first.")
        chosen = DistilSettings(keep_right_from=right or None, keep_wrong_below=None if wrong >= 1 else wrong)
        target = root / jobs.new_name(root, "tune")
        target.mkdir()
        try:
            for part in (pipeline.LABELS, "settings.json", "held_out.jsonl"):
                if (folder / part).exists():
                    shutil.copy(folder / part, target / part)
            run = RunFolder(target)
            *_, last = pipeline.distil_run(replace(run.settings(), distil=chosen), run)
        except UaitError:
            shutil.rmtree(target)
            raise
        distilled = cast(DistilledSet, cast(Done, last).record)
        return present_runs.kept_sentence(distilled, target.name)

    return _sentence(keep)
