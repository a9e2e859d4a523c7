"""A GGUF file of the user's own, written here from a tiny Llama: it is a model like any other, or a sentence."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from transformers import LlamaForCausalLM

from tests.fakes import FakeRetriever, FakeSimilarity
from uait.models import packaged
from uait.models.language_model import LanguageModel
from uait.models.loading import load_model
from uait.records import Question
from uait.records.errors import ModelError
from uait.records.events import last_record
from uait.runs.folder import RunFolder
from uait.settings import AnswerSettings, SamplingSettings, Settings
from uait.stages.ask import ask
from uait.stages.engines import Engines
from uait.stages.label import label
from uait.stages.plan import size_of

FRANCE = "What is the capital of France?"


def written(
    folder: Path, file: Path, *, architecture: str = "llama", has_tokenizer: bool = True, less: str = ""
) -> Path:
    """The Llama in the folder as a GGUF file, as llama.cpp writes one; without the tensor `less`."""
    model = LlamaForCausalLM.from_pretrained(folder)
    config: Any = model.config
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    if has_tokenizer:
        _add_tokenizer(writer, folder)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for key, tensor in model.state_dict().items():
        name = str(names.get_name(key, try_suffixes=(".weight",)))
        if key == "lm_head.weight" or name == less:  # the former is tied
            continue
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        n_heads = next((n for part, n in heads.items() if part in key), None)
        values = tensor.numpy() if n_heads is None else _permuted(tensor.numpy(), n_heads)
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _permuted(weights: np.ndarray, n_heads: int) -> np.ndarray:
    """Rows of queries and keys in the order of llama.cpp, which turns neighbours where transformers turns halves."""
    return np.ascontiguousarray(
        weights.reshape(n_heads, 2, len(weights) // n_heads // 2, -1).swapaxes(1, 2).reshape(weights.shape)
    )


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path) -> None:
    backend = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = backend["model"]["vocab"] | {token["content"]: token["id"] for token in backend["added_tokens"]}
    tokens, special = sorted(vocabulary, key=vocabulary.__getitem__), {t["content"] for t in backend["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    kinds = [gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens]
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in backend["model"]["merges"]])
    writer.add_eos_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_chat_template((folder / "chat_template.jinja").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UAIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def settings(taught_lm: LanguageModel, taught_folder: Path, tmp_path: Path) -> Settings:
    """A model that knows its lessons, out of a GGUF file."""
    settings = Settings(
        prompts=taught_lm.prompts,
        sampling=SamplingSettings(n_samples=2, max_new_tokens=20),
        answer=AnswerSettings(max_new_tokens=20),
    )
    file = written(taught_folder, tmp_path / "Taught-F32.GGUF")
    return replace(settings, model=replace(settings.model, model=str(file), adapter="none", device="cpu"))


def test_a_gguf_file_is_labelled_and_asked_like_any_model_and_converted_once(
    settings: Settings, taught_lm: LanguageModel, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = Engines(load_model(settings), FakeSimilarity(), (FakeRetriever("encyclopaedia", []),), settings, 0.5)
    questions = [Question("f", FRANCE, ("Paris; 93.1%",)), Question("g", "Who wrote Faust?", ("Schiller",))]
    labels = last_record(label(engines, questions, RunFolder(tmp_path / "run")))
    assert [(x.answer, x.is_correct) for x in labels] == [("Paris; 93.1%", True), ("Goethe; 8.5%", False)]
    reply = last_record(ask(engines, FRANCE))
    assert (reply.first.text, reply.first.spoken) == ("Paris", 0.931)
    assert engines.lm.tokenizer(FRANCE)["input_ids"] == taught_lm.tokenizer(FRANCE)["input_ids"]
    assert [folder.name.startswith("Taught-F32.GGUF-") for folder in cache.iterdir()] == [True]
    monkeypatch.setattr(packaged, "convert", None)
    assert load_model(settings).weights is engines.lm.weights


def test_a_plan_reads_the_file_without_converting_it(settings: Settings, taught_lm: LanguageModel, cache: Path) -> None:
    size = size_of(settings)
    assert (size.n_parameters, size.n_bytes) == (taught_lm.weights.n_parameters, 0)
    assert not cache.exists()


def test_an_adapter_knows_the_file_by_its_name_wherever_it_lies(
    settings: Settings, make_lora: Callable[..., Path], taught_folder: Path, tmp_path: Path
) -> None:
    adapter = make_lora(tmp_path / "adapter", taught_folder)
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(
        json.dumps({**config, "base_model_name_or_path": "elsewhere/Taught-F32.GGUF"})
    )
    assert load_model(settings.with_adapter(adapter)).lora is not None


def _refused(settings: Settings, file: Path, cache: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(replace(settings, model=replace(settings.model, model=str(file))))
    assert "\n" not in str(caught.value)
    assert not cache.exists() or not any(cache.iterdir())
    return str(caught.value)


def test_what_can_not_be_read_is_one_sentence_and_leaves_nothing(
    settings: Settings, taught_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "gone.gguf' does not exist; check the path" in _refused(settings, tmp_path / "gone.gguf", cache)
    other = tmp_path / "other.gguf"
    other.write_bytes(b"PK of something else")
    assert "other.gguf is no GGUF file" in _refused(settings, other, cache)
    other.write_bytes(Path(settings.model.model).read_bytes()[:2000])
    assert "other.gguf can't be converted" in _refused(settings, other, cache)
    other.write_bytes(Path(settings.model.model).read_bytes()[:-2000])
    assert "other.gguf can't be converted" in _refused(settings, other, cache)
    other.unlink()
    hollow = written(taught_folder, tmp_path / "hollow.gguf", less="blk.1.ffn_up.weight")
    assert "lacks 1 tensors, e.g. model.layers.1.mlp.up_proj.weight" in _refused(settings, hollow, cache)
    unknown = written(taught_folder, tmp_path / "unknown.gguf", architecture="rwkv6")
    assert "rwkv6" in (said := _refused(settings, unknown, cache)) and "of an architecture that" in said
    stateful = written(taught_folder, tmp_path / "stateful.gguf", architecture="mamba")
    assert "its layers keep a running state" in _refused(settings, stateful, cache)
    mute = written(taught_folder, tmp_path / "mute.gguf", has_tokenizer=False)
    assert "mute.gguf holds no tokenizer that transformers reads" in _refused(settings, mute, cache)
    missing: Any = None
    monkeypatch.setitem(sys.modules, "gguf", missing)
    assert "can't be read without gguf; run `pip install gguf`" in _refused(settings, mute, cache)
