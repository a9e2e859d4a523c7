"""Loading a model, its errors, and switching its adapter off."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from uait.models import loading
from uait.models.language_model import LanguageModel
from uait.models.loading import choose_device, load_model
from uait.records.errors import ModelError
from uait.settings import ModelSettings, Settings

DESCRIPTION = json.dumps({"name": "pocket", "title": "", "made_by": "make pocket", "settings": {}})


@pytest.fixture(scope="module")
def adapter_folder(
    tmp_path_factory: pytest.TempPathFactory, random_folder: Path, make_lora: Callable[..., Path]
) -> Path:
    return make_lora(tmp_path_factory.mktemp("adapters") / "adapter", random_folder)


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


def test_no_template_thinks_aloud_or_prints_todays_date(
    load: Callable[..., LanguageModel], random_folder: Path, tmp_path: Path
) -> None:
    folder = _copy(random_folder, tmp_path / "dated")
    (folder / "chat_template.jinja").write_text(
        "{% if enable_thinking is not defined or enable_thinking %}<think>{% endif %}"
        "{{ strftime_now('%d %b %Y') }}, {{ strftime_now('%Y-%m-%d') }}. {{ messages[0]['content'] }}"
    )
    assert load(folder).chat("Why?") == "26 Jul 2024, 2024-07-26. Why?"


def test_number_tokens_are_the_whole_numbers_to_100(taught_lm: LanguageModel, whole_number_lm: LanguageModel) -> None:
    assert sorted(t for t in taught_lm.number_ids if t.isdigit()) == [str(d) for d in range(10)]
    assert {"\u012093", "7"} <= set(whole_number_lm.number_ids)
    assert not {"101", "00", "07"} & set(whole_number_lm.number_ids)


def test_views_share_one_base_and_each_has_its_own_adapter(
    random_lm: LanguageModel,
    random_folder: Path,
    load: Callable[..., LanguageModel],
    make_lora: Callable[..., Path],
    tmp_path: Path,
) -> None:
    folders = [make_lora(tmp_path / str(seed), random_folder, seed) for seed in range(3)]
    views = [random_lm.with_adapter(folder) for folder in folders]
    assert {view.model.lm_head.weight.data_ptr() for view in views} == {random_lm.model.lm_head.weight.data_ptr()}
    for _ in range(2):
        for i, (view, folder) in enumerate(zip(views, folders, strict=True)):
            base = _copy(random_folder, tmp_path / f"{_}-{i}" / "random")
            separate = load(base, adapter=str(folder))
            assert separate.model is not view.model
            assert torch.equal(_logits(view), _logits(separate))
            assert torch.equal(_logits(view.without_adapter()), _logits(separate.without_adapter()))
            assert (_logits(view) - _logits(random_lm)).abs().max() > 0.01


def test_a_base_that_is_in_memory_is_not_read_again(
    random_lm: LanguageModel, random_folder: Path, load: Callable[..., LanguageModel], adapter_folder: Path
) -> None:
    assert load(random_folder).weights is random_lm.weights
    assert load(random_folder, adapter=str(adapter_folder)).weights is random_lm.weights


def test_an_adapter_is_read_once_and_freed_with_its_last_view(
    random_lm: LanguageModel, random_folder: Path, make_lora: Callable[..., Path], tmp_path: Path
) -> None:
    folder, before = make_lora(tmp_path / "adapter", random_folder), _n_lora(random_lm)
    one, other = random_lm.with_adapter(folder), random_lm.with_adapter(folder)
    assert one.lora is other.lora
    logits = _logits(one)
    make_lora(folder, random_folder, seed=5)  # tuned again
    again = random_lm.with_adapter(folder)
    assert again.lora is not one.lora and not torch.equal(_logits(again), logits)
    assert _n_lora(random_lm) == before + 2 * sum(p.numel() for p in one.adapter_weights().values())
    del one, other, again
    assert _n_lora(random_lm) == before


def _n_lora(lm: LanguageModel) -> int:
    """How many numbers the adapters beside this base hold, once it has been asked."""
    _logits(lm)
    return sum(p.numel() for p in lm.model.parameters()) - lm.weights.n_parameters


def test_threads_that_ask_at_once_each_get_their_own_adapter(
    random_lm: LanguageModel, random_folder: Path, make_lora: Callable[..., Path], tmp_path: Path
) -> None:
    tuned = [random_lm.with_adapter(make_lora(tmp_path / str(seed), random_folder, seed)) for seed in range(3)]
    views = [random_lm.without_adapter(), *tuned] * 20
    expected = [_logits(view) for view in views]
    with ThreadPoolExecutor(4) as pool:
        assert all(map(torch.equal, pool.map(_logits, views), expected))


def test_a_block_inside_another_gives_back_what_it_found(adapted: LanguageModel) -> None:
    tuned = _logits(adapted)
    with adapted.alone(learns=True) as model:
        with pytest.raises(KeyError), adapted.without_adapter().alone():
            assert not model.training
            raise KeyError
        assert model.training
        assert torch.equal(model(input_ids=torch.tensor([[5, 6, 7]])).logits, tuned)
    assert not model.training


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
    (folder / "description.json").write_text(DESCRIPTION)
    lm = load_model(Settings(model=ModelSettings(model=str(folder), device="cpu")))
    assert (lm.model_id, lm.adapter_id) == ("pocket", None)


def test_an_embedded_model_brings_its_adapter(random_folder: Path, adapter_folder: Path, tmp_path: Path) -> None:
    folder = _copy(random_folder, tmp_path / "random")
    (folder / "description.json").write_text(DESCRIPTION)
    _copy(adapter_folder, folder / "adapter")
    lm = load_model(Settings(model=ModelSettings(model=str(folder), device="cpu")))
    assert (lm.model_id, lm.adapter_id) == ("pocket", "pocket/adapter")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_asking_for_a_gpu_that_is_not_there_is_one_sentence() -> None:
    for name in ("cuda", "mps"):
        with pytest.raises(ModelError, match=rf"model\.device is '{name}', but PyTorch finds no such GPU"):
            choose_device(name)
    assert choose_device("auto") == torch.device("cpu")


def test_weights_are_quantised_on_a_cuda_gpu_alone(random_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(model=ModelSettings(model=str(random_folder), device="cpu", quantize="4bit"))
    with pytest.raises(
        ModelError, match=r"model\.quantize is '4bit', which takes a CUDA GPU, and the model runs on 'cpu'"
    ):
        load_model(settings)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="run `pip install bitsandbytes`"):
        loading._placed(torch.device("cuda"), "8bit")


@pytest.mark.parametrize(("bits", "four"), [("4bit", True), ("8bit", False)])
def test_quantised_weights_go_where_they_are_read_to(bits: str, four: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    how = loading._placed(torch.device("cuda", 0), bits)
    assert (how["quantization_config"].load_in_4bit, how["quantization_config"].load_in_8bit) == (four, not four)
    assert how["device_map"] == {"": torch.device("cuda", 0)}


def test_a_model_is_spread_over_several_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert loading._placed(torch.device("cuda"), "none") == {"dtype": torch.bfloat16, "device_map": "auto"}
    assert loading._placed(torch.device("cpu"), "none") == {"dtype": torch.float32, "device_map": None}


def test_a_model_too_large_for_the_memory_is_one_sentence(
    load: Callable[..., LanguageModel], make_llm: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 14 GiB.\nMore of it.")

    folder = make_llm("large")
    monkeypatch.setattr(loading.AutoModelForCausalLM, "from_pretrained", too_large)
    with pytest.raises(ModelError, match=r"does not fit into the memory \(CUDA out .* set model\.quantize, or choose"):
        load(folder)
