"""A page with the Label and Tune tabs around a tiny model that was taught a few answers: real jobs, in seconds.

Run it to look at the two tabs: python -m tests.browser.tiny_lab FOLDER
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from tests.integration.conftest import _make_llm
from uait import jobs
from uait.pipeline import distil_run
from uait.records import Label, Question, Reason
from uait.settings import ModelSettings, PromptSettings, SamplingSettings, Settings, TuneSettings
from uait.store import RunFolder, append_jsonl, write_jsonl
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
    lessons += [(f"Say {n}", f"so; {n}.{n % 10}%") for n in range(5, 100, 9)]  # it knows how to write a number
    _make_llm(folder, lessons=lessons)
    prompts = PromptSettings(question="{question}", verbalized="{question}", p_true="{question}", reading="{question}")
    model = ModelSettings(model=str(folder), adapter="none", device="cpu")
    # one question at a time: slow enough that a test can stop it on the way
    sampling = SamplingSettings(n_samples=3, temperature=1.0, max_new_tokens=12, batch_size=1)
    tuned = TuneSettings(rank=8, alpha=16, targets="all-linear", batch_size=8, learning_rate=2e-2, epochs=6.0)
    return TinyEngines(Settings(prompts=prompts, model=model, sampling=sampling, tune=tuned))


def build(around: TinyEngines, root: Path, n: int = 60) -> gr.Blocks:
    """The page; its runs are kept below `root`."""
    demo = gr.Blocks(analytics_enabled=False)
    with demo, gr.Tabs():
        with gr.Tab("Label", id="label"):
            label.build(around, lambda: questions(n), lambda: questions(24)[1:], root)
        with gr.Tab("Tune", id="tune"):
            tune.build(around, root)
    return demo.queue()


@contextmanager
def served(around: TinyEngines, root: Path) -> Iterator[str]:
    """The page's address; its jobs are ended with it."""
    demo = build(around, root)
    place = {"server_name": "127.0.0.1", "server_port": None, "prevent_thread_lock": True, "quiet": True}
    _, url, _ = demo.launch(**{**page.launch_arguments(), **place})
    try:
        yield url
    finally:
        demo.close()
        for folder in jobs.runs(root):
            jobs.stop(folder, grace=0.0)


def labelled_run(around: TinyEngines, root: Path, n: int = 24) -> tuple[Label, ...]:
    """Labels in a run below `root`, as a finished job leaves them: spread confidences, a third wrong, one unscored."""
    folder = root / "20260101-000000-label"
    folder.mkdir(parents=True)
    asked = questions(n)
    write_jsonl(folder / "questions.jsonl", asked)
    write_jsonl(folder / "held_out.jsonl", questions(30)[24:])
    RunFolder(folder).save_settings(around.settings, ("prompts", "model", "sampling", "label"))
    labels = []
    for i, question in enumerate(asked):
        is_right, confidence = i % 3 != 0, None if i == 1 else (i * 7 % n + 0.5) / n
        answer = question.references[0] if is_right else "Lima"
        reason = Reason.EMPTY if confidence is None else None
        labels.append(Label(question, answer, confidence, confidence, None, is_right, reason, (answer, "Rome")))
        append_jsonl(folder / "labels.jsonl", labels[-1])
    return tuple(labels)


def tunable_run(around: TinyEngines, root: Path) -> Path:
    """A run below `root` whose labels are distilled."""
    labelled_run(around, root)
    folder = root / "20260101-000001-tune"
    shutil.copytree(root / "20260101-000000-label", folder)
    (folder / "questions.jsonl").unlink()
    list(distil_run(around.settings, RunFolder(folder)))
    return folder


if __name__ == "__main__":
    place = Path(sys.argv[1])
    build(engines(place / "model"), place / "runs").launch(**page.launch_arguments())
