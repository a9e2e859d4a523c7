"""A damaged shipped file is refused where it is loaded: the base, and its adapter."""

import shutil
from pathlib import Path

import pytest

from uait.data import catalogue
from uait.data.catalogue import preset
from uait.models import adapters, loading, shipped
from uait.models.loading import load_model
from uait.records.errors import ModelError
from uait.settings import ASSETS


@pytest.mark.parametrize("name", ["model.safetensors", "adapter/adapter_model.safetensors"])
def test_a_flipped_bit_of_pocket_is_never_loaded(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ASSETS / "pocket", tmp_path / "pocket")
    shutil.copy(ASSETS / shipped.SUMS, tmp_path / shipped.SUMS)
    weights = bytearray((tmp_path / "pocket" / name).read_bytes())
    weights[-3] ^= 1
    (tmp_path / "pocket" / name).write_bytes(weights)
    monkeypatch.setattr(catalogue, "ASSETS", tmp_path)
    for room in (loading, adapters):
        monkeypatch.setattr(room, "check_shipped", lambda file: shipped.check_shipped(file, tmp_path))
    with pytest.raises(ModelError, match=f"{Path(name).name} is not the file that was shipped"):
        load_model(preset("pocket"))
