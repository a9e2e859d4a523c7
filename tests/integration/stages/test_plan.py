"""A model's size from its configuration alone, and what this machine measures of itself."""

import json
import os
from pathlib import Path

import pytest

from uait.models.language_model import LanguageModel
from uait.models.machine import measure
from uait.records.errors import ModelError
from uait.settings import ModelSettings, Settings, TuneSettings
from uait.stages.plan import plan, size_of

# The shape of Llama 2 7B, as its authors publish it.
LLAMA2_7B = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "intermediate_size": 11008,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32000,
}  # fmt: skip


def _settings(folder: Path, rank: int = 64) -> Settings:
    return Settings(model=ModelSettings(model=str(folder), device="cpu"), tune=TuneSettings(rank=rank))


def test_seven_billion_parameters_are_counted_without_any_weight(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA2_7B))
    size = size_of(_settings(tmp_path))
    # 2 * 32000 * 4096 + 4096 + 32 * (4 * 4096^2 + 3 * 4096 * 11008 + 2 * 4096)
    assert size.n_parameters == 6_738_415_616
    assert size.n_adapter == 32 * 4 * 64 * (4096 + 4096)  # r = 64 on q, k, v and o
    assert (size.cache_width, size.n_bytes) == (2 * 4096, 0)


def test_the_adapter_counted_is_the_one_that_is_tuned(random_folder: Path, random_lm: LanguageModel) -> None:
    from peft import LoraConfig  # noqa: PLC0415 -- slow to import

    size = size_of(_settings(random_folder, rank=4))
    tuned = random_lm.with_new_adapter(LoraConfig(r=4, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"]))
    assert size.n_adapter == sum(weight.numel() for weight in tuned.adapter_weights().values())
    assert size.n_parameters == random_lm.weights.n_parameters


def test_this_machine_is_measured(tmp_path: Path) -> None:
    machine = measure("cpu", tmp_path / "not" / "yet")
    assert 0 < machine.memory <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert machine.disk > 0
    # any machine since 1995, and none yet
    assert 1e7 < machine.flops < 1e15 and 1e7 < machine.bandwidth < 1e14 and 0 < machine.launch < 1e-2


def test_a_plan_of_a_tiny_model_fits(random_folder: Path) -> None:
    planned = plan(_settings(random_folder), 100)
    assert planned.fits
    assert [need.stage for need in planned.needs] == ["label", "tune", "answer"]


def test_a_model_without_a_configuration_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be read"):
        size_of(_settings(tmp_path))
