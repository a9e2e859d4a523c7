"""The Tune tab: distilled examples -> an adapter, in a job that outlives the tab; then the adapter beside its base.

Knows the components and the jobs; the data on the page is made in `present_runs`.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import Field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import gradio as gr

from uait import jobs, pipeline, settings, work
from uait.answering import answer_batch, verbalized_batch
from uait.errors import DataError, UaitError
from uait.jobs import JobState
from uait.models import LanguageModel, load_model
from uait.prompts import sanitise
from uait.records import Answer
from uait.settings import Settings, TuneSettings
from uait.store import RunFolder, read_json, read_rows
from uait.training import read_log
from uait.ui import present, present_runs
from uait.ui.run_components import JobPanel, Tuning, tab_style

EVERY = 1.0  # seconds between two looks at the job
_NONE_YET = "No examples yet: label questions and keep some of them in the Label tab."
_SWITCHED_OFF = (
    "Long work is switched off on this page. Duplicate the Space and set UAIT_ALLOW_TRAINING to 1, "
    "or run it on your own machine."
)
_FIELDS: tuple[Field[Any], ...] = fields(TuneSettings)
_ESSENTIAL = ("rank", "learning_rate", "epochs", "batch_size")

Update = Any  # a value for a component, or gr.skip()


def build(engines: pipeline.Engines, root: Path | None = None) -> None:
    """Places the tab's components in the current Blocks and wires them. Runs are kept in folders below `root`."""
    with gr.Column(elem_classes="run-tab"):
        tab_style()
        _build(engines, settings.runs_folder() if root is None else root)


def _build(engines: pipeline.Engines, root: Path) -> None:
    base = engines.settings
    gr.Markdown("## Teach the model to say how sure it is")
    run = gr.Dropdown([], label="Examples to learn from", allow_custom_value=True, elem_id="tune-run")
    values = _values(base.tune)
    plan = gr.Markdown(_NONE_YET, elem_id="plan")
    terminal = {"label": "The same in a terminal", "elem_id": "command", "buttons": ["copy"]}
    command = gr.Textbox(lines=2, max_lines=8, interactive=False, **terminal)
    with gr.Row():
        start = gr.Button("Start tuning", variant="primary")
        stop = gr.Button("Stop and save", interactive=False)
        resume = gr.Button("Resume", interactive=False)
    message = gr.Markdown(elem_id="tune-message")
    panel = JobPanel(present_runs.job_panel(None), elem_id="tune-job", label="job")
    drawn = Tuning(present_runs.tuning([], [], [], []), elem_id="tuning", label="tuning")
    download = gr.DownloadButton("Download the adapter, its card and settings", visible=False, elem_id="tune-download")
    asked, ask, beside = _beside()

    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    planned = {"fn": _planner(root, engines), "inputs": [run, *values], "outputs": [plan, command]}
    gr.on([run.change, *[value.change for value in values]], **planned, **quiet)
    start.click(_starter(root, base), [run, *values], [run, message], api_visibility="private")
    stop.click(_stopper(root), run, message, queue=False, api_visibility="private")
    resume.click(_resumer(root), run, message, api_visibility="private")
    gr.on([ask.click, asked.submit], _asker(root, base), [run, asked], beside, api_visibility="private")
    seen = gr.State(None)
    looked = [seen, run, panel, drawn, download, stop, resume, ask]
    gr.Timer(EVERY).tick(_looker(root), [seen, run], looked, queue=False, **quiet)


def _values(tune: TuneSettings) -> list[Any]:
    """One input per field, in the dataclass's order; the less used ones folded away."""
    made: dict[str, Any] = {}
    with gr.Row():
        for f in _FIELDS:
            if f.name in _ESSENTIAL:
                made[f.name] = _value(f, tune)
    with gr.Accordion("More settings", open=False), gr.Row():
        for f in _FIELDS:
            if f.name not in _ESSENTIAL:
                made[f.name] = _value(f, tune)
    return [made[f.name] for f in _FIELDS]


def _value(f: Field[Any], tune: TuneSettings) -> Any:
    name, value = f.name.replace("_", " ").capitalize(), getattr(tune, f.name)
    limits = "" if f.metadata["low"] is None else f" ({f.metadata['low']:g} to {f.metadata['high']:g})"
    about = {"label": name, "info": f.metadata["help"] + limits, "min_width": 220}
    if f.metadata["choices"]:
        return gr.Radio(list(f.metadata["choices"]), value=value, **about)
    return gr.Number(value, **about)


def _beside() -> tuple[gr.Textbox, gr.Button, gr.Dataframe]:
    gr.Markdown("## Ask it beside the model it came from")
    with gr.Row():
        asked = gr.Textbox(label="A question for both", lines=1, scale=4)
        ask = gr.Button("Ask both", interactive=False, scale=1)
    headers = ["who", "answer", "says it is", "its own words"]
    return asked, ask, gr.Dataframe(headers=headers, interactive=False, label="Both answers", wrap=True)


def _tune_settings(given: tuple[Any, ...]) -> TuneSettings:
    """The settings in the tab's inputs. Raises SettingsError naming the one that is out of range."""
    whole = {f.name for f in _FIELDS if f.type in ("int", int, "int | None", int | None)}
    pairs = zip(_FIELDS, given, strict=True)
    named = {f.name: int(v) if f.name in whole and v is not None and v == int(v) else v for f, v in pairs}
    empty = [name for name, value in named.items() if value is None and name != "max_steps"]
    if empty:
        raise DataError(f"{empty[0].replace('_', ' ').capitalize()} is empty; give a value.")
    return TuneSettings(**named)


def _settings(base: Settings, folder: Path, tune: TuneSettings) -> Settings:
    """What the run was labelled and distilled with, and this tuning."""
    saved, made = RunFolder(folder).settings(), read_json(folder / "settings.json")
    return replace(base, **{stage: getattr(saved, stage) for stage in made if stage != "tune"}, tune=tune)


def _names(root: Path) -> list[str]:
    return [path.name for path in jobs.runs(root) if (path / pipeline.DISTILLED).exists()]


def _chosen(root: Path, name: str | None) -> Path:
    folder = jobs.find(root, name)
    if folder is None:
        raise DataError(_NONE_YET if not name else "These examples are no longer there: their folder was deleted.")
    return folder


def _planner(root: Path, engines: Any) -> Callable[..., tuple[str, str]]:
    lm = getattr(engines, "lm", None)  # a page under test has none
    n_parameters = lm.model.num_parameters() if lm else None

    def plan(name: str | None, *given: Any) -> tuple[str, str]:
        try:
            folder, tune = _chosen(root, name), _tune_settings(given)
            n_train = len(pipeline.read_distilled(RunFolder(folder)).train)
        except UaitError as err:
            return str(err), ""
        text = present_runs.estimate(tune, n_train, n_parameters, _step_seconds(root, tune))
        return text, present_runs.command(str(folder), tune)

    return plan


def _step_seconds(root: Path, tune: TuneSettings) -> float | None:
    """The seconds a step took in the newest finished tuning of the same batch size, or None."""
    for folder in jobs.runs(root):
        card = folder / "adapter" / "card.json"
        if card.exists():
            data = read_json(card)
            if data["settings"]["tune"]["batch_size"] == tune.batch_size:
                return float(data["metrics"]["seconds"] / data["metrics"]["n_steps"])
    return None


def _starter(root: Path, base: Settings) -> Callable[..., tuple[Update, str]]:
    def start(name: str | None, *given: Any) -> tuple[Update, str]:
        try:
            if not settings.allows_training():
                raise DataError(_SWITCHED_OFF)
            folder, tune = _chosen(root, name), _tune_settings(given)
            folder = _fresh(root, folder, tune)
            jobs.start(folder, "tune", _settings(base, folder, tune))
        except UaitError as err:
            return gr.skip(), str(err)
        return gr.update(choices=_names(root), value=folder.name), ""

    return start


def _fresh(root: Path, folder: Path, tune: TuneSettings) -> Path:
    """The folder, or a copy of its examples when it holds a tuning with other settings already."""
    if not (folder / "adapter").exists():
        return folder
    before = read_json(folder / jobs.JOB)["settings"]["tune"] if (folder / jobs.JOB).exists() else None
    if before == settings.to_dict(tune):
        return folder
    target = root / jobs.new_name(root, "tune")
    target.mkdir()
    for part in (pipeline.LABELS, pipeline.DISTILLED, "settings.json", work.HELD_OUT):
        if (folder / part).exists():
            shutil.copy(folder / part, target / part)
    return target


def _stopper(root: Path) -> Callable[[str], str]:
    def stop(name: str) -> str:
        folder = jobs.find(root, name)
        if folder is None or not settings.allows_training():
            return _SWITCHED_OFF if folder else ""
        jobs.stop(folder)
        return ""

    return stop


def _resumer(root: Path) -> Callable[[str], str]:
    def resume(name: str) -> str:
        try:
            if not settings.allows_training():
                raise DataError(_SWITCHED_OFF)
            jobs.resume(_chosen(root, name))
        except UaitError as err:
            return str(err)
        return ""

    return resume


def _looker(root: Path) -> Callable[..., list[Update]]:
    """Looks at the chosen tuning; sends only what has changed since the last look."""

    def look(seen: dict[str, Any] | None, name: str | None) -> list[Update]:
        names, seen = _names(root), seen or {}
        is_new = bool(names) and names[0] not in seen.get("names", [])
        name = names[0] if is_new else name or None
        folder = jobs.find(root, name)
        status = jobs.status(folder) if folder else None
        if status and status.verb != "tune":
            status = None
        state, is_alive = (status.state, status.is_alive) if status else (None, False)
        sizes = [_size(path) for path in _watched(folder)] if folder else []
        now = {"names": names, "name": name, "sizes": sizes, "state": str(state)}
        menu = gr.skip() if seen.get("names") == names else gr.update(choices=names, value=name)
        panel = present_runs.job_panel(status, is_chosen=bool(name) and folder is None)
        if {**seen, "names": names} == now:
            return [now, menu, panel, *[gr.skip()] * 5]
        can_resume = state in (JobState.STOPPED, JobState.FAILED)
        has_adapter = bool(folder and (folder / "adapter" / "card.json").exists()) and not is_alive
        saved = gr.update(value=_zip(cast(Path, folder)), visible=True) if has_adapter else gr.update(visible=False)
        buttons = [gr.update(interactive=on) for on in (is_alive, can_resume, has_adapter)]
        return [now, menu, panel, _drawn(folder), saved, *buttons]

    return look


def _watched(folder: Path) -> list[Path]:
    return [folder / "adapter" / "log.jsonl", folder / work.PROBES, folder / work.BEFORE_AFTER]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _drawn(folder: Path | None) -> present.Payload:
    if folder is None or not (folder / pipeline.DISTILLED).exists():
        return present_runs.tuning([], [], [], [])
    log, probes, results = _watched(folder)
    looks = [row for _, row in read_rows(probes, is_log=True)] if probes.exists() else []
    examples = work.probe_examples(pipeline.read_distilled(RunFolder(folder)))
    return present_runs.tuning(read_log(log), looks, examples, read_json(results) if results.exists() else [])


def _zip(folder: Path) -> str:
    """The adapter, its card and the run's settings as one file."""
    place = Path(tempfile.mkdtemp())
    (place / "adapter").mkdir()
    for part in (folder / "adapter").iterdir():
        if part.is_file() and not part.name.startswith("."):
            shutil.copy(part, place / "adapter" / part.name)
    shutil.copy(folder / "settings.json", place / "adapter" / "settings.json")
    return shutil.make_archive(str(place / folder.name), "zip", place / "adapter")


@lru_cache(maxsize=1)
def _loaded(folder: Path, base: Settings, made: float) -> LanguageModel:
    """The model with this adapter; `made` is when, so that a new one under the same name is loaded anew."""
    return load_model(replace(base, model=replace(base.model, adapter=str(folder / "adapter"))))


def _asker(root: Path, base: Settings) -> Callable[[str | None, str], list[list[str]]]:
    def ask(name: str | None, question: str) -> list[list[str]]:
        try:
            folder, text = _chosen(root, name), sanitise(question or "")
            card = folder / "adapter" / "card.json"
            if not card.exists():
                raise DataError("There is no adapter yet; tune one first.")
            lm = _loaded(folder, _settings(base, folder, base.tune), card.stat().st_mtime)
            before, after = verbalized_batch(lm, [text], base.answer)[0], answer_batch(lm, [text], base.answer)[0]
        except UaitError as err:
            return [["–", str(err), "", ""]]
        return [_said("the base, asked to say a number", before), _said("with the new adapter", after)]

    return ask


def _said(who: str, answer: Answer) -> list[str]:
    return [who, answer.text or "(no words)", present.percent(answer.spoken), answer.sample.text]
