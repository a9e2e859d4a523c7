"""Sampling behind a shared prefix says what the plain model says."""

from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from uait.embedded.smollm2.shared_prefix import SharedPrefixLlama, padded


@pytest.fixture(scope="module")
def llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    shape: dict[str, Any] = {"hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 3}
    heads: dict[str, Any] = {"num_attention_heads": 6, "num_key_value_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=97, max_position_embeddings=64, **shape, **heads)).eval()


@torch.inference_mode()
def test_the_shared_prefix_gives_the_logits_of_the_whole_text(llama: LlamaForCausalLM) -> None:
    shots, rows = [5, 9, 2, 33, 7], [[11, 4], [8, 60, 21, 3], [1]]
    shared = SharedPrefixLlama(llama)
    prefix = shared.prefix(shots)
    tokens, mask = padded(rows, 0)
    positions = prefix.length + (mask.cumsum(-1) - 1).clamp(min=0)
    hidden, past = shared.read(shared.embed(tokens), positions, mask, prefix)
    logits = shared.logits(hidden)
    for i, row in enumerate(rows):
        whole = llama(torch.tensor([shots + row])).logits[0, len(shots) :]
        torch.testing.assert_close(logits[i, : len(row)], whole, atol=1e-5, rtol=1e-4)
    # one token more, from the past: rows in another order, one of them twice
    order, following = [2, 0, 0], [[50], [51], [52]]
    lengths = prefix.length + mask.sum(-1)[order]
    ones = torch.ones(3, 1, dtype=torch.long)
    hidden, _ = shared.read(
        shared.embed(torch.tensor(following)), lengths[:, None], ones, prefix, past.select(torch.tensor(order))
    )
    for i, (parent, token) in enumerate(zip(order, following, strict=True)):
        whole = llama(torch.tensor([shots + rows[parent] + token])).logits[0, -1]
        torch.testing.assert_close(shared.logits(hidden)[i, -1], whole, atol=1e-5, rtol=1e-4)
