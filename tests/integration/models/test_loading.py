"""Loading a model, its errors, and switching its adapter off."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from uait.models.loading import LanguageModel, choose_device, load_model
from uait.records.errors import ModelError
from uait.settings import ModelSettings, Settings


def _lora(folder: Path, base: Path, seed: int = 0) -> Path:
    """An adapter with random weights for the model in `base`."""
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 -- slow to import: only tests with an adapter pay it
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    torch.manual_seed(seed)
    config = LoraConfig(r=4, lora_alpha=32, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def adapter_folder(tmp_path_factory: pytest.TempPathFactory, random_folder: Path) -> Path:
    return _lora(tmp_path_factory.mktemp("adapters") / "adapter", random_folder)


@pytest.fixture(scope="module")
def adapted(adapter_folder: Path, random_folder: Path, load: Callable[..., LanguageModel]) -> LanguageModel:
    return load(random_folder, adapter=str(adapter_folder))


def _logits(lm: LanguageModel) -> torch.Tensor:
    return lm.forward(input_ids=torch.tensor([[5, 6, 7]])).logits


def _copy(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    return target


def test_a_model_says_how_it_was_loaded(random_lm: LanguageModel, random_folder: Path) -> None:
    assert (random_lm.model_id, random_lm.adapter_id) == (str(random_folder), None)
    assert next(random_lm.model.parameters()).dtype is torch.float32
    assert random_lm.stop_ids == (3,)
    assert random_lm.max_tokens == 256


def test_stop_ids_join_a_list_in_the_generation_config_with_the_tokenizers(random_lm: LanguageModel) -> None:
    random_lm.model.generation_config.eos_token_id = [7, 5]
    try:
        assert random_lm.stop_ids == (3, 5, 7)
    finally:
        random_lm.model.generation_config.eos_token_id = 3


def test_a_chat_is_one_user_turn_open_for_the_answer(random_lm: LanguageModel) -> None:
    assert random_lm.chat("Why?") == "<|user|>Why?<|assistant|>"


def test_number_tokens_are_the_whole_numbers_to_100(taught_lm: LanguageModel, whole_number_lm: LanguageModel) -> None:
    assert sorted(t for t in taught_lm.number_ids if t.isdigit()) == [str(d) for d in range(10)]
    assert {"\u012093", "7"} <= set(whole_number_lm.number_ids)
    assert not {"101", "00", "07"} & set(whole_number_lm.number_ids)


def test_an_adapter_changes_the_model_and_adapter_off_gives_the_base_back(
    adapted: LanguageModel, random_lm: LanguageModel
) -> None:
    base, tuned = _logits(random_lm), _logits(adapted)
    assert (tuned - base).abs().max() > 0.01
    with adapted.adapter_off():
        assert torch.equal(_logits(adapted), base)
    assert torch.equal(_logits(adapted), tuned)


def test_another_thread_never_sees_the_adapter_switched_off(adapted: LanguageModel) -> None:
    tuned = _logits(adapted)
    seen: list[torch.Tensor] = []
    other = threading.Thread(target=lambda: seen.append(_logits(adapted)))
    with adapted.adapter_off():
        other.start()
        other.join(timeout=0.3)
        assert not seen, "the other thread ran while the adapter was off"
    other.join(timeout=30)
    assert torch.equal(seen[0], tuned)


def test_adapter_off_survives_an_error_inside(adapted: LanguageModel) -> None:
    tuned = _logits(adapted)
    with pytest.raises(KeyError), adapted.adapter_off():
        raise KeyError
    assert torch.equal(_logits(adapted), tuned)


def test_a_missing_folder_is_named(load: Callable[..., LanguageModel], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"folder '.*nowhere' does not exist; check the path"):
        load(tmp_path / "nowhere")


def test_a_folder_without_a_model_is_named(load: Callable[..., LanguageModel], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no config\.json"):
        load(tmp_path)


def test_an_unknown_hub_id_is_one_sentence(load: Callable[..., LanguageModel], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="'nobody/no-model' is neither a folder here nor can it be fetched") as caught:
        load("nobody/no-model")
    assert "\n" not in str(caught.value)


def test_corrupt_weights_are_named(load: Callable[..., LanguageModel], random_folder: Path, tmp_path: Path) -> None:
    folder = _copy(random_folder, tmp_path / "corrupt")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"corrupt' can't be read .* copy or download it again") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_a_missing_tensor_is_an_error_not_a_random_one(
    load: Callable[..., LanguageModel], random_folder: Path, tmp_path: Path
) -> None:
    folder = _copy(random_folder, tmp_path / "lacking")
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lack 1 tensors, e\.g\. model\.norm\.weight"):
        load(folder)


def test_a_corrupt_tokenizer_is_named(load: Callable[..., LanguageModel], random_folder: Path, tmp_path: Path) -> None:
    folder = _copy(random_folder, tmp_path / "garbled")
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer of the model '.*garbled' can't be read"):
        load(folder)


def test_a_cut_chat_template_is_named(load: Callable[..., LanguageModel], random_folder: Path, tmp_path: Path) -> None:
    folder = _copy(random_folder, tmp_path / "cut")
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text()[:40])
    with pytest.raises(ModelError, match=r"chat template of the model '.*cut' can't be read"):
        load(folder)


def test_a_model_without_a_chat_template_is_refused(
    load: Callable[..., LanguageModel], random_folder: Path, tmp_path: Path
) -> None:
    folder = _copy(random_folder, tmp_path / "base")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="has no chat template; choose a chat or instruct model"):
        load(folder)


def test_a_missing_adapter_is_named(load: Callable[..., LanguageModel], random_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"adapter folder '.*none-here' has no adapter_config\.json"):
        load(random_folder, adapter=str(tmp_path / "none-here"))


def test_an_adapter_of_another_base_is_refused_by_name(
    load: Callable[..., LanguageModel], adapter_folder: Path, random_folder: Path, tmp_path: Path
) -> None:
    folder = _copy(adapter_folder, tmp_path / "foreign")
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "mistralai/Mistral-7B-Instruct-v0.3"
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"was tuned on 'Mistral-7B-Instruct-v0.3', not on 'random'; choose"):
        load(random_folder, adapter=str(folder))


def test_an_adapter_of_another_width_is_refused_even_under_the_same_name(
    load: Callable[..., LanguageModel], make_llm: Callable[..., Path], adapter_folder: Path
) -> None:
    wider = make_llm("random", hidden_size=48)
    with pytest.raises(ModelError, match=r"does not fit 'random': its layer .* has width 64, the model's 96"):
        load(wider, adapter=str(adapter_folder))


def test_corrupt_adapter_weights_are_named(
    load: Callable[..., LanguageModel], adapter_folder: Path, random_folder: Path, tmp_path: Path
) -> None:
    folder = _copy(adapter_folder, tmp_path / "broken")
    (folder / "adapter_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"adapter '.*broken' can't be read"):
        load(random_folder, adapter=str(folder))


def test_an_embedded_model_without_an_adapter_yet_loads_bare(random_folder: Path, tmp_path: Path) -> None:
    folder = _copy(random_folder, tmp_path / "pocket")
    (folder / "pocket.json").write_text("{}")
    lm = load_model(Settings(model=ModelSettings(model=str(folder), device="cpu")))
    assert (lm.model_id, lm.adapter_id) == ("pocket", None)


def test_an_embedded_model_brings_its_adapter(random_folder: Path, adapter_folder: Path, tmp_path: Path) -> None:
    folder = _copy(random_folder, tmp_path / "random")
    (folder / "pocket.json").write_text("{}")
    _copy(adapter_folder, folder / "adapter")
    lm = load_model(Settings(model=ModelSettings(model=str(folder), device="cpu")))
    assert (lm.model_id, lm.adapter_id) == ("pocket", "pocket/adapter")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_asking_for_a_gpu_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(ModelError, match=r"model\.device is 'cuda', but PyTorch finds no GPU"):
        choose_device("cuda")
    assert choose_device("auto") == torch.device("cpu")
