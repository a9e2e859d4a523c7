"""The files to take away: however often they are looked at, the machine keeps one copy."""

import tempfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from uait.data.files import write_json
from uait.page.run_files import adapter_to_take, labels_to_take


def test_fifty_views_of_a_finished_run_leave_one_copy_of_each_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch, cache, run = tmp_path / "scratch", tmp_path / "gradio", tmp_path / "runs" / "20260101-000000-tune"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(cache))
    write_json(run / "adapter" / "card.json", {"settings": {"tune": {"rank": 4}}})
    (run / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    (run / "adapter" / ".checkpoint").write_bytes(b"no business of the visitor's")
    (run / "labels.jsonl").write_text("{}\n")

    adapters, labels = {adapter_to_take(run) for _ in range(50)}, {labels_to_take(run) for _ in range(50)}
    assert len(adapters) == len(labels) == 1
    assert sorted(path.name for path in cache.rglob("*.*")) == [f"{run.name}.jsonl", f"{run.name}.zip"]
    assert list(scratch.iterdir()) == []
    assert sorted(ZipFile(adapters.pop()).namelist()) == ["adapter_model.safetensors", "card.json", "settings.json"]
