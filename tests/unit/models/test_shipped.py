"""The weights in assets/ are those that were shipped, and one flipped bit is noticed."""

from pathlib import Path

import pytest

from uait.models.shipped import check_shipped, seal, sha256_of, sums
from uait.records.errors import ModelError
from uait.settings import ASSETS


def test_every_shipped_weight_has_its_checksum() -> None:
    files = {path.relative_to(ASSETS).as_posix(): sha256_of(path) for path in ASSETS.rglob("*.safetensors")}
    assert len(files) >= 3
    assert sums() == files, "weights were made anew: run `make seal`"


def test_a_flipped_bit_is_one_sentence(tmp_path: Path) -> None:
    weights = tmp_path / "pocket" / "adapter" / "adapter_model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(bytes(1_000))
    seal(tmp_path)
    check_shipped(weights, tmp_path)
    weights.write_bytes(bytes(500) + b"\x01" + bytes(499))
    with pytest.raises(
        ModelError, match=r"adapter/adapter_model.safetensors is not the file that was shipped .*sha256"
    ):
        check_shipped(weights, tmp_path)


def test_weights_of_ones_own_are_nobodys_to_check(tmp_path: Path) -> None:
    weights = tmp_path / "runs" / "adapter_model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"mine")
    check_shipped(weights)
    check_shipped(tmp_path / "missing.safetensors")
