"""A page with the Label and Tune tabs around a tiny model that was taught a few answers: real jobs, in seconds.

Run it to look at the two tabs: python -m tests.browser.tiny_lab FOLDER
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from tests.browser import serving
from tests.integration.conftest import _make_llm
from uait.data.catalogue import describe
from uait.data.files import write_json, write_jsonl
from uait.embedded.pocket.small_run import PLAN
from uait.models.loading import load_model
from uait.page import app
from uait.page.menu import Who
from uait.page.place import Place
from uait.page.tabs import label, tune
from uait.records import Label, Question, Reason, SmallRun, TrainingExample
from uait.runs import jobs
from uait.runs.folder import RunFolder, all_runs
from uait.settings import ModelSettings, PromptSettings, SamplingSettings, Settings, TuneSettings, to_dict
from uait.stages import verbs
from uait.stages.distil import distil
from uait.stages.engines import Shelf, with_adapter

ANSWERS = {"France": "Paris", "Peru": "Lima", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo", "Chad": "Lima"}
TRUE = {**ANSWERS, "Chad": "N'Djamena"}
WORDS = ("What is the capital of {}?", "Tell me the capital of {}.", "{}'s capital?", "Name the capital of {}.")
HOSTILE = "<img src=x onerror=window.pwned=1> ${window.pwned=1} {{value}}"


@dataclass
class TinyEngines:
    """The fields of the real engines that the tabs read."""

    settings: Settings
    threshold: float = 0.5
    lm: Any = None
    familiarity: Any = None
    spelling: Any = None


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
    write_json(folder / "description.json", {"name": "tiny", "title": "tiny", "made_by": "a test", "settings": {}})
    write_jsonl(folder / "tuning_questions.jsonl", questions(64))
    write_jsonl(folder / "questions" / "in-domain.jsonl", questions(88)[65:])
    prompts = PromptSettings(
        question="{question}", verbalized="{question}", p_true="{question} {answer}", reading="{passages} {question}"
    )
    model = ModelSettings(model=str(folder), adapter="none", device="cpu")
    # asked often: slow enough that a test can stop it on the way
    sampling = SamplingSettings(n_samples=20, temperature=1.0, max_new_tokens=12, batch_size=1)
    tuned = TuneSettings(rank=8, alpha=16, targets="all-linear", batch_size=8, learning_rate=2e-2, epochs=6.0)
    settings = Settings(prompts=prompts, model=model, sampling=sampling, tune=tuned)
    return TinyEngines(settings, lm=load_model(settings))


def build(around: TinyEngines) -> gr.Blocks:
    """The page with the two tabs; its runs are kept where UAIT_RUNS says."""
    shelf: Any = Shelf(around, with_adapter)  # pyright: ignore[reportArgumentType]
    place = Place(shelf, describe(around.settings.model.model), None)
    demo = gr.Blocks(analytics_enabled=False)
    with demo, gr.Tabs():
        who: Any = Who(gr.State("shipped"), gr.State(""))  # pyright: ignore[reportArgumentType]
        with gr.Tab("Label", id="label"):
            label.build(place, who).active = True  # the whole page lets the open tab alone look at its jobs
        with gr.Tab("Tune", id="tune"):
            tune.build(place, verbs, who).active = True
    return demo.queue()


@contextmanager
def served(around: TinyEngines, root: Path, recorded: SmallRun | None = None) -> Iterator[str]:
    """The page's address; its jobs are ended with it. `recorded` came with the model."""
    file = Path(around.settings.model.model) / "small_run.json"
    if recorded is not None:
        write_json(file, recorded)
    patch = pytest.MonkeyPatch()
    patch.setenv("UAIT_RUNS", str(root))
    try:
        with serving.served(build(around)) as url:
            yield url
    finally:
        for folder in all_runs(root):
            jobs.stop(folder, grace=0.0)
        patch.undo()
        file.unlink(missing_ok=True)


def labelled_run(settings: Settings, root: Path, n: int = 24) -> tuple[Label, ...]:
    """Labels in a run below `root`, as a finished job leaves them: spread confidences, a third wrong, one unscored."""
    folder = root / "20260101-000000-label"
    folder.mkdir(parents=True)
    asked = questions(n)
    write_jsonl(folder / "questions.jsonl", asked)
    write_jsonl(folder / "held_out.jsonl", questions(30)[24:])
    RunFolder(folder).save_settings(settings, ("prompts", "model", "sampling", "label"))
    labels = labels_of(n)
    write_jsonl(folder / "labels.jsonl", labels)
    return labels


def labels_of(n: int) -> tuple[Label, ...]:
    """Labels with spread confidences, a third wrong, one unscored."""
    labels = []
    for i, question in enumerate(questions(n)):
        is_right, confidence = i % 3 != 0, None if i == 1 else (i * 7 % n + 0.5) / n
        answer = question.references[0] if is_right else "Lima"
        reason = Reason.EMPTY if confidence is None else None
        labels.append(Label(question, answer, confidence, confidence, None, is_right, reason, (answer, "Rome")))
    return tuple(labels)


def tunable_run(settings: Settings, root: Path) -> Path:
    """A run below `root` whose labels are distilled."""
    labelled_run(settings, root)
    folder = root / "20260101-000001-tune"
    shutil.copytree(root / "20260101-000000-label", folder)
    (folder / "questions.jsonl").unlink()
    list(distil(settings, RunFolder(folder)))
    return folder


def recorded_run() -> SmallRun:
    """A recorded run as the one that ships: a look without any number, one on the way, one at the end."""
    labels = labels_of(24)
    judged = [label for label in labels if label.confidence is not None and label.is_correct is not None]
    examples = tuple(TrainingExample(x.question, x.answer, x.confidence or 0.0, bool(x.is_correct)) for x in judged[:8])
    looks = []
    for step, said, auroc in ((0, None, None), (10, 0.4, 0.6), (20, 0.7, 0.8)):
        interval = None if auroc is None else [auroc - 0.1, auroc + 0.1]
        row = {"step": step, "confidences": [said] * 8, "answers": ["Lima"] * 8, "auroc": auroc, "n": 36}
        looks.append({**row, "auroc_interval": interval, "n_unscored": 36 if auroc is None else 0})
    log = tuple({"step": i, "loss": 2.0 / i, "learning_rate": 1e-3 / i, "seconds": float(i)} for i in range(1, 21))
    seconds = {"label the first 64": 9.0, "tune": 55.0}
    tune = {"tune": to_dict(TuneSettings())}
    return SmallRun(PLAN.command, 2, seconds, tune, labels, 16, examples, log, tuple(looks), ())


if __name__ == "__main__":
    build(engines(Path(sys.argv[1]))).launch(**app.launch_arguments())
