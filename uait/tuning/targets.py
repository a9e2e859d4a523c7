"""Which linear layers get an adapter: found in the model itself, whatever its architecture calls them."""

from collections.abc import Iterator
from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

from uait.models.language_model import LanguageModel
from uait.records.errors import TrainingError
from uait.settings import TuneSettings


def lora_targets(lm: LanguageModel, tune: TuneSettings) -> list[str]:
    """The modules of every text layer from `tune.first_layer` on: its linear ones, or those of its attention.

    The output head and towers for pictures and sound stay as they are. Raises TrainingError when a layer has none: an
    adapter on some layers only would not be what the setting says.
    """
    names = {module: name for name, module in lm.model.named_modules()}
    layers = _layers(lm.model)
    found: list[str] = []
    for i in range(tune.first_layer, len(layers)):
        linear = [names[module] for module in _linear(layers[i], tune.targets)]
        if not linear:
            raise TrainingError(
                f"tune.targets is {tune.targets!r}, but layer {i} of {lm.model_id!r} has no such modules; "
                f"choose {'another model' if tune.targets == 'all-linear' else 'all-linear'!r}."
            )
        found += [name.removesuffix(".base_layer") for name in linear]
    if not found:
        raise TrainingError(
            f"tune.first_layer is {tune.first_layer}, but {lm.model_id!r} has {len(layers)} layers; choose a lower one."
        )
    return found


def _layers(model: Any) -> torch.nn.ModuleList:
    """The layers of the text model: the list that has as many as its configuration says."""
    n_layers = model.config.get_text_config().num_hidden_layers
    lists = (module for module in model.get_decoder().modules() if isinstance(module, torch.nn.ModuleList))
    return next(layers for layers in lists if len(layers) == n_layers)


def _linear(layer: torch.nn.Module, targets: str) -> Iterator[torch.nn.Module]:
    """The linear modules inside a layer, without those of adapters that are there already."""
    blocks = [name for name, module in layer.named_modules() if "Attention" in type(module).__name__]
    for name, module in layer.named_modules():
        is_inside = targets == "all-linear" or any(name.startswith(f"{block}.") for block in blocks)
        if is_inside and isinstance(module, (torch.nn.Linear, Conv1D)) and ".lora_" not in name:
            yield module
