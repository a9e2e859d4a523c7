"""What a family of chat models asks of whoever talks to it, read off its configuration and its chat template.

Knows no family by its name alone: what counts is what the configuration says and what the template does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from transformers import AutoModelForCausalLM

from uait.records.errors import ModelError

_ATTENTION = {"full_attention", "sliding_attention", "chunked_attention"}
_HARMONY = "<|channel|>", "<|start|>assistant", "<|channel|>final<|message|>"  # a token, what opens a reply, its answer
_THOUGHT = "<think>", "\n</think>\n\n"


@dataclass(frozen=True, slots=True)
class Family:
    """How a model is addressed, and how far it sees.

    `reply_prefix` stands behind the template, so that the answer comes at once: where a template opens a thought, it
    is closed, and a Harmony reply begins in its final channel. `max_tokens`: prompt and answer together, None where
    the model names no limit. `window`: how many tokens its nearsighted layers look back, None when all see everything.
    """

    reply_prefix: str = ""
    max_tokens: int | None = None
    window: int | None = None
    template_options: Mapping[str, Any] = field(default_factory=lambda: {"enable_thinking": False})

    @classmethod
    def of(cls, config: Any, tokenizer: Any) -> "Family":
        """The family of a model with this configuration and this tokenizer."""
        text = config.get_text_config()
        prefix = _reply_prefix(tokenizer, rendered(tokenizer, "Who?", cls().template_options))
        return cls(prefix, _max_tokens(text), _window(text))


def rendered(tokenizer: Any, user_text: str, options: Mapping[str, Any]) -> str:
    """The tokenizer's chat template around one user turn, open for the answer; `options` are its variables."""
    turn = [{"role": "user", "content": user_text}]
    return str(tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True, **options))


def check_architecture(config: Any, name: str) -> None:
    """Raises ModelError unless the model reads through attention alone: what it has read can then be kept, hidden and
    given to several answers. A recurrent state can be none of these, and transformers keeps it in many shapes.
    """
    known: Any = AutoModelForCausalLM._model_mapping
    if type(config) not in known:
        raise ModelError(
            f"{name!r} is of type {config.model_type!r}, which is no causal language model of transformers; "
            "choose a chat model such as Llama, Mistral, Qwen 3, Gemma, Phi or OLMo."
        )
    other = set(getattr(config.get_text_config(), "layer_types", None) or ()) - _ATTENTION
    if known[type(config)]._is_stateful or other:
        raise ModelError(
            f"{name!r} is of type {config.model_type!r}: its layers keep a running state, which several samples can't "
            "share; choose a model with attention in every layer, such as Llama, Mistral, Qwen 3, Gemma, Phi or OLMo."
        )


def _reply_prefix(tokenizer: Any, prompt: str) -> str:
    token, opening, final = _HARMONY
    if prompt.endswith(opening) and token in tokenizer.get_vocab():
        return final
    return _THOUGHT[1] if prompt.rstrip().endswith(_THOUGHT[0]) else ""


def _max_tokens(text_config: Any) -> int | None:
    """The longest text. One with LongRoPE ends where its second set of frequencies begins: none is read in both."""
    rope = getattr(text_config, "rope_parameters", None) or {}
    if rope.get("rope_type") == "longrope":
        shorter = rope.get("original_max_position_embeddings")
        return shorter or getattr(text_config, "original_max_position_embeddings", text_config.max_position_embeddings)
    return getattr(text_config, "max_position_embeddings", None)


def _window(text_config: Any) -> int | None:
    kinds = set(getattr(text_config, "layer_types", None) or ())
    if kinds and not kinds & {"sliding_attention", "chunked_attention"}:
        return None
    if getattr(text_config, "use_sliding_window", True) is False:
        return None
    return getattr(text_config, "sliding_window", None) or getattr(text_config, "attention_chunk_size", None)
