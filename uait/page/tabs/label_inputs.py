"""The inputs of the Label tab: which questions, how many, and how they are asked; and what is made of their values."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr

from uait.page import limits
from uait.page.tabs import label_upload
from uait.records import Question
from uait.records.errors import DataError
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


class Given(NamedTuple):
    """The values of the tab's inputs; `own` stands for those of `label_upload.Given`."""

    source: str
    own: label_upload.Given
    n: float
    n_samples: float
    temperature: float
    engine: str
    cross_encoder: str

    @classmethod
    def of(cls, source: str, *values: Any) -> "Given":
        """The values in the order of the components that `build` gives."""
        n_own = len(label_upload.Given._fields)
        return cls(source, label_upload.Given(*values[:n_own]), *values[n_own:])


def build(base: Settings, given: Sequence[Question]) -> list[Any]:
    """Places the inputs, in the order of `Given.of`; `given` are the questions that the model comes with."""
    about = (
        "With known answers, so that right and wrong can be told; your file goes no further than this page’s machine."
    )
    source = gr.Radio(
        [EMBEDDED, OWN] if given else [OWN], value=EMBEDDED if given else OWN, label="Questions", info=about
    )
    with gr.Column(visible=not given) as group:
        own = label_upload.build()
    n, n_samples, temperature = _numbers(base, len(given))
    label_upload.connect(own, n)
    with gr.Accordion("Similarity engine", open=False, elem_classes="settings"):
        engine = gr.Radio(
            [BI_ENCODER, CROSS_ENCODER], value=BI_ENCODER, label="Which engine compares the answers", info=_ABOUT_ENGINE
        )
        about = "A folder on this machine, or a name on the Hugging Face hub."
        cross = gr.Textbox(
            _PAPERS_ENGINE, label="Cross-encoder", info=about, placeholder="folder or hub id", visible=False
        )
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
    source.change(lambda s: gr.update(visible=s == OWN), source, group, **quiet)
    engine.change(lambda e: gr.update(visible=e == CROSS_ENCODER), engine, cross, **quiet)
    return [source, *own.inputs, n, n_samples, temperature, engine, cross]


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
