"""`python -m uait.embedded.smollm2`: SmolLM2's adapter from nothing to its recorded evaluation.

Every stage keeps what it made under runs/smollm2 and is not made twice; a stage that was stopped half-way goes on with
the questions it has not asked, or tunes again from its start. What the product needs goes to assets/smollm2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file

from uait.data.catalogue import preset
from uait.data.files import read_json, write_json
from uait.embedded.smollm2.questions import build_questions
from uait.embedded.smollm2.sampling import FewShotSampler
from uait.embedded.smollm2.student import Student
from uait.embedded.smollm2.teacher import TeacherRow, ask_teacher, read_teacher
from uait.embedded.smollm2.tuning import FIRST_LAYER, Below, Lesson, Stage, Tuner
from uait.method import probe
from uait.method.calibration import apply, fit_calibration
from uait.models.adapters import WEIGHTS
from uait.models.hearing import Hearing, level_edges
from uait.models.language_model import LanguageModel
from uait.models.loading import load_model
from uait.models.similarity import load_similarity
from uait.records import Question
from uait.settings import ASSETS

SMOLLM2 = ASSETS / "smollm2"
RANK = 16
LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
# Questions to tune on: sampled five times, and told right from wrong.
N_SAMPLED, N_TOLD = 1000, 4900
N_LEVELS = 10  # of probability that it hears
TRUST = 1.0  # of the probe of so many told answers: all its columns shrink alike
READ_TOGETHER = 32


@dataclass
class Workshop:
    """The base model with what all stages share: its folder of runs, the questions, and the answers last tuned on."""

    lm: LanguageModel
    runs: Path
    questions: dict[str, list[Question]]
    last_read: tuple[Any, list[Below]] = ((), [])

    def teacher(self, name: str, questions: Sequence[Question], *, samples: bool = True) -> dict[str, TeacherRow]:
        """The teacher's rows of these questions, asked where the file `name` does not hold them."""
        path = self.runs / "teacher" / f"{name}.jsonl"
        known = read_teacher(path)
        if any(question.id not in known for question in questions):
            path.parent.mkdir(parents=True, exist_ok=True)
            similarity = load_similarity("bi-encoder") if samples else None
            for n in ask_teacher(FewShotSampler(self.lm), similarity, questions, path):
                report(f"{name}: {n} of {len(questions)} asked")
            known = read_teacher(path)
        return {question.id: known[question.id] for question in questions}

    def new_student(self, edges: Sequence[float], seed: int) -> Student:
        """A student with an adapter that changes nothing yet."""
        torch.manual_seed(seed)
        layers = list(range(FIRST_LAYER, self.lm.model.config.num_hidden_layers))
        config = LoraConfig(
            task_type="CAUSAL_LM", r=RANK, lora_alpha=RANK, target_modules=list(LAYERS), layers_to_transform=layers
        )
        return Student(self.lm.with_new_adapter(config), Hearing.of(self.lm.tokenizer, edges))

    def read(self, student: Student, rows: Sequence[TeacherRow]) -> list[Below]:
        """What the base holds of these answers to questions to tune on; of the last ones it is known already."""
        key = student.hears.edges, tuple(row.id for row in rows)
        if self.last_read[0] != key:
            self.last_read = key, read(student, asked_of(self, rows), rows)
        return self.last_read[1]

    def student(self, folder: Path) -> Student:
        """The student that was tuned into `folder`."""
        edges = read_json(folder / "edges.json")
        return Student(self.lm.with_adapter(folder), Hearing.of(self.lm.tokenizer, edges))


def report(text: str) -> None:
    """One line of progress on stdout."""
    print(text, flush=True)  # noqa: T201


def open_workshop(runs: Path) -> Workshop:
    """The base model and the questions that we own."""
    lm = load_model(preset("smollm2").with_adapter("none"))
    questions = {split: [row.question for row in rows] for split, rows in build_questions().items()}
    return Workshop(lm, runs, questions)


def self_trained(shop: Workshop, seed: int = 0) -> Path:
    """The adapter that says what the teacher thinks, as in the paper: no reference answer but for the calibration."""
    asked = shop.questions["tune"][:N_SAMPLED]
    rows = [row for row in shop.teacher("tune", asked).values() if row.sar is not None and row.teaches]
    sar = [row.sar for row in rows if row.sar is not None]
    curve = fit_calibration(sar, [row.is_right for row in rows], "platt")
    targets = [apply(curve, confidence) for confidence in sar]
    return _tuned(shop, f"self-trained-{seed}", rows, targets, Stage(seed=seed), probe.TRUST)


def told(shop: Workshop, seed: int = 0, *, shuffled: bool = False) -> Path:
    """The adapter that is told which of the base's answers are right; `shuffled` tells it at random (a control)."""
    rows = told_of(shop)
    targets = [float(row.is_right) for row in rows]
    if shuffled:
        targets = [targets[i] for i in np.random.default_rng(seed).permutation(len(targets))]
    return _tuned(shop, f"{'shuffled' if shuffled else 'told'}-{seed}", rows, targets, Stage(seed=seed))


def told_of(shop: Workshop) -> list[TeacherRow]:
    """The base's answers that the student is told right from wrong of."""
    asked = shop.questions["tune"][:N_TOLD]
    return [row for row in shop.teacher("tune-answers", asked, samples=False).values() if row.teaches]


def asked_of(shop: Workshop, rows: Sequence[TeacherRow]) -> list[Question]:
    """The questions to tune on that these are the rows of."""
    questions = {question.id: question for question in shop.questions["tune"]}
    return [questions[row.id] for row in rows]


def read(student: Student, asked: Sequence[Question], rows: Sequence[TeacherRow]) -> list[Below]:
    """What the base holds of these answers below the adapter, a line of progress every twenty batches."""
    tuner, below = Tuner(student), list[Below]()
    for start in range(0, len(rows), READ_TOGETHER):
        if start % (20 * READ_TOGETHER) == 0:
            report(f"{start} of {len(rows)} answers read")
        pairs = zip(asked[start : start + READ_TOGETHER], rows[start : start + READ_TOGETHER], strict=True)
        below += tuner.below([Lesson(question.text, row, 0.0) for question, row in pairs])
    return below


def probed(below: Sequence[Below], rows: Sequence[TeacherRow]) -> np.ndarray:
    """The probe's features (N, 2 + hidden): each answer's probability, and the base's state at its last token."""
    states = torch.stack([b.said[len(row.ids) - 1] for b, row in zip(below, rows, strict=True)])
    return probe.features(states.numpy(), [row.probability for row in rows])


def _tuned(
    shop: Workshop,
    name: str,
    rows: Sequence[TeacherRow],
    targets: Sequence[float],
    stage: Stage,
    trust: float = TRUST,
) -> Path:
    """The folder of the adapter of that name; tunes it where it is not there, a line of progress every twenty steps.

    It learns the targets as a probe with this `trust` sees them.
    """
    folder = shop.runs / name
    if not (folder / WEIGHTS).exists():
        asked = asked_of(shop, rows)
        edges = level_edges([row.probability for row in rows], N_LEVELS)
        student = shop.new_student(edges, stage.seed)
        below = shop.read(student, rows)
        smooth = probe.smoothed(probed(below, rows), targets, [question.fact for question in asked], trust)
        lessons = [Lesson(q.text, row, target) for q, row, target in zip(asked, rows, smooth, strict=True)]
        recent: list[float] = []
        for step in Tuner(student).tune(lessons, below, stage):
            recent = [*recent, step["loss"]][-20:]
            if step["step"] % 20 == 0 or step["step"] == step["total"]:
                report(f"{name}: step {step['step']} of {step['total']}, loss {sum(recent) / len(recent):.3f}")
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "edges.json", edges)
        save_adapter(student.lm, folder)
    return folder


def save_adapter(lm: LanguageModel, folder: Path) -> None:
    """The adapter's files in peft's format, its weights as bfloat16."""
    lm.save_adapter(folder)
    weights = {name: weight.to(torch.bfloat16) for name, weight in load_file(folder / WEIGHTS).items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
