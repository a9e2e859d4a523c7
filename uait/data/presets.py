"""The paper's settings under one name, and the reproductions: which model, tuned and measured on what.

Where paper and published scripts differ, or say nothing, the script is followed: its learning rate is 2e-4, where the
paper is quoted with 2e-5. Source: UaIT (EMNLP 2024) and its repository.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from uait.data import catalogue
from uait.data.named import asked_part
from uait.records.errors import SettingsError
from uait.settings import PromptSettings, Settings

# Three pairs, as the scripts have, in words of our own.
SHOTS = """Question: What is the capital of Kenya?
Answer: Nairobi

Question: Who wrote Robinson Crusoe?
Answer: Daniel Defoe

Question: What do pandas mainly eat?
Answer: bamboo
"""
PAPER: dict[str, dict[str, Any]] = {
    "model": {"encoder": "cross-encoder/stsb-roberta-large"},
    "sampling": {"n_samples": 5, "temperature": 0.5},
    "label": {"t": 0.001, "calibrate": "none", "correctness": "rouge"},
    "distil": {"keep_right_from": 0.5, "keep_wrong_below": 0.5, "balance": False, "dev_fraction": 0.03},
    "tune": {
        "recipe": "paper", "rank": 64, "alpha": 16, "dropout": 0.05, "targets": "attention", "first_layer": 0,
        "answers": "examples", "learning_rate": 2e-4, "warmup": 0.03, "batch_size": 32, "epochs": 4.0,
        "max_steps": None,
    },
}  # fmt: skip

_PAPERS_SETS = ("trivia_qa[:2000]", "sciqa[:1000]", "medqa[:1273]")
_PAPERS_TRAINING = "trivia_qa[:76000]"  # nearly all of its distinct training questions
_THRESHOLDS = (None, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9)


def paper(settings: Settings) -> Settings:
    """These settings with the paper's in place of all that it says; a model with prompts of its own keeps them."""
    prompts = settings.prompts
    if prompts == PromptSettings():
        prompts = replace(prompts, shots=SHOTS)
    return _changed(replace(settings, prompts=prompts), PAPER)


def _changed(settings: Settings, changes: dict[str, dict[str, Any]]) -> Settings:
    return replace(settings, **{stage: replace(getattr(settings, stage), **new) for stage, new in changes.items()})


@dataclass(frozen=True)
class Preset:
    """One reproduction of the paper: a model, what it is tuned on, what it is measured on.

    `changes` are its settings where they differ from the paper's. `teach` is a slice of a named set, or empty for
    `n_teach` of the model's own tuning questions; `measure` slices of named sets, and beside them `n_own` questions
    of each split that the model holds out. One adapter more is tuned per threshold of `thresholds` (None: all labels)
    and asked `n_swept` questions of each set.
    """

    model: str
    about: str
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    teach: str = _PAPERS_TRAINING
    n_teach: int = 0
    measure: tuple[str, ...] = _PAPERS_SETS
    n_own: int = 0
    thresholds: tuple[float | None, ...] = _THRESHOLDS
    n_swept: int = 500

    @property
    def settings(self) -> Settings:
        """The settings to begin with: nothing is held out of the labels, since other sets are measured."""
        settings = paper(catalogue.preset(self.model)).with_adapter("none")
        return _changed(_changed(settings, {"distil": {"held_out_fraction": 0.0}}), self.changes)

    @property
    def n_questions(self) -> tuple[int, int]:
        """How many questions are labelled and how many measured, at most; nothing is read for it."""
        description = catalogue.describe(self.model)
        n_splits = len(description.held_out) if description and self.n_own else 0
        n_measured = sum(map(_size, self.measure)) + n_splits * self.n_own
        return _size(self.teach) if self.teach else self.n_teach, n_measured


def _size(source: str) -> int:
    part = asked_part(source)
    if part.stop is None:
        raise SettingsError(f"{source!r} has no end; a reproduction names how many questions it takes of each set.")
    return part.stop - part.start


# These two run without a hub, where there is no cross-encoder.
_EMBEDDED: dict[str, dict[str, Any]] = {"model": {"encoder": "bi-encoder"}}
PRESETS = {
    "llama2-7b": Preset("meta-llama/Llama-2-7b-chat-hf", "the paper's first model"),
    "mistral-7b": Preset("mistralai/Mistral-7B-Instruct-v0.1", "the paper's second model"),
    "qwen3-8b": Preset("Qwen/Qwen3-8B", "the paper's recipe on a newer model"),
    "24gb": Preset(
        "mistralai/Mistral-7B-Instruct-v0.3", "7B on one GPU of 24 GB: smaller batches, a quarter of the questions",
        {"sampling": {"batch_size": 8}, "tune": {"micro_batch": 8}}, "trivia_qa[:19000]",
    ),
    "t4": Preset(
        "Qwen/Qwen3-4B", "4B on one GPU of 16 GB: smaller batches, 8,000 questions",
        {"sampling": {"batch_size": 8}, "tune": {"micro_batch": 8}}, "trivia_qa[:8000]", n_swept=200,
    ),
    "smollm2": Preset(  # of so few labels all teach, in few but larger steps
        "smollm2", "135M on a CPU in an hour or two: tuned on our own questions, measured on public sets",
        {
            **_EMBEDDED,
            "distil": {"keep_right_from": None, "keep_wrong_below": None},
            "tune": {
                "rank": 16, "targets": "all-linear", "first_layer": 15, "learning_rate": 1e-3, "batch_size": 8,
                "epochs": 2.0,
            },
            "retrieval": {"n_passages": 1},
        },
        teach="", n_teach=150, measure=("trivia_qa[:30]", "sciqa[:30]", "medqa[:15]"), thresholds=(None, 0.5),
        n_swept=15,
    ),
    "pocket": Preset(
        "pocket", "our own small model on a CPU in some minutes: tuned and measured on questions of its world",
        _EMBEDDED, teach="", n_teach=2000, measure=(), n_own=400, thresholds=(None, 0.5, 0.7, 0.85), n_swept=200,
    ),
}  # fmt: skip
