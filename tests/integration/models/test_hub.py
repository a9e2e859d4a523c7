"""What the hub gives and what it refuses, by raising what its library and the ones around it raise."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import httpx
import pytest
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
from safetensors import SafetensorError
from transformers import LlamaConfig

from uait.models import hub, loading, packaged
from uait.models.language_model import LanguageModel
from uait.records.errors import ModelError

_REFUSED: Any = httpx.Response(403, request=httpx.Request("GET", "https://huggingface.co"))
_NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


def _raising(*errors: Exception) -> Callable[..., Any]:
    """Raises the last error, from the one before it and so on, as libraries wrap each other's."""

    def call(*_: Any, **__: Any) -> None:
        err: Exception | None = None
        for each in errors:
            each.__cause__, err = err, each
        assert err is not None
        raise err

    return call


@pytest.fixture
def adapter(make_lora: Callable[..., Path], random_folder: Path, tmp_path: Path) -> Path:
    return make_lora(tmp_path / "adapter", random_folder)


def test_an_adapter_comes_from_the_hub_with_its_own_files_alone(
    load: Callable[..., LanguageModel], random_folder: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, list[str]]] = []

    def download(name: str, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(adapter)

    monkeypatch.setattr(hub, "snapshot_download", download)
    lm = load(random_folder, adapter="someone/an-adapter")
    assert asked == [("someone/an-adapter", ["adapter_model.safetensors", "adapter_config.json", "card.json"])]
    assert (lm.adapter_id, lm.adapter_folder) == ("someone/an-adapter", adapter)
    assert lm.without_adapter().adapter_folder is None


def test_an_adapter_on_the_hub_for_another_model_is_refused_by_name(
    load: Callable[..., LanguageModel], make_llm: Callable[..., Path], adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "snapshot_download", lambda *_, **__: str(adapter))
    with pytest.raises(ModelError, match="was tuned on 'random', not on 'another'; choose that model"):
        load(make_llm("another"), adapter="someone/an-adapter")


@pytest.mark.parametrize(
    ("errors", "sentence"),
    [
        ((GatedRepoError("403", response=_REFUSED),), "is gated; accept its terms at https://huggingface.co/org/name,"),
        ((GatedRepoError("403", response=_REFUSED), OSError("gated repo")), "is gated; .* HF_TOKEN"),
        ((RepositoryNotFoundError("404", response=_REFUSED), OSError("no")), "hub has no 'org/name', or keeps it priv"),
        ((_NO_ROOM, RuntimeError("the file could not be written")), "no room on the disk for the .* set HF_HOME"),
        ((SafetensorError("I/O error: No space left on device (os error 28)"),), "no room on the disk for the"),
        ((OSError("We couldn't connect"),), "neither a folder here nor can it be fetched"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(
    errors: tuple[Exception, ...], sentence: str, load: Callable[..., LanguageModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading.AutoConfig, "from_pretrained", _raising(*errors))
    monkeypatch.setattr(hub, "snapshot_download", _raising(*errors))
    for refused in (lambda: load("org/name"), lambda: hub.find_adapter("org/name")):
        with pytest.raises(ModelError, match=sentence) as caught:
            refused()
        assert "\n" not in str(caught.value)


def test_a_full_disk_while_converting_says_how_much_to_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "config_in", lambda _: LlamaConfig())
    monkeypatch.setattr(packaged.AutoTokenizer, "from_pretrained", lambda **_: None)
    monkeypatch.setattr(packaged.AutoModelForCausalLM, "from_pretrained", _raising(_NO_ROOM))
    with pytest.raises(ModelError, match=r"no room on the disk to convert model\.gguf .* four bytes a parameter; free"):
        packaged.convert(tmp_path / "model.gguf", tmp_path / "cache" / "model", "<|end|>")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_gguf_file_of_another_architecture_is_named(tmp_path: Path) -> None:
    file = tmp_path / "other.gguf"
    writer = gguf.GGUFWriter(file, "rwkv6")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelError, match=r"other\.gguf can't be converted .*rwkv6.*; choose a GGUF file of an arch"):
        packaged.convert(file, tmp_path / "cache" / "model", "<|end|>")
