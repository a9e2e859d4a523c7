"""A page with the Label and Tune tabs around a tiny model that was taught a few answers: real jobs, in seconds.

Run it to look at the two tabs: python -m tests.browser.tiny_lab FOLDER
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from tests.integration.conftest import _make_llm
from uait.records import Question
from uait.settings import ModelSettings, PromptSettings, SamplingSettings, Settings, TuneSettings
from uait.ui import page
from uait.ui.tabs import label, tune

ANSWERS = {"France": "Paris", "Peru": "Lima", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo", "Chad": "Lima"}
TRUE = {**ANSWERS, "Chad": "N'Djamena"}
WORDS = ("What is the capital of {}?", "Tell me the capital of {}.", "{}'s capital?", "Name the capital of {}.")
HOSTILE = "<img src=x onerror=window.pwned=1> ${window.pwned=1} {{value}}"


@dataclass
class TinyEngines:
    """The two fields of the real engines that the tabs read."""

    settings: Settings
    threshold: float = 0.5


def questions(n: int) -> list[Question]:
    """`n` questions, of which one in six the model answers wrongly; the first one would like to run as a script."""
    found = []
    for i in range(n):
        country = list(ANSWERS)[i % len(ANSWERS)]
        text = WORDS[i % len(WORDS)].format(country) + (f" {HOSTILE}" if i == 0 else "")
        found.append(Question(f"q{i}", text, (TRUE[country],)))
    return found


def engines(folder: Path) -> TinyEngines:
    """Engines around a fresh tiny model in `folder`."""
    lessons = [(words.format(country), answer) for words in WORDS for country, answer in ANSWERS.items()]
    _make_llm(folder, lessons=lessons)
    prompts = PromptSettings(question="{question}", verbalized="{question}", p_true="{question}", reading="{question}")
    model = ModelSettings(model=str(folder), adapter="none", device="cpu")
    sampling = SamplingSettings(n_samples=3, temperature=1.0, max_new_tokens=12)
    tuned = TuneSettings(rank=4, alpha=8, targets="all-linear", batch_size=8, learning_rate=5e-3, epochs=3.0)
    return TinyEngines(Settings(prompts=prompts, model=model, sampling=sampling, tune=tuned))


def build(around: TinyEngines, root: Path, n: int = 60) -> gr.Blocks:
    """The page; its runs are kept below `root`."""
    demo = gr.Blocks(analytics_enabled=False)
    with demo, gr.Tabs():
        with gr.Tab("Label", id="label"):
            label.build(around, questions(n), root)
        with gr.Tab("Tune", id="tune"):
            tune.build(around, root)
    return demo.queue()


if __name__ == "__main__":
    place = Path(sys.argv[1])
    build(engines(place / "model"), place / "runs").launch(**page.launch_arguments())
