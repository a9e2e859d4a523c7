"""`python -m uait.embedded.smollm2`: SmolLM2's adapter from nothing to its recorded evaluation.

Every stage keeps what it made under runs/smollm2 and is not made twice; a stage that was stopped half-way goes on with
the questions it has not asked, or tunes again from its start. What the product needs goes to assets/smollm2.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file

from uait.data.catalogue import preset
from uait.data.files import read_json, write_json
from uait.embedded.smollm2 import measure
from uait.embedded.smollm2.questions import build_questions
from uait.embedded.smollm2.sampling import FewShotSampler, stop_ids
from uait.embedded.smollm2.student import Student
from uait.embedded.smollm2.teacher import TeacherRow, ask_teacher, read_teacher
from uait.embedded.smollm2.tuning import FIRST_LAYER, Lesson, Stage, Tuner, thought_of
from uait.method.calibration import apply, fit_calibration
from uait.models.adapters import WEIGHTS
from uait.models.hearing import Hearing, decile_edges
from uait.models.language_model import LanguageModel
from uait.models.loading import load_model
from uait.models.similarity import load_similarity
from uait.records import Question
from uait.settings import ASSETS

SMOLLM2 = ASSETS / "smollm2"
RANK = 16
LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
# Questions to tune on: sampled five times, and only answered.
N_SAMPLED, N_ANSWERED = 1696, 1536
# Of these: answered by the student itself before it is told, and told right from wrong.
N_OWN, N_TOLD = 480, 1600
FIRST = Stage(truth=False)
SECOND = Stage(truth=True, epochs=1.5, learning_rate=7e-4)


@dataclass
class Workshop:
    """The base model with what all stages share: its folder of runs, the questions and the tokens that end a line."""

    lm: LanguageModel
    runs: Path
    questions: dict[str, list[Question]]
    stops: frozenset[int]

    def teacher(self, name: str, questions: Sequence[Question], *, samples: bool = True) -> dict[str, TeacherRow]:
        """The teacher's rows of these questions, asked where the file `name` does not hold them."""
        path = self.runs / "teacher" / f"{name}.jsonl"
        known = read_teacher(path, self.stops) if path.exists() else {}
        if any(question.id not in known for question in questions):
            path.parent.mkdir(parents=True, exist_ok=True)
            similarity = load_similarity("bi-encoder") if samples else None
            for n in ask_teacher(FewShotSampler(self.lm), similarity, questions, path):
                report(f"{name}: {n} of {len(questions)} asked")
            known = read_teacher(path, self.stops)
        return {question.id: known[question.id] for question in questions}

    def taught(self) -> tuple[dict[str, TeacherRow], list[Question]]:
        """The rows of the questions to tune on, by id, and of these the questions whose answer can be learned."""
        tune = self.questions["tune"]
        answered = self.teacher("tune-answers", tune[N_SAMPLED : N_SAMPLED + N_ANSWERED], samples=False)
        rows = {**self.teacher("tune", tune[:N_SAMPLED]), **answered}
        return rows, [question for question in tune if question.id in rows and rows[question.id].teaches]

    def student(self, folder: Path | None, edges: Sequence[float], seed: int = 0) -> Student:
        """A student with the adapter in that folder, to ask or to tune further; with a new one without a folder."""
        torch.manual_seed(seed)
        if folder is None:
            layers = list(range(FIRST_LAYER, self.lm.model.config.num_hidden_layers))
            config = LoraConfig(r=RANK, lora_alpha=RANK, target_modules=list(LAYERS), layers_to_transform=layers)
            lm = self.lm.with_new_adapter(config)
        else:
            lm = self.lm.with_adapter(folder)
        return Student(lm, Hearing.of(lm.tokenizer, edges))


def report(text: str) -> None:
    """One line of progress on stdout."""
    print(text, flush=True)  # noqa: T201


def open_workshop(runs: Path) -> Workshop:
    """The base model and the questions that we own."""
    lm = load_model(preset("smollm2").with_adapter("none"))
    questions = {split: [row.question for row in rows] for split, rows in build_questions().items()}
    return Workshop(lm, runs, questions, stop_ids(lm.tokenizer))


def first_stage(shop: Workshop, seed: int = 0) -> tuple[Path, list[float]]:
    """The adapter that answers as the few-shot base and says the teacher's confidences, and its own decile edges."""
    folder = shop.runs / f"first-{seed}"
    if not (folder / "edges.json").exists():
        rows, asked = shop.taught()
        scored = [row for row in rows.values() if row.sar is not None and row.teaches]
        sar = [row.sar for row in scored if row.sar is not None]
        curve = fit_calibration(sar, [row.is_right for row in scored], "platt")
        student = shop.student(None, decile_edges([row.probability for row in scored]), seed)

        def lesson(question: Question) -> Lesson:
            row = rows[question.id]
            thought = thought_of(student, shop.stops, row.top_ids, row.top_logprobs)
            ids = tuple(student.question_ids(question.text))
            if row.sar is None:
                return Lesson(ids, row.ids, thought)
            return Lesson(ids, row.ids, thought, student.hears.decile(row.probability), apply(curve, row.sar))

        run(student, [lesson(question) for question in asked], FIRST, f"first stage, seed {seed}")
        save_adapter(student.lm, folder)
        own = measure.ask_student(student, asked[:N_OWN], shop.runs / f"own-{seed}.jsonl")
        write_json(folder / "edges.json", decile_edges([row.probability for row in own]))
    return folder, read_json(folder / "edges.json")


def second_stage(shop: Workshop, seed: int = 0, *, shuffled: bool = False) -> tuple[Path, list[float]]:
    """The adapter that was told which of its answers are right; `shuffled` tells it at random (a control)."""
    folder, edges = first_stage(shop, seed)
    rows, asked = shop.taught()
    out = shop.runs / f"{'shuffled' if shuffled else 'second'}-{seed}"
    if not (out / WEIGHTS).exists():
        student = shop.student(folder, edges, seed)
        lessons = told(shop, student, asked[:N_TOLD], rows, seed)
        if shuffled:
            order = np.random.default_rng(seed).permutation(len(lessons))
            lessons = [replace(lesson, target=lessons[i].target) for lesson, i in zip(lessons, order, strict=True)]
        run(student, lessons, SECOND, f"second stage, seed {seed}")
        save_adapter(student.lm, out)
    return out, edges


def told(
    shop: Workshop, student: Student, questions: Sequence[Question], rows: dict[str, TeacherRow], seed: int
) -> list[Lesson]:
    """Each question with the student's own answer where it was asked, else the base's, and whether that is right.

    The base's probabilities have deciles of their own: a tenth of its answers hears each.
    """
    own = measure.read_student(shop.runs / f"own-{seed}.jsonl")
    of_base = Hearing.of(shop.lm.tokenizer, decile_edges([row.probability for row in rows.values()]))
    lessons = []
    for question in questions:
        row, mine = rows[question.id], own.get(question.id)
        thought = thought_of(student, shop.stops, row.top_ids, row.top_logprobs)
        ids = tuple(student.question_ids(question.text))
        if mine is None:
            lessons.append(Lesson(ids, row.ids, thought, of_base.decile(row.probability), float(row.is_right)))
        elif mine.ids and mine.expected is not None:
            kept = thought if mine.ids == row.ids else None
            heard = student.hears.decile(mine.probability)
            lessons.append(Lesson(ids, mine.ids, kept, heard, float(mine.is_right)))
    return lessons


def run(student: Student, lessons: Sequence[Lesson], stage: Stage, name: str) -> None:
    """Tunes the student, with a line of progress every twenty steps."""
    recent: list[dict[str, float]] = []
    for row in Tuner(student).tune(lessons, stage):
        recent = [*recent, row][-20:]
        if row["step"] % 20 == 0 or row["step"] == row["total"]:
            means = {key: sum(r[key] for r in recent) / len(recent) for key in ("keep", "number")}
            report(
                f"{name}: step {row['step']} of {row['total']}, " + ", ".join(f"{k} {v:.3f}" for k, v in means.items())
            )


def save_adapter(lm: LanguageModel, folder: Path) -> None:
    """The adapter's files in peft's format, its weights as bfloat16."""
    lm.save_adapter(folder)
    weights = {name: weight.to(torch.bfloat16) for name, weight in load_file(folder / WEIGHTS).items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
