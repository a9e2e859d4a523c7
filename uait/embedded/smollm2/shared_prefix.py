"""A Llama forward pass in which all rows share one prefix: its keys and values are computed once and never copied.

Runs the modules of a transformers `LlamaForCausalLM` (adapters included), so its numbers are those of the model;
only the attention is written out, as one softmax over the shared prefix and the row's own tokens. Gradients flow
through both, so the same pass samples, tunes and answers. Axes: B rows, T new tokens, S own slots, P prefix tokens,
H heads, G key-value heads, D head size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

KeysValues = tuple[Tensor, Tensor]


@dataclass
class Prefix:
    """Per layer the keys and values (G, P, D) of the prefix, already rotated."""

    layers: list[KeysValues]
    length: int


@dataclass
class Past:
    """Per layer the rows' own keys and values (B, G, S, D); `mask` (B, S) is 1 on slots that hold a token."""

    layers: list[KeysValues]
    mask: Tensor

    def select(self, rows: Tensor) -> "Past":
        """These rows, in this order; a row may come twice."""
        return Past([(k[rows], v[rows]) for k, v in self.layers], self.mask[rows])


class SharedPrefixLlama:
    """Reads rows of tokens after a shared prefix. `model` is a LlamaForCausalLM, or a peft model around one."""

    def __init__(self, model: Any) -> None:
        self.causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.body = self.causal.model
        config = self.causal.config
        self.n_heads, self.n_groups = config.num_attention_heads, config.num_key_value_heads
        self.head_size = config.hidden_size // self.n_heads

    def embed(self, tokens: Tensor) -> Tensor:
        """Hidden states (B, T, hidden) of the tokens (B, T), before the first layer."""
        return self.body.embed_tokens(tokens)

    def logits(self, hidden: Tensor) -> Tensor:
        """The next-token logits (..., vocabulary) of the last layer's hidden states."""
        return self.causal.lm_head(self.body.norm(hidden))

    def prefix(self, ids: Sequence[int]) -> Prefix:
        """The shared prefix's keys and values."""
        hidden = self.embed(torch.tensor([list(ids)]))
        positions = torch.arange(len(ids))[None]
        _, past = self.read(hidden, positions, torch.ones_like(positions), None)
        return Prefix([(k[0], v[0]) for k, v in past.layers], len(ids))

    def read(
        self,
        hidden: Tensor,
        positions: Tensor,
        mask: Tensor,
        prefix: Prefix | None,
        past: Past | None = None,
        first: int = 0,
        last: int | None = None,
    ) -> tuple[Tensor, Past]:
        """Hidden states (B, T, hidden) after the layers first..last-1, and the past with these tokens in it.

        `positions` (B, T) count from the prefix's start; `mask` (B, T) is 0 on padding. The lists in `prefix` and
        `past` hold the read layers only, in order.
        """
        last = len(self.body.layers) if last is None else last
        n_new = hidden.shape[1]
        slots = mask if past is None else torch.cat([past.mask, mask], dim=-1)
        n_past = slots.shape[1] - n_new
        sees = torch.arange(slots.shape[1])[None] <= n_past + torch.arange(n_new)[:, None]  # (T, S)
        sees = sees[None] & slots[:, None].bool()
        bias = torch.zeros(sees.shape).masked_fill(~sees, torch.finfo(torch.float32).min)
        rotary = self.body.rotary_emb(hidden, positions)
        kept = []
        for i, layer in enumerate(self.body.layers[first:last]):
            shared = None if prefix is None else prefix.layers[i]
            before = None if past is None else past.layers[i]
            attended, keys_values = self._attend(
                layer.self_attn, layer.input_layernorm(hidden), rotary, bias, shared, before
            )
            kept.append(keys_values)
            hidden = hidden + attended
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
        return hidden, Past(kept, slots)

    def _attend(
        self,
        attention: Any,
        x: Tensor,
        rotary: KeysValues,
        bias: Tensor,
        shared: KeysValues | None,
        before: KeysValues | None,
    ) -> tuple[Tensor, KeysValues]:
        n_rows, n_new, _ = x.shape
        n_each = self.n_heads // self.n_groups  # query heads per key-value head
        cos, sin = (part[:, None] for part in rotary)
        q, k, v = (
            projection(x).view(n_rows, n_new, -1, self.head_size).transpose(1, 2)
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        q, k = q * cos + _half_turned(q) * sin, k * cos + _half_turned(k) * sin
        if before is not None:
            k, v = torch.cat([before[0], k], dim=2), torch.cat([before[1], v], dim=2)
        q = q.reshape(n_rows, self.n_groups, n_each * n_new, self.head_size) * attention.scaling
        scores = (q @ k.transpose(-1, -2)).view(n_rows, self.n_groups, n_each, n_new, -1) + bias[:, None, None]
        if shared is None:
            mixed = (scores.softmax(-1).flatten(2, 3)) @ v
        else:
            # all rows' queries of a group against one matrix: (G, B n T, D) @ (G, D, P)
            flat = q.transpose(0, 1).reshape(self.n_groups, -1, self.head_size)
            of_prefix = flat @ shared[0].transpose(-1, -2)
            n_shared = of_prefix.shape[-1]
            of_prefix = of_prefix.view(self.n_groups, n_rows, n_each, n_new, n_shared).transpose(0, 1)
            weights = torch.cat([of_prefix, scores], dim=-1).softmax(-1)
            own = weights[..., n_shared:].flatten(2, 3) @ v
            theirs = weights[..., :n_shared].transpose(0, 1).reshape(self.n_groups, -1, n_shared) @ shared[1]
            mixed = own + theirs.view(self.n_groups, n_rows, n_each * n_new, self.head_size).transpose(0, 1)
        mixed = mixed.view(n_rows, self.n_heads, n_new, self.head_size).transpose(1, 2).reshape(n_rows, n_new, -1)
        return attention.o_proj(mixed), (k, v)


def _half_turned(x: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return torch.cat([-x[..., half:], x[..., :half]], dim=-1)


def padded(rows: Sequence[Sequence[int]], fill: int) -> tuple[Tensor, Tensor]:
    """The rows as one tensor (B, T) filled up on the right, and its mask."""
    width = max(map(len, rows))
    tokens = torch.tensor([[*row, *[fill] * (width - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return tokens, mask
