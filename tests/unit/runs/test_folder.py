from pathlib import Path

import pytest

from uait.records.errors import DataError
from uait.runs.folder import RunFolder
from uait.settings import LabelSettings, ModelSettings, Settings, TuneSettings


def test_a_run_folder_gives_its_settings_back(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with pytest.raises(DataError, match=r"settings\.json"):
        run.settings()
    settings = Settings(label=LabelSettings(t=0.01))
    run.save_settings(settings)
    run.save_settings(settings)
    assert RunFolder(tmp_path / "run").settings() == settings


def test_a_run_folder_refuses_other_settings(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.save_settings(Settings())
    with pytest.raises(DataError, match=r"label\.t = 0\.001, not 0\.01; use the same value, or another folder"):
        run.save_settings(Settings(label=LabelSettings(t=0.01)))
    assert run.settings() == Settings()


def test_a_run_may_go_on_on_another_device(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.save_settings(Settings(model=ModelSettings(device="cuda")))
    run.save_settings(Settings(model=ModelSettings(device="cpu")))


def test_a_stage_adds_its_settings_and_the_earlier_ones_stay(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.save_settings(Settings(), ("model", "label"))
    tuned = Settings(tune=TuneSettings(rank=8))
    run.save_settings(tuned, ("model", "tune"))
    assert run.settings() == tuned
    with pytest.raises(DataError, match=r"tune\.rank = 8, not 64"):
        run.save_settings(Settings(), ("tune",))


def test_a_run_folder_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(DataError, match="is a file"):
        RunFolder(tmp_path / "run")


def test_a_folder_has_one_writer_at_a_time(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    refused = pytest.raises(DataError, match="is being written by another process; wait for it")
    with folder.writing(), refused, folder.writing():
        pass
    with folder.writing():
        pass
