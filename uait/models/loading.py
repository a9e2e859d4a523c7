"""Loads a chat model, its tokenizer and, when there is one, a tuned adapter: settings -> LanguageModel.

Knows nothing about questions, prompts' wording or sampling. One base in memory per process: it is kept as long as
somebody holds it, and whoever asks for the same one shares it.
"""

import importlib.util
import threading
import warnings
import weakref
from datetime import date
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils import logging

from uait.data.catalogue import Description, describe, names
from uait.models.adapters import LOAD_ERRORS, Weights
from uait.models.family import check_architecture, rendered
from uait.models.hub import find_adapter, unloadable
from uait.models.language_model import LanguageModel
from uait.models.packaged import converted, from_own, own_file
from uait.models.shipped import check_shipped
from uait.records.errors import ModelError
from uait.settings import Settings

_DAY = date(2024, 7, 26)  # the one that Llama 3's template falls back to
_DAY_CODES = ("%d", "%b", "%B", "%m", "%Y", "%y", "%A", "%a", "%H", "%M", "%S")

_bases: weakref.WeakValueDictionary[tuple, Weights] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def load_model(settings: Settings) -> LanguageModel:
    """The model that the settings name, on its device: 32-bit floats on a CPU, bfloat16 or quantised on a GPU.

    A base that is in memory already is shared, not read again. Raises ModelError when the model or the adapter is
    missing, incomplete, or the two don't fit each other.
    """
    logging.disable_progress_bar()  # reading eight megabytes needs no bar on stderr
    warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")  # peft still reads the old name
    warnings.filterwarnings("ignore", message="Adapter .* was active which is now deleted")  # so it was meant
    name = settings.model.model
    device = choose_device(settings.model.device)
    description = describe(name)
    source, model_id = str(_folder(name, description) or name), description.name if description else name
    check_architecture(load_config(name, source), name)  # before gigabytes are fetched
    tokenizer = _load_tokenizer(name, source)
    with _lock:
        quantize = settings.model.quantize
        key = source, str(device), quantize, _state(Path(source))
        weights = _bases.get(key) or Weights(_load_weights(name, source, device, quantize))
        _bases[key] = weights
    lm = LanguageModel(weights, tokenizer, device, model_id, None, settings.prompts)
    adapter = _adapter_folder(settings, description)
    if adapter is None:
        return lm
    lm = lm.with_adapter(adapter)
    lm.adapter_id = f"{model_id}/adapter" if settings.model.adapter == "auto" else settings.model.adapter
    return lm


def _state(folder: Path) -> tuple:
    """Tells a model's folder from the same one written again; empty for a hub id."""
    files = (*folder.glob("config.json"), *folder.glob("*.safetensors"))
    return tuple(sorted((path.name, path.stat().st_mtime_ns) for path in files))


def choose_device(name: str) -> torch.device:
    """The device for 'auto', 'cpu', 'cuda' or 'mps'. Raises ModelError when a GPU is asked for and there is none."""
    found = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device("cuda" if found["cuda"] else "cpu")
    if not found[name]:
        raise ModelError(f"model.device is {name!r}, but PyTorch finds no such GPU here; choose 'auto' or 'cpu'.")
    return torch.device(name)


def _folder(name: str, description: Description | None) -> Path | None:
    """The folder that `name` stands for, or None for a hub id. Raises ModelError when a path leads nowhere."""
    if description is not None and description.weights is not None:
        return converted(description.weights)
    if description is not None:
        if not (description.folder / "config.json").is_file():
            place = f"{description.folder.parent.name}/{description.folder.name}"
            raise ModelError(f"The model {name!r} is not in {place}; make it with `{description.made_by}`.")
        return description.folder
    file, folder = own_file(name), Path(name).expanduser()
    if file is not None:
        return from_own(file)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError(f"The model folder {name!r} has no config.json; name a folder saved by save_pretrained.")
        return folder
    if folder.is_absolute() or name.startswith((".", "~")) or folder.exists() or name.count("/") > 1:
        choice = " or ".join(names())
        raise ModelError(f"The model folder {name!r} does not exist; check the path, or choose {choice} or a hub id.")
    return None


def load_config(name: str, source: str) -> Any:
    """The configuration of the model `name` in the folder or under the hub id `source`. Raises ModelError."""
    try:
        return AutoConfig.from_pretrained(source, trust_remote_code=False)
    except LOAD_ERRORS as err:
        raise unloadable("configuration of the model", name, source, err) from err


def _load_tokenizer(name: str, source: str) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except LOAD_ERRORS as err:
        raise unloadable("tokenizer of the model", name, source, err) from err
    if not tokenizer.chat_template:
        raise ModelError(f"The model {name!r} has no chat template; choose a chat or instruct model.")
    try:
        rendered(tokenizer, "Who?", {})
    except Exception as err:  # a template is a program of its own and may raise anything
        raise unloadable("chat template of the model", name, source, err) from err
    if "strftime_now" in tokenizer.chat_template:
        tokenizer.chat_template = _one_day() + tokenizer.chat_template
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token  # only fills a batch: padded places are masked out
    return tokenizer


def _one_day() -> str:
    """A macro that gives a chat template one date for ever: with today's, a question's samples would change daily."""
    parts = "".join(f" | replace('{code}', '{_DAY.strftime(code)}')" for code in _DAY_CODES)
    return f"{{% macro strftime_now(format) %}}{{{{ format{parts} }}}}{{% endmacro %}}"


def _load_weights(name: str, source: str, device: torch.device, quantize: str) -> Any:
    check_shipped(Path(source) / "model.safetensors")
    how = _placed(device, quantize)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source, **how, trust_remote_code=False, use_safetensors=True, output_loading_info=True
        )
        model, report = loaded[0] if how["device_map"] else loaded[0].to(device), loaded[1]
    except LOAD_ERRORS as err:
        raise unloadable("model", name, source, err) from err
    if report["missing_keys"]:  # the library only warns, and fills them with random numbers
        raise ModelError(
            f"The weights of the model {name!r} lack {len(report['missing_keys'])} tensors, "
            f"e.g. {min(report['missing_keys'])}; copy or download the model again."
        )
    return model


def _placed(device: torch.device, quantize: str) -> dict[str, Any]:
    """How the weights are read: onto which device, or spread over several GPUs, in how many bits.

    Raises ModelError when they can't be quantised here.
    """
    several = device.type == "cuda" and torch.cuda.device_count() > 1
    how: dict[str, Any] = {
        "dtype": torch.float32 if device.type == "cpu" else torch.bfloat16,
        "device_map": "auto" if several else None,
    }
    if quantize == "none":
        return how
    if device.type != "cuda":
        raise ModelError(
            f"model.quantize is {quantize!r}, which takes a CUDA GPU, and the model runs on {device.type!r}; "
            "set it to 'none', or choose a smaller model."
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(f"model.quantize is {quantize!r}, which takes bitsandbytes; run `pip install bitsandbytes`.")
    is_four = quantize == "4bit"
    return how | {
        "device_map": how["device_map"] or {"": device},
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=is_four,
            load_in_8bit=not is_four,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        ),
    }


def _adapter_folder(settings: Settings, description: Description | None) -> Path | None:
    """The adapter's folder, fetched first where it is on the hub, or None without one.

    'auto' is the one shipped beside an embedded model, once it has been tuned.
    """
    name = settings.model.adapter
    if name == "none":
        return None
    if name == "auto":
        return description.adapter if description else None
    return find_adapter(name)
