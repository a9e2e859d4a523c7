"""One set of base weights in memory, and the LoRA adapters beside them, each loaded once and freed when unused.

peft keeps several adapters in one model, of which one answers at a time. So whoever asks, asks alone, with the
adapter of his own switched on. Knows nothing about tokenizers or prompts.
"""

import json
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from itertools import count
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from uait.models.shipped import check_shipped
from uait.records.errors import ModelError

LOAD_ERRORS = (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, ImportError, SafetensorError)
WEIGHTS, CONFIG, CARD = "adapter_model.safetensors", "adapter_config.json", "card.json"


class Lora:
    """An adapter's layers inside the base model: peft's `name` of them. They live as long as this handle does."""

    def __init__(self, name: str) -> None:
        self.name = name


class Weights:
    """A base model and the adapters beside it. What several threads ask of it, they ask one after the other."""

    def __init__(self, model: Any) -> None:
        self.model = model.eval()
        self.held: dict[tuple[int, ...], Any] = {}  # what the base holds of beginnings that prompts share
        self.asked: dict[Any, Any] = {}  # who is answered together just now (`together.among`)
        self.n_parameters: int = model.num_parameters()  # of the base: adapters are counted apart
        self._peft: Any = None  # a PeftModel around `model` as soon as there is an adapter
        self._lock = threading.RLock()
        self._depth = 0
        self._active: str | None = None
        self._numbers = count(1)
        self._unused: deque[str] = deque()  # filled by the garbage collector, which must not wait for a lock
        self._loaded: weakref.WeakValueDictionary[tuple[Path, int], Lora] = weakref.WeakValueDictionary()

    @contextmanager
    def asked_with(self, lora: Lora | None, *, learns: bool = False) -> Iterator[Any]:
        """The model with this adapter alone (None: without any), for this thread alone, until the block ends.

        Dropout is on where it `learns`. A block inside another one gives back what it found. Never yield to a caller
        from inside a block: the lock would stay with whoever holds the generator.
        """
        with self._lock:
            if self._depth == 0:
                self._free()
            before = self._active, self.model.training
            self._depth += 1
            try:
                self._switch(None if lora is None else lora.name, learns)
                yield self.model
            finally:
                self._depth -= 1
                # at the outermost the adapter stays on: the next token most likely asks for the same
                self._switch(*(before if self._depth else (self._active, False)))

    def load(self, folder: Path, names: tuple[str, ...]) -> Lora:
        """The adapter in `folder`, which was tuned on a model of one of these `names`; read only once while in use.

        Raises ModelError when it is incomplete or was tuned on another model.
        """
        if not (folder / CONFIG).is_file():
            raise ModelError(f"The adapter folder {str(folder)!r} has no {CONFIG}; name a folder that tuning wrote.")
        try:
            with self._lock:
                key = folder.resolve(), (folder / WEIGHTS).stat().st_mtime_ns
                lora = self._loaded.get(key)
                if lora is None:
                    from peft import LoraConfig  # noqa: PLC0415 -- see `add`

                    _check_base(self.model, folder, names)
                    config = LoraConfig.from_pretrained(str(folder))
                    config.base_model_name_or_path = None  # checked already
                    lora = self.add(config)
                    self._fill(lora, folder)
                    self._loaded[key] = lora
                return lora
        except LOAD_ERRORS as err:
            if isinstance(err, ModelError):
                raise
            raise ModelError(f"The adapter {str(folder)!r} can't be read ({first_line(err)}); tune it again.") from err

    def add_filled(self, config: Any, folder: Path, names: tuple[str, ...]) -> Lora:
        """A fresh adapter of this LoraConfig with a copy of the weights in `folder`; what is there stays as it is.

        Raises ModelError when they were tuned on another model, or don't fill it.
        """
        try:
            with self._lock:
                _check_base(self.model, folder, names)
                lora = self.add(config)
                with safe_open(folder / WEIGHTS, framework="pt") as weights:
                    n_given, n_wanted = len(weights.keys()), len(self.of(lora))
                if n_given != n_wanted:
                    raise ModelError(f"The adapter {str(folder)!r} has {n_given} matrices, and {n_wanted} are wanted.")
                self._fill(lora, folder)
                return lora
        except LOAD_ERRORS as err:
            if isinstance(err, ModelError):
                raise
            raise ModelError(f"The adapter {str(folder)!r} can't be read ({first_line(err)}); start afresh.") from err

    def _fill(self, lora: Lora, folder: Path) -> None:
        from peft import set_peft_model_state_dict  # noqa: PLC0415 -- see `add`

        check_shipped(folder / WEIGHTS)
        with self.asked_with(lora):  # peft looks at the active adapter, whichever it fills
            set_peft_model_state_dict(self._peft, load_file(folder / WEIGHTS), adapter_name=lora.name)

    def add(self, config: Any) -> Lora:
        """A fresh adapter of this LoraConfig, which changes nothing yet. Raises ValueError when no layer fits it."""
        # takes some 15 s to import: only a run with an adapter pays it
        from peft import get_peft_model  # noqa: PLC0415

        with self._lock:
            self._free()
            # no name is a part of another: peft picks an adapter's weights by asking whether its name is in theirs
            before, lora = self._active, Lora(f"adapter-{next(self._numbers)}-")
            if self._peft is None:
                self._peft = get_peft_model(self.model, config, adapter_name=lora.name)
            else:
                self._peft.add_adapter(lora.name, config)
            weakref.finalize(lora, self._unused.append, lora.name)
            self._active = lora.name  # whatever peft made of it
            self.model.train(self.model.training)  # new layers begin with dropout on
            self._switch(before, self.model.training)
            return lora

    def save(self, lora: Lora, folder: Path, base_model_id: str) -> None:
        """Writes the adapter into `folder`, in peft's files; the configuration names the base by this id."""
        from peft import get_peft_model_state_dict  # noqa: PLC0415 -- see `add`

        # "auto" would ask the hub for the base's configuration
        with self.asked_with(lora):  # as in `load`
            state = get_peft_model_state_dict(self._peft, adapter_name=lora.name, save_embedding_layers=False)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({key: value.contiguous() for key, value in state.items()}, folder / WEIGHTS, {"format": "pt"})
        config = copy(self._peft.peft_config[lora.name])
        config.base_model_name_or_path, config.inference_mode = base_model_id, True
        config.save_pretrained(str(folder))

    def of(self, lora: Lora) -> dict[str, torch.nn.Parameter]:
        """The adapter's own weights by name."""
        return {name: p for name, p in self.model.named_parameters() if f".{lora.name}." in name}

    def _switch(self, name: str | None, learns: bool) -> None:
        if self.model.training != learns:
            self.model.train(learns)
        if name == self._active:
            return
        if name is None:
            self._peft.base_model.disable_adapter_layers()
        else:
            self._peft.set_adapter(name)
            self._peft.base_model.enable_adapter_layers()
        self._active = name

    def _free(self) -> None:
        """Takes out the adapters that nobody holds any more."""
        while self._unused:
            name = self._unused.popleft()
            if name == self._active:
                self._switch(None, learns=False)
            self._peft.delete_adapter(name)


def level_edges_of(folder: Path) -> list[float] | None:
    """The edges of the levels of probability that the adapter in this folder hears; None where it hears none.

    Raises ModelError on a card that can't be read.
    """
    card = folder / CARD
    try:
        return json.loads(card.read_text(encoding="utf-8")).get("level_edges") if card.is_file() else None
    except (OSError, ValueError, AttributeError) as err:
        raise ModelError(f"The adapter's card {str(card)!r} can't be read ({first_line(err)}); tune it again.") from err


def first_line(err: Exception) -> str:
    """What a library says of its failure, short enough for a sentence."""
    return next((line.strip().rstrip(".") for line in str(err).splitlines() if line.strip()), type(err).__name__)[:200]


def _check_base(model: Any, folder: Path, names: tuple[str, ...]) -> None:
    """Raises ModelError when the adapter was tuned on another base: by its name, and by its layers and their widths."""
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    tuned_on = str(config.get("base_model_name_or_path") or "")
    if tuned_on and Path(tuned_on).name not in names:
        raise ModelError(
            f"The adapter {str(folder)!r} was tuned on {Path(tuned_on).name!r}, not on {names[0]!r}; "
            "choose that model, or tune an adapter for this one."
        )
    widths = {layer: getattr(module, "in_features", None) for layer, module in model.named_modules()}
    with safe_open(folder / WEIGHTS, framework="pt") as weights:
        for key in weights.keys():  # noqa: SIM118 -- a reader of the file, not a dict
            layer, is_lora_a, _ = key.removeprefix("base_model.model.").partition(".lora_A.")
            width = weights.get_slice(key).get_shape()[-1]
            if is_lora_a and width != widths.get(layer):
                raise ModelError(
                    f"The adapter {str(folder)!r} does not fit {names[0]!r}: its layer {layer} has width {width}, "
                    f"the model's {widths.get(layer, 'is missing')}; choose its own model, or tune a new adapter."
                )
