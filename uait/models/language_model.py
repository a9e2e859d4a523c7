"""A loaded chat model as one asks it: base weights that all views of it share, and an adapter of the view's own."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch

from uait.models.adapters import Lora, Weights, level_edges_of
from uait.models.family import Family, rendered
from uait.models.hearing import Hearing
from uait.records.errors import ModelError
from uait.settings import PromptSettings

# "\u0120" is the leading space of byte-level vocabularies, "\u2581" that of SentencePiece ones
_NUMBER_TOKEN = re.compile("[\u0120\u2581 ]?(0|[1-9][0-9]?|100)")


@dataclass
class LanguageModel:
    """A view of a loaded model, with everything that asking it takes. `adapter_id` is None for the base model.

    `adapter_folder` is where the adapter was read from; None for the base, and for one that is being tuned.

    Views are cheap: they share the weights, and several threads may ask several of them at once.
    """

    weights: Weights
    tokenizer: Any
    device: torch.device
    model_id: str
    adapter_id: str | None
    prompts: PromptSettings
    lora: Lora | None = None
    adapter_folder: Path | None = None
    answers_in_lines: bool = False  # behind few shots: the end of the line closes an answer, too
    hears: Hearing | None = None  # of an adapter that hears itself: asleep while the base answers
    voice: "LanguageModel | None" = None  # who says how sure it is, once an answer of this view has ended

    @property
    def model(self) -> Any:
        """The base model itself, to be read; to ask it, use `forward`, which minds the adapters and other threads."""
        return self.weights.model

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """The tokens that close an answer: the generation config's and the tokenizer's, ascending."""
        configured = getattr(getattr(self.model, "generation_config", None), "eos_token_id", None)
        ids = configured if isinstance(configured, list) else [configured]
        ids = [*ids, self.tokenizer.eos_token_id]
        ids += line_ids(self.tokenizer) if self.answers_in_lines else ()
        return tuple(sorted({i for i in ids if i is not None}))

    @cached_property
    def family(self) -> Family:
        """How models of its kind are addressed."""
        return Family.of(self.model.config, self.tokenizer)

    @property
    def max_tokens(self) -> int | None:
        """How many tokens prompt and answer may have together, or None when the model names no limit."""
        return self.family.max_tokens

    @cached_property
    def number_ids(self) -> dict[str, int]:
        """The tokens that write a whole number from 0 to 100, alone or after a space: '93' or ' 93' -> id."""
        return dict(_number_ids(self.tokenizer))

    def chat(self, user_text: str) -> str:
        """The text as the model sees it: the chat template around one user turn, open for the answer.

        A model that can think aloud first is kept from it.
        """
        return rendered(self.tokenizer, user_text, self.family.template_options) + self.family.reply_prefix

    @torch.inference_mode()
    def forward(self, **inputs: Any) -> Any:
        """The model's output for `inputs`. Waits while another thread is asking."""
        with self.alone() as model:
            return model(**inputs)

    @contextmanager
    def alone(self, *, learns: bool = False) -> Iterator[Any]:
        """The model as this view has it, for this thread alone, with dropout where it `learns` (`asked_with`)."""
        with self.weights.asked_with(self.lora, learns=learns) as model:
            yield model

    def without_adapter(self) -> "LanguageModel":
        """The base model."""
        return replace(self, lora=None, adapter_id=None, adapter_folder=None, hears=None, voice=None)

    def with_adapter(self, folder: Path | str) -> "LanguageModel":
        """The base model with the adapter in that folder; only the adapter's own weights are read.

        Its id is the end of the path, which names no place of this machine. Raises ModelError when the adapter is
        missing, incomplete, or tuned on another model.
        """
        folder = Path(folder).expanduser()
        lora, hears = self.weights.load(folder, self._names), self._hearing_of(folder)
        name = "/".join(folder.parts[-2:])
        return replace(self, lora=lora, adapter_id=name, adapter_folder=folder, hears=hears)

    def with_new_adapter(self, config: Any, start: Path | None = None) -> "LanguageModel":
        """The base model with a fresh adapter of that LoraConfig, to be tuned; it begins as the one in `start` is.

        Raises ValueError when no layer fits, ModelError when what is in `start` doesn't.
        """
        if start is None:
            lora, hears = self.weights.add(config), None
        else:
            lora, hears = self.weights.add_filled(config, start, self._names), self._hearing_of(start)
        return replace(self, lora=lora, adapter_id="being tuned", adapter_folder=None, hears=hears)

    @property
    def _names(self) -> tuple[str, ...]:
        """What an adapter of this base may call it."""
        return Path(self.model.name_or_path).resolve().name, Path(self.model_id).name

    def _hearing_of(self, folder: Path) -> Hearing | None:
        edges = level_edges_of(folder)
        return None if edges is None else Hearing.of(self.tokenizer, edges)

    def adapter_weights(self) -> dict[str, torch.nn.Parameter]:
        """The adapter's own weights by name, those that tuning moves; empty for the base model."""
        return {} if self.lora is None else self.weights.of(self.lora)

    def save_adapter(self, folder: Path) -> None:
        """Writes the adapter into `folder`, in peft's files. Raises ModelError when there is none."""
        if self.lora is None:
            raise ModelError(f"{self.model_id!r} has no adapter to save; tune one first.")
        self.weights.save(self.lora, folder, self.model_id)


@lru_cache(maxsize=8)
def line_ids(tokenizer: Any) -> tuple[int, ...]:
    """The tokens that hold the end of a line, as byte-level and SentencePiece vocabularies write it."""
    marks = ("\n", "\u010a", "<0x0A>")
    return tuple(i for token, i in tokenizer.get_vocab().items() if any(mark in token for mark in marks))


@lru_cache(maxsize=8)
def _number_ids(tokenizer: Any) -> tuple[tuple[str, int], ...]:
    return tuple(item for item in tokenizer.get_vocab().items() if _NUMBER_TOKEN.fullmatch(item[0]))
