"""Loads a chat model, its tokenizer and, when there is one, a tuned adapter: settings -> LanguageModel.

Knows nothing about questions, prompts' wording or sampling. Holds no cache: whoever loads a model passes it on.
"""

import json
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from uait.records.errors import ModelError
from uait.settings import POCKET, PromptSettings, Settings, is_pocket

_LOAD_ERRORS = (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, ImportError, SafetensorError)

# "\u0120" is the leading space of byte-level vocabularies, "\u2581" that of SentencePiece ones
_NUMBER_TOKEN = re.compile("[\u0120\u2581 ]?(0|[1-9][0-9]?|100)")


@dataclass
class LanguageModel:
    """A loaded model with everything that asking it takes. `adapter_id` is None for a base model."""

    model: Any
    tokenizer: Any
    device: torch.device
    model_id: str
    adapter_id: str | None
    prompts: PromptSettings
    _lock: Any = field(default_factory=threading.RLock, repr=False)

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """The tokens that close an answer: the generation config's and the tokenizer's, ascending."""
        configured = getattr(getattr(self.model, "generation_config", None), "eos_token_id", None)
        ids = configured if isinstance(configured, list) else [configured]
        return tuple(sorted({i for i in (*ids, self.tokenizer.eos_token_id) if i is not None}))

    @property
    def max_tokens(self) -> int | None:
        """How many tokens prompt and answer may have together, or None when the model names no limit."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)

    @cached_property
    def number_ids(self) -> dict[str, int]:
        """The tokens that write a whole number from 0 to 100, alone or after a space: '93' or ' 93' -> id."""
        return {token: i for token, i in self.tokenizer.get_vocab().items() if _NUMBER_TOKEN.fullmatch(token)}

    def chat(self, user_text: str) -> str:
        """The text as the model sees it: the chat template around one user turn, open for the answer."""
        turn = [{"role": "user", "content": user_text}]
        return str(self.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))

    @torch.inference_mode()
    def forward(self, **inputs: Any) -> Any:
        """The model's output for `inputs`. Waits while another thread has the adapter switched off."""
        with self._lock:
            return self.model(**inputs)

    @contextmanager
    def adapter_off(self) -> Iterator[None]:
        """Makes the base model answer inside the block, for this thread alone; does nothing without an adapter.

        The switch is a state of the shared model, so other threads' forward passes wait until the block ends.
        Never yield to a caller from inside it: the lock would stay with whoever holds the generator.
        """
        if self.adapter_id is None:
            yield
            return
        with self._lock, self.model.disable_adapter():
            yield


def load_model(settings: Settings) -> LanguageModel:
    """The model that the settings name, on its device: 32-bit floats on a CPU, bfloat16 on a GPU.

    Raises ModelError when the model or the adapter is missing, incomplete, or the two don't fit each other.
    """
    logging.disable_progress_bar()  # reading eight megabytes needs no bar on stderr
    warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")  # peft still reads the old name
    name = settings.model.model
    device = choose_device(settings.model.device)
    source, model_id = str(_folder(name) or name), "pocket" if is_pocket(name) else name
    tokenizer = _load_tokenizer(name, source)
    model = _load_weights(name, source, device)
    adapter, adapter_id = _adapter_folder(settings), None
    if adapter is not None:
        adapter_id = "pocket/adapter" if settings.model.adapter == "auto" else settings.model.adapter
        model = _load_adapter(model, adapter, names=(Path(source).resolve().name, model_id))
    return LanguageModel(model.to(device).eval(), tokenizer, device, model_id, adapter_id, settings.prompts)


def choose_device(name: str) -> torch.device:
    """The device for 'auto', 'cpu' or 'cuda'. Raises ModelError when a GPU is asked for and there is none."""
    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise ModelError("model.device is 'cuda', but PyTorch finds no GPU here; choose 'auto' or 'cpu'.")
    return torch.device("cuda" if has_gpu and name != "cpu" else "cpu")


def _folder(name: str) -> Path | None:
    """The folder that `name` stands for, or None for a hub id. Raises ModelError when a path leads nowhere."""
    if name == "pocket":
        if not (POCKET / "config.json").is_file():
            raise ModelError("The embedded model 'pocket' is not in assets/pocket; build it with `make pocket`.")
        return POCKET
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError(f"The model folder {name!r} has no config.json; name a folder saved by save_pretrained.")
        return folder
    if folder.is_absolute() or name.startswith((".", "~")) or folder.exists() or name.count("/") > 1:
        raise ModelError(f"The model folder {name!r} does not exist; check the path, or choose 'pocket' or a hub id.")
    return None


def _load_tokenizer(name: str, source: str) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
    except _LOAD_ERRORS as err:
        raise _unloadable("tokenizer of the model", name, source, err) from err
    if not tokenizer.chat_template:
        raise ModelError(f"The model {name!r} has no chat template; choose a chat or instruct model.")
    try:
        tokenizer.apply_chat_template([{"role": "user", "content": "Who?"}], tokenize=False, add_generation_prompt=True)
    except Exception as err:  # a template is a program of its own and may raise anything
        raise _unloadable("chat template of the model", name, source, err) from err
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token  # only fills a batch: padded places are masked out
    return tokenizer


def _load_weights(name: str, source: str, device: torch.device) -> Any:
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, output_loading_info=True)
    except _LOAD_ERRORS as err:
        raise _unloadable("model", name, source, err) from err
    model, report = loaded
    if report["missing_keys"]:  # the library only warns, and fills them with random numbers
        raise ModelError(
            f"The weights of the model {name!r} lack {len(report['missing_keys'])} tensors, "
            f"e.g. {min(report['missing_keys'])}; copy or download the model again."
        )
    return model


def _unloadable(what: str, name: str, source: str, err: Exception) -> ModelError:
    if not Path(source).is_dir():
        return ModelError(
            f"The {what} {name!r} is neither a folder here nor can it be fetched from the hub; "
            f"check the name and the connection ({_first_line(err)})."
        )
    return ModelError(
        f"The {what} {name!r} can't be read ({_first_line(err)}); a file in it is damaged or missing: "
        "copy or download it again."
    )


def _first_line(err: Exception) -> str:
    return next((line.strip().rstrip(".") for line in str(err).splitlines() if line.strip()), type(err).__name__)[:200]


def _adapter_folder(settings: Settings) -> Path | None:
    """The adapter's folder, or None; 'auto' is the one shipped beside an embedded model, once it has been tuned."""
    name = settings.model.adapter
    if name == "none":
        return None
    if name == "auto":
        model = settings.model.model
        folder = (_folder(model) or Path(model)) / "adapter"
        return folder if is_pocket(model) and (folder / "adapter_config.json").is_file() else None
    folder = Path(name).expanduser()
    if not (folder / "adapter_config.json").is_file():
        raise ModelError(f"The adapter folder {name!r} has no adapter_config.json; name a folder that tuning wrote.")
    return folder


def _load_adapter(model: Any, folder: Path, names: tuple[str, str]) -> Any:
    """`model` wrapped with the adapter in `folder`, which must have been tuned on a model of one of these `names`."""
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        _check_base(model, folder, config, names)
        from peft import PeftModel  # noqa: PLC0415 -- takes some 15 s to import: only a run with an adapter pays it

        return PeftModel.from_pretrained(model, str(folder))
    except _LOAD_ERRORS as err:
        if isinstance(err, ModelError):
            raise
        raise ModelError(f"The adapter {str(folder)!r} can't be read ({_first_line(err)}); tune it again.") from err


def _check_base(model: Any, folder: Path, config: dict[str, Any], names: tuple[str, str]) -> None:
    """Raises ModelError when the adapter was tuned on another base: by its name, and by its layers and their widths."""
    tuned_on = str(config.get("base_model_name_or_path") or "")
    if tuned_on and Path(tuned_on).name not in names:
        raise ModelError(
            f"The adapter {str(folder)!r} was tuned on {Path(tuned_on).name!r}, not on {names[0]!r}; "
            "choose that model, or tune an adapter for this one."
        )
    widths = {layer: getattr(module, "in_features", None) for layer, module in model.named_modules()}
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as weights:
        for key in weights.keys():  # noqa: SIM118 -- a reader of the file, not a dict
            layer, is_lora_a, _ = key.removeprefix("base_model.model.").partition(".lora_A.")
            width = weights.get_slice(key).get_shape()[-1]
            if is_lora_a and width != widths.get(layer):
                raise ModelError(
                    f"The adapter {str(folder)!r} does not fit {names[0]!r}: its layer {layer} has width {width}, "
                    f"the model's {widths.get(layer, 'is missing')}; choose its own model, or tune a new adapter."
                )
