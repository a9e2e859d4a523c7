"""An adapter's card: what it was made from, what it measured, from which confidence on it is trusted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from uait import __version__
from uait.data.files import read_json, write_json
from uait.data.json import from_json, to_json
from uait.records import Adapter
from uait.records.errors import DataError, ModelError

_CARD, _RUN = "card.json", "run.json"


def read_card(path: Path | str) -> Adapter:
    """The adapter in the folder `path`, as its card describes it.

    Raises ModelError when there is no card, and DataError when it is broken.
    """
    file = Path(path) / _CARD
    if not file.is_file():
        raise ModelError(f"The adapter folder {str(path)!r} has no {_CARD}; name a folder where tuning finished.")
    data = read_json(file)
    fields = {key: value for key, value in data.items() if key != "package_version"} if isinstance(data, dict) else {}
    try:
        adapter = from_json(Adapter, {**fields, "path": str(path)})
        _check_threshold(adapter.threshold)
    except DataError as err:
        raise DataError(f"{file} is no adapter's card: {err} Restore it from a copy, or tune again.") from err
    return adapter


def save_threshold(adapter_path: Path | str, threshold: float, metrics: dict[str, Any]) -> Adapter:
    """The adapter with this default threshold, and these metrics beside the old ones, on its card.

    Raises DataError when the threshold is outside [0, 1]; the card then stays as it was.
    """
    _check_threshold(threshold)
    adapter = read_card(adapter_path)
    adapter = replace(adapter, threshold=float(threshold), metrics={**adapter.metrics, **metrics})
    _write_card(adapter)
    return adapter


def _write_card(adapter: Adapter) -> None:
    card = {name: value for name, value in to_json(adapter).items() if name != "path"}
    write_json(Path(adapter.path) / _CARD, {**card, "package_version": __version__})


def _check_threshold(threshold: float | None) -> None:
    if threshold is not None and not 0.0 <= threshold <= 1.0:
        raise DataError(f"The threshold is {threshold}; it must lie between 0 and 1.")


def _model_card(adapter: Adapter) -> str:
    tune, metrics = adapter.settings["tune"], adapter.metrics
    on_dev = "" if metrics["eval_loss"] is None else f", {metrics['eval_loss']:.3f} on {metrics['n_dev']} unseen ones"
    rounds = (
        "One round: the labels are those of the samples."
        if tune.get("rounds", 1) == 1
        else "Two rounds: the labels of the second are what an adapter tuned on the first ones expected."
    )
    answers = "The answers stayed as the base model's." if tune.get("answers") == "base" else ""
    return f"""---
base_model: {adapter.base_model_id}
library_name: peft
pipeline_tag: text-generation
---

# UaIT adapter for {adapter.base_model_id}

A LoRA adapter made by Uncertainty-aware Instruction Tuning: with it the model answers a question and says how sure it
is, as in `Paris; 93.1%`. The confidences it learnt come from how much the base model's own samples agree (SAR).

- Examples: {metrics["n_train"]} to learn from (SHA-256 of the data {adapter.data_hash[:12]}).
- LoRA: rank {tune["rank"]}, alpha {tune["alpha"]}, dropout {tune["dropout"]}, layers: {tune["targets"]}.
- Tuning: {metrics["n_steps"]} steps of {tune["batch_size"]} examples, peak learning rate {tune["learning_rate"]},
  seed {tune["seed"]}; loss in the last epoch {metrics["train_loss"]:.3f}{on_dev}.
- {rounds} {answers}
- Limits: it is sure or unsure as its base model is, about questions like those it was tuned on.

`card.json` holds all settings and measurements.
"""
