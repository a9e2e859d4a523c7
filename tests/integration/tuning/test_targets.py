"""Which layers get an adapter in architectures that name them differently, from their configurations alone."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from uait.models.adapters import Weights
from uait.models.language_model import LanguageModel
from uait.records.errors import TrainingError
from uait.settings import TuneSettings
from uait.tuning.targets import lora_targets

SMALL: dict[str, Any] = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0,
}  # fmt: skip


def _tiny(lm: LanguageModel, architecture: str, **options: Any) -> LanguageModel:
    torch.manual_seed(0)
    config = AutoConfig.for_model(architecture, **SMALL | options)
    return replace(lm, weights=Weights(AutoModelForCausalLM.from_config(config)), model_id=architecture)


def _last_names(targets: list[str]) -> set[str]:
    return {name.rsplit(".", 1)[1] for name in targets}


@pytest.mark.parametrize(
    ("architecture", "attention"),
    [
        ("llama", {"q_proj", "k_proj", "v_proj", "o_proj"}),
        ("mistral", {"q_proj", "k_proj", "v_proj", "o_proj"}),
        ("qwen3", {"q_proj", "k_proj", "v_proj", "o_proj"}),
        ("gemma2", {"q_proj", "k_proj", "v_proj", "o_proj"}),
        ("gemma3_text", {"q_proj", "k_proj", "v_proj", "o_proj"}),
        ("olmo2", {"q_proj", "k_proj", "v_proj", "o_proj"}),
        ("phi3", {"qkv_proj", "o_proj"}),
        ("gpt_neox", {"query_key_value", "dense"}),
        ("gpt2", {"c_attn", "c_proj"}),
    ],
)
def test_the_whole_attention_of_every_layer_is_found(
    random_lm: LanguageModel, architecture: str, attention: set[str]
) -> None:
    lm = _tiny(random_lm, architecture)
    targets = lora_targets(lm, TuneSettings(targets="attention"))
    assert _last_names(targets) == attention and len(targets) == 2 * len(attention)
    assert set(targets) < set(lora_targets(lm, TuneSettings(targets="all-linear")))
    assert set(lora_targets(lm, TuneSettings(targets="attention", first_layer=1))) == set(targets[len(attention) :])


def test_an_adapter_beside_it_is_no_target(random_lm: LanguageModel) -> None:
    lm = _tiny(random_lm, "llama")
    targets = lora_targets(lm, TuneSettings())
    from peft import LoraConfig  # noqa: PLC0415 -- slow to import

    adapted = lm.with_new_adapter(LoraConfig(r=2, target_modules=targets, task_type="CAUSAL_LM"))
    assert lora_targets(adapted, TuneSettings()) == targets
    assert len(adapted.adapter_weights()) == 2 * len(targets)


def test_a_layer_without_attention_is_an_error_not_a_gap(random_lm: LanguageModel) -> None:
    lm = _tiny(random_lm, "lfm2", layer_types=["full_attention", "conv"])
    with pytest.raises(TrainingError, match="layer 1 of 'lfm2' has no such modules; choose 'all-linear'"):
        lora_targets(lm, TuneSettings(targets="attention"))
    assert len(lora_targets(lm, TuneSettings(targets="all-linear"))) > 4
