"""The settings that suit a model: the embedded one's, and the paper's for any other."""

from dataclasses import replace
from pathlib import Path

from uait.settings.environment import ASSETS
from uait.settings.stages import (
    AnswerSettings,
    PromptSettings,
    RetrievalSettings,
    SamplingSettings,
    Settings,
    TuneSettings,
)

POCKET = ASSETS / "pocket"

# The pocket model is asked bare questions (it has 3 million parameters and knows no instructions), and samples at
# temperature 1.0: at the paper's 0.5, chosen for 7B models, its samples hardly differ.
# It reads one passage at a time: with several it mixes them up.
_POCKET_SETTINGS = Settings(
    prompts=PromptSettings(
        question="{question}",
        verbalized="{question} Answer with your confidence.",
        p_true="{question} Answer: {answer}. Is that right?",
        reading="{passages}\n{question}",
    ),
    sampling=SamplingSettings(temperature=1.0, max_new_tokens=16, batch_size=64),
    answer=AnswerSettings(max_new_tokens=24),
    retrieval=RetrievalSettings(n_passages=1),
    tune=TuneSettings(
        rank=32,
        alpha=32,
        targets="all-linear",
        first_layer=5,
        answers="base",
        rounds=2,
        learning_rate=1e-3,
        epochs=6.0,
    ),
)


def preset(model: str) -> Settings:
    """The settings that suit `model`: the pocket model's own, or the paper's for any other model."""
    base = _POCKET_SETTINGS if is_pocket(model) else Settings()
    return replace(base, model=replace(base.model, model=model))


def small_tuning(tune: TuneSettings) -> TuneSettings:
    """A tuning of the embedded model on few examples, in a minute or two; see uait.embedded.pocket.small_run."""
    return replace(tune, rounds=1, learning_rate=2e-3, batch_size=32, epochs=14.0, save_steps=10)


def is_pocket(model: str) -> bool:
    """Whether `model` names the embedded model: by name, or as a folder that `make pocket` made."""
    return model == "pocket" or (Path(model) / "pocket.json").is_file()
