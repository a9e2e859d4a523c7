"""The Tune tab: distilled examples -> an adapter, in a job that outlives the tab; then the adapter beside its base.

Knows the components and the jobs; the data on the page is made in `present_runs`.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, cast

import gradio as gr

from uait import settings
from uait.data.files import read_json, read_rows, write_json
from uait.embedded.pocket import small_run
from uait.embedded.pocket.small_run import SmallRun
from uait.method.prompts import sanitise
from uait.models.confidence import answer_batch, verbalized_batch
from uait.models.loading import LanguageModel, load_model
from uait.page.run_actions import EVERY, check_allowed, discarder, own, resumer, stopper
from uait.page.run_components import Beside, JobPanel, Tuning, tab_style
from uait.page.views import runs as runs_view
from uait.records.errors import DataError, UaitError
from uait.runs import jobs
from uait.runs.folder import RunFolder
from uait.runs.jobs import JobState, JobStatus
from uait.settings import Setting, Settings, TuneSettings, is_pocket, settings_of, small_tuning
from uait.stages import pipeline, work
from uait.tuning.rounds import FIRST, read_steps
from uait.tuning.trainer import LOG

_NONE_YET = "No examples yet: label questions and keep some of them in the Label tab."
_INTRO = (
    "LoRA puts a few small matrices beside the model’s own and trains only these: the adapter. It learns from examples "
    "such as “Paris; 93.1 %”, and the model itself stays as it was."
)
SMALL, FULL = "Small: a minute or two", "Full: longer, for many examples"
_ABOUT_SIZE = "Fills in the settings below; each can still be changed."
_ABOUT_RUN = "What was kept in the Label tab; the newest is chosen."
_FOCUS = "() => requestAnimationFrame(() => document.querySelector('#keep-tuning')?.focus())"
_REALLY = "Delete this tuning, its adapter and its checkpoints? This can’t be undone. The examples are kept."
_FIELDS = settings_of(TuneSettings)
_ESSENTIAL = ("rank", "learning_rate", "epochs", "batch_size")

Update = Any  # a value for a component, or gr.skip()


Recorded = Callable[[], SmallRun | None]


def build(
    engines: pipeline.Engines,
    root: Path | None = None,
    recorded: Recorded = small_run.recorded,
    visitor: gr.components.Component | None = None,
) -> None:
    """Places the tab's components in the current Blocks and wires them. Runs are kept in folders below `root`.

    Without a `root` they are kept where those of the visitor are, whose token is the value of `visitor`.
    `recorded` is shown before there is a tuning.
    """
    with gr.Column(elem_classes="run-tab"):
        tab_style()
        _build(engines, root, recorded, gr.State("") if visitor is None else visitor)


def _build(engines: pipeline.Engines, root: Path | None, recorded: Recorded, visitor: gr.components.Component) -> None:
    base = engines.settings
    gr.Markdown("## Teach the model to say how sure it is")
    gr.Markdown(_INTRO)
    run = gr.Dropdown([], label="Examples to learn from", info=_ABOUT_RUN, allow_custom_value=True, elem_id="tune-run")
    values = _values(base)
    plan = gr.Markdown(_NONE_YET, elem_id="plan")
    about = "A command that tunes with these very settings."
    terminal: dict[str, Any] = {"info": about, "elem_id": "command", "buttons": ["copy"]}
    command = gr.Textbox(label="The same in a terminal", lines=2, max_lines=8, interactive=False, **terminal)
    with gr.Row():
        start = gr.Button("Start tuning", variant="primary")
        stop = gr.Button("Stop and save", interactive=False)
        resume = gr.Button("Resume", interactive=False)
        discard = gr.Button("Discard", interactive=False)
    sure, yes, no = _confirmation()
    message = gr.Markdown(elem_id="tune-message")
    panel = JobPanel(runs_view.job_panel(None), elem_id="tune-job", label="job")
    drawn = Tuning(_recorded_run(recorded), elem_id="tuning", label="tuning")
    download = gr.DownloadButton("Download the adapter, its card and settings", visible=False, elem_id="tune-download")
    asked, ask, beside = _beside()

    private: dict[str, Any] = {"api_visibility": "private"}
    quiet: dict[str, Any] = {"show_progress": "hidden", **private}
    planned = [run.change, *[value.change for value in values]]
    make_planner = partial(_planner, engines=engines, recorded=recorded)
    gr.on(planned, own(root, make_planner), [run, *values, visitor], [plan, command], **quiet)
    start.click(own(root, partial(_starter, base=base)), [run, *values, visitor], [run, message, panel], **private)
    stop.click(own(root, stopper), [run, visitor], [message, panel], queue=False, **private)
    resume.click(own(root, resumer), [run, visitor], [message, panel], **private)
    discard.click(lambda: gr.update(visible=True), None, sure, queue=False, **quiet).then(None, js=_FOCUS, **private)
    yes.click(own(root, discarder), [run, visitor], [message, panel], queue=False, **private)
    for decided in (yes, no):
        decided.click(lambda: gr.update(visible=False), None, sure, queue=False, **quiet)
    gr.on([ask.click, asked.submit], own(root, partial(_asker, base=base)), [run, asked, visitor], beside, **private)
    seen = gr.State(None)
    looked = [seen, run, panel, drawn, download, stop, resume, discard, ask]
    gr.Timer(EVERY).tick(
        own(root, partial(_looker, recorded=recorded)), [seen, run, visitor], looked, queue=False, **quiet
    )


def _confirmation() -> tuple[gr.Group, gr.Button, gr.Button]:
    with gr.Group(visible=False, elem_id="discard-sure") as sure:
        gr.Markdown(_REALLY, padding=True)
        with gr.Row():
            yes, no = gr.Button("Yes, delete it", variant="stop"), gr.Button("No, keep it", elem_id="keep-tuning")
    return sure, yes, no


def _values(base: Settings) -> list[Any]:
    """One input per field, in the dataclass's order; the less used ones folded away."""
    made: dict[str, Any] = {}
    is_small = is_pocket(base.model.model)  # what a minute is enough for
    tune = small_tuning(base.tune) if is_small else base.tune
    sizes: Any = {"value": SMALL, "label": "How much", "info": _ABOUT_SIZE, "elem_classes": "settings"}
    size = gr.Radio([SMALL, FULL], visible=is_small, **sizes)
    with gr.Row(elem_classes="settings"):
        for f in _FIELDS:
            if f.name in _ESSENTIAL:
                made[f.name] = _value(f, tune)
    with gr.Accordion("More settings", open=False, elem_classes="settings"), gr.Row():
        for f in _FIELDS:
            if f.name not in _ESSENTIAL:
                made[f.name] = _value(f, tune)
    values = [made[f.name] for f in _FIELDS]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
    size.input(_sizer(base.tune), size, values, **quiet)
    return values


def _sizer(full: TuneSettings) -> Callable[[str], list[Any]]:
    def fill_in(size: str) -> list[Any]:
        tune = small_tuning(full) if size == SMALL else full
        return [getattr(tune, f.name) for f in _FIELDS]

    return fill_in


def _value(f: Setting, tune: TuneSettings) -> Any:
    name, value = f.name.replace("_", " ").capitalize(), getattr(tune, f.name)
    limits = "" if f.low is None else f" ({f.low:g} to {f.high:g})"
    about: dict[str, Any] = {"label": name, "info": f.help + limits, "min_width": 220}
    if f.choices:
        return gr.Radio(list(f.choices), value=value, **about)
    return gr.Number(value, **about)


def _beside() -> tuple[gr.Textbox, gr.Button, Beside]:
    gr.Markdown("## Ask it beside the model it came from")
    with gr.Row():
        about = "Works as soon as there is an adapter."
        asked = gr.Textbox(label="A question for both", info=about, lines=1, scale=4, min_width=260)
        ask = gr.Button("Ask both", interactive=False, scale=1)
    return asked, ask, Beside(runs_view.beside(), elem_id="beside", label="both answers")


def _tune_settings(given: tuple[Any, ...]) -> TuneSettings:
    """The settings in the tab's inputs. Raises SettingsError naming the one that is out of range."""
    pairs = zip(_FIELDS, given, strict=True)
    named: dict[str, Any] = {f.name: int(v) if f.kind is int and v is not None and v == int(v) else v for f, v in pairs}
    empty = [f.name for f in _FIELDS if named[f.name] is None and not f.may_be_none]
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


def _planner(root: Path, engines: Any, recorded: Recorded) -> Callable[..., tuple[str, str]]:
    lm = getattr(engines, "lm", None)  # a page under test has none
    n_parameters = lm.model.num_parameters() if lm else None
    is_known = is_pocket(engines.settings.model.model)

    def plan(name: str | None, *given: Any) -> tuple[str, str]:
        try:
            folder, tune = _chosen(root, name), _tune_settings(given)
            n_train = len(pipeline.read_distilled(RunFolder(folder)).train)
        except UaitError as err:
            return str(err), ""
        known = _step_seconds(root, tune) or (_recorded_seconds(recorded, tune) if is_known else None)
        text = runs_view.estimate(tune, n_train, n_parameters, known)
        return text, runs_view.command(str(folder), tune)

    return plan


def _recorded_seconds(recorded: Recorded, tune: TuneSettings) -> tuple[float, str] | None:
    """The seconds that a step of this many examples would have taken in the recorded tuning."""
    run = recorded()
    if run is None or not run.log:
        return None
    share = tune.batch_size / run.settings["tune"]["batch_size"]
    return share * run.log[-1]["seconds"] / run.log[-1]["step"], "the recorded tuning"


def _step_seconds(root: Path, tune: TuneSettings) -> tuple[float, str] | None:
    """The seconds a step took in the newest finished tuning of the same batch size, or None."""
    for folder in jobs.runs(root):
        card = folder / "adapter" / "card.json"
        if card.exists():
            data = read_json(card)
            if data["settings"]["tune"]["batch_size"] == tune.batch_size:
                return data["metrics"]["seconds"] / data["metrics"]["n_steps"], "the last tuning here"
    return None


def _starter(root: Path, base: Settings) -> Callable[..., tuple[Update, str, Update]]:
    def start(name: str | None, *given: Any) -> tuple[Update, str, Update]:
        try:
            check_allowed()
            folder, tune = _chosen(root, name), _tune_settings(given)
            folder = _fresh(root, folder, tune)
            status = jobs.start(folder, "tune", _settings(base, folder, tune))
        except (UaitError, OSError) as err:
            return gr.skip(), str(err), gr.skip()
        return gr.update(choices=_names(root), value=folder.name), "", runs_view.job_panel(status)

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
    for part in (pipeline.LABELS, pipeline.FITTED_ON, pipeline.DISTILLED, "settings.json", work.HELD_OUT):
        if (folder / part).exists():
            shutil.copy(folder / part, target / part)
    return target


def _looker(root: Path, recorded: Recorded) -> Callable[..., list[Update]]:
    """Looks at the chosen tuning; sends only what has changed since the last look."""

    def look(seen: dict[str, Any] | None, name: str | None) -> list[Update]:
        names, seen = _names(root), seen or {}
        is_new = bool(names) and names[0] not in seen.get("names", [])
        name = names[0] if is_new else name or None
        folder = jobs.find(root, name)
        status = _tuning_status(folder)
        state, is_alive = (status.state, status.is_alive) if status else (None, False)
        sizes = [_size(path) for path in _watched(folder)] if folder else []
        now = {"names": names, "name": name, "sizes": sizes, "state": str(state)}
        menu = gr.skip() if seen.get("names") == names else gr.update(choices=names, value=name)
        panel = runs_view.job_panel(status, is_chosen=bool(name) and folder is None)
        if {**seen, "names": names} == now:
            return [now, menu, panel, *[gr.skip()] * 6]
        can_resume = state in (JobState.STOPPED, JobState.FAILED)
        has_adapter = bool(folder and (folder / "adapter" / "card.json").exists()) and not is_alive
        saved = gr.update(value=_zip(cast(Path, folder)), visible=True) if has_adapter else gr.update(visible=False)
        can_discard = bool(status or (folder and (folder / "adapter").exists()))
        buttons = [gr.update(interactive=on) for on in (is_alive, can_resume, can_discard, has_adapter)]
        shown = _drawn(folder) if is_alive or any(sizes) else _recorded_run(recorded)
        return [now, menu, panel, shown, saved, *buttons]

    return look


def _tuning_status(folder: Path | None) -> JobStatus | None:
    status = jobs.status(folder) if folder else None
    return status if status and status.verb == "tune" else None


def _recorded_run(recorded: Recorded) -> runs_view.Payload:
    run = recorded()
    if run is None:
        return runs_view.tuning([], [], [], [])
    source = runs_view.recorded_caption(len(run.labels), run.n_train, run.seconds, run.n_cores, run.command)
    return runs_view.tuning(run.log, run.looks, run.examples, run.results, source)


def _watched(folder: Path) -> list[Path]:
    adapter = folder / "adapter"
    return [adapter / FIRST / LOG, adapter / LOG, folder / work.PROBES, folder / work.BEFORE_AFTER]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _drawn(folder: Path | None) -> runs_view.Payload:
    if folder is None or not (folder / pipeline.DISTILLED).exists():
        return runs_view.tuning([], [], [], [])
    *_, probes, results = _watched(folder)
    looks = [row for _, row in read_rows(probes, is_log=True)] if probes.exists() else []
    examples = work.probe_examples(pipeline.read_distilled(RunFolder(folder)))
    return runs_view.tuning(
        read_steps(folder / "adapter"), looks, examples, read_json(results) if results.exists() else []
    )


def _zip(folder: Path) -> str:
    """The adapter, its card and the run's settings as one file."""
    place = Path(tempfile.mkdtemp())
    (place / "adapter").mkdir()
    for part in (folder / "adapter").iterdir():
        if part.is_file() and not part.name.startswith("."):
            shutil.copy(part, place / "adapter" / part.name)
    write_json(place / "adapter" / "settings.json", read_json(folder / "adapter" / "card.json")["settings"])
    return shutil.make_archive(str(place / folder.name), "zip", place / "adapter")


@lru_cache(maxsize=1)
def _loaded(folder: Path, base: Settings, made: float) -> LanguageModel:
    """The model with this adapter; `made` is when, so that a new one under the same name is loaded anew."""
    return load_model(base.with_adapter(folder / "adapter"))


def _asker(root: Path, base: Settings) -> Callable[[str | None, str], runs_view.Payload]:
    def ask(name: str | None, question: str) -> runs_view.Payload:
        try:
            folder, text = _chosen(root, name), sanitise(question or "")
            card = folder / "adapter" / "card.json"
            if not card.exists():
                raise DataError("There is no adapter yet; tune one first.")
            lm = _loaded(folder, _settings(base, folder, base.tune), card.stat().st_mtime)
            before, after = verbalized_batch(lm, [text], base.answer)[0], answer_batch(lm, [text], base.answer)[0]
        except UaitError as err:
            return runs_view.beside(failure=str(err))
        return runs_view.beside(before, after)

    return ask
