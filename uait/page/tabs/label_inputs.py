"""The inputs of the Label tab: which questions, how many, and how they are asked; and what is made of their values."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr

from uait.data import uploads
from uait.page import limits
from uait.records import Question
from uait.records.errors import DataError, UaitError
from uait.settings import ModelSettings, SamplingSettings, Settings, is_space, settings_of

EMBEDDED, OWN = "Questions that come with the model", "My own file"
BI_ENCODER, CROSS_ENCODER = "The embedded one (all-MiniLM-L6-v2)", "A cross-encoder"
_ABOUT_ENGINE = (
    "It says how alike two answers are. The embedded one reads each answer by itself and is quick; a cross-encoder "
    "reads both together, as in the paper: slower, often more exact, and it must be on this machine or downloadable."
)
_HELP = {setting.name: setting.help for setting in settings_of(SamplingSettings)}
_PAPERS_ENGINE = "cross-encoder/stsb-roberta-large"
N_QUESTIONS = 512  # to begin with

Update = Any  # a value for a component, or gr.skip()


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


class Inputs(NamedTuple):
    """The components that the tab wires; `all` stand in the order of Given."""

    file: gr.File
    mapping: list[gr.Dropdown]
    shown: gr.Dataframe
    n: gr.Slider
    all: list[Any]


def build(base: Settings, given: Sequence[Question]) -> Inputs:
    """Places the inputs; `given` are the questions that the model comes with."""
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
    return Inputs(file, mapping, shown, n, [source, file, *mapping, n, n_samples, temperature, engine, cross])


def _upload() -> tuple[gr.File, list[gr.Dropdown], gr.Dataframe]:
    # without file_types: a file of another kind then gets a sentence of ours, which names what to do
    file = gr.File(
        label="A .csv, .jsonl or .parquet file, one question per row, up to 10 MB", height=120, elem_id="label-file"
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
        most = max(2, min(n_given, limits.most_labels()))  # a slider needs two ends
        how = "Picked at random, always the same ones."
        n = gr.Slider(1, most, min(N_QUESTIONS, most), step=1, label="How many questions", info=how)
        n_samples = gr.Slider(
            2, 20, base.sampling.n_samples, step=1, label="Samples per question", info=_HELP["n_samples"]
        )
        temperature = gr.Slider(
            0.1, 2.0, base.sampling.temperature, step=0.1, label="Temperature", info=_HELP["temperature"]
        )
    return n, n_samples, temperature


def preview(path: str | None) -> list[Update]:
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
    n, size = len(table.rows), min(len(table.rows), limits.most_labels())
    return [*guesses, rows, gr.update(maximum=max(2, size), value=size), f"{table.name} holds {n:,} rows."]


def own_questions(values: Given) -> list[Question]:
    """The questions in the uploaded file. Raises DataError when there is none, or it holds something else."""
    if values.file is None:
        raise DataError("Choose a file with questions first.")
    return uploads.questions_of(uploads.read_table(values.file), values.text, values.accepted, values.id)


def chosen_settings(base: Settings, values: Given) -> Settings:
    """The settings that the inputs come to. Raises DataError when no cross-encoder is named where one is wanted."""
    n_samples, temperature = int(values.n_samples), values.temperature
    sampling = replace(base.sampling, n_samples=n_samples, temperature=temperature)
    limits.check_ranges(sampling)
    encoder = ModelSettings().encoder if values.engine == BI_ENCODER else (values.cross_encoder or "").strip()
    if not encoder:
        raise DataError(f"Name the cross-encoder: a folder, or a hub id such as {_PAPERS_ENGINE}.")
    if is_space() and encoder not in (ModelSettings().encoder, _PAPERS_ENGINE):
        raise DataError(f"On a public page the cross-encoder is {_PAPERS_ENGINE}; use another one on your own machine.")
    return replace(base, sampling=sampling, model=replace(base.model, encoder=encoder))
