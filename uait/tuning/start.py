"""What a tuning begins with: a fresh adapter beside the model, or the weights of the one that the model comes with.

In: settings. Out: the shipped adapter's folder and what it is, or a sentence on why its weights are no use here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uait.data.catalogue import describe
from uait.models.adapters import WEIGHTS
from uait.models.shipped import sha256_of
from uait.records import Adapter, Origin
from uait.records.errors import TrainingError
from uait.settings import Settings
from uait.tuning.card import read_card

_SAME = ("rank", "alpha", "targets", "first_layer")  # what the weights of an adapter depend on


@dataclass(frozen=True, slots=True)
class Start:
    """The adapter that a tuning goes on with: where its weights are, and what they are."""

    folder: Path
    origin: Origin


def start_of(settings: Settings) -> Start | None:
    """What the tuning goes on with; None where it begins afresh.

    Raises TrainingError when it is to be the shipped adapter, and there is none, or one that was made otherwise.
    """
    if settings.tune.start_from == "base":
        return None
    card = shipped_card(settings.model.model)
    if card is None:
        raise TrainingError(
            f"{settings.model.model!r} comes with no adapter to start from; set tune.start_from to 'base'."
        )
    differing = list(_differing(settings, card))
    if differing:
        raise TrainingError(
            f"The adapter that {card.base_model_id!r} comes with was made with {'; '.join(differing)}: use the same, "
            "or set tune.start_from to 'base'."
        )
    folder = Path(card.path)
    name = f"the adapter that {card.base_model_id} comes with"
    return Start(folder, Origin(name, sha256_of(folder / WEIGHTS), card.data_hash))


def shipped_card(model: str) -> Adapter | None:
    """The card of the adapter that the model comes with; None without one."""
    description = describe(model)
    folder = description.adapter if description else None
    return read_card(folder) if folder else None


def _differing(settings: Settings, card: Adapter) -> Iterator[str]:
    """Each setting that is another one than the adapter's, with both values."""
    tune, prompts = card.settings["tune"], card.settings["prompts"]
    if (recipe := _recipe(card)) != settings.tune.recipe:
        yield f"tune.recipe {recipe!r}, not {settings.tune.recipe!r}"
    for name in _SAME:
        if tune[name] != (wanted := getattr(settings.tune, name)):
            yield f"tune.{name} {tune[name]!r}, not {wanted!r}"
    for name in ("question", "shots"):
        if prompts[name] != getattr(settings.prompts, name):
            yield f"another prompts.{name}"


def _recipe(card: Adapter) -> Any:
    """An adapter that hears its answer's probability was told what is right, whatever the build that made it noted."""
    recipe = card.settings["tune"].get("recipe", "paper")
    return "told" if recipe == "paper" and card.level_edges is not None else recipe
