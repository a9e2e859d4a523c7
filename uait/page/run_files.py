"""The folders that tunings are made in, laid out from a labelled run or a recorded one, and the file to take away."""

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from uait.data.catalogue import Description, preset
from uait.data.files import read_json, write_jsonl
from uait.records import Question, SmallRun
from uait.records.events import last_record
from uait.runs.files import ADAPTER, DISTILLED, FITTED_ON, HELD_OUT, JOB, LABELS
from uait.runs.folder import RunFolder, new_name
from uait.settings import Settings, TuneSettings, from_dict, to_dict
from uait.stages.distil import distil
from uait.stages.evaluate import drawn
from uait.stages.report import IN_DOMAIN

N_HELD_OUT = 128  # asked before and after a tuning


def held_out_of(description: Description | None) -> list[Question]:
    """The model's own questions that are asked before and after a tuning; none where it has none."""
    return drawn(description.held_out.get(IN_DOMAIN, []), N_HELD_OUT, seed=0) if description else []


def from_recorded(root: Path, description: Description, run: SmallRun) -> Path:
    """A run with the labels that were recorded with the model, distilled as they were then."""
    folder = RunFolder(root / new_name(root, "tune"))
    chosen = replace(from_dict(run.settings), model=replace(preset(description.name).model, adapter="none"))
    write_jsonl(folder.file(LABELS), run.labels)
    write_jsonl(folder.file(HELD_OUT), held_out_of(description))
    folder.save_settings(chosen, ("prompts", "model", "sampling", "label"))
    last_record(distil(chosen, folder))
    return folder.path


def fresh(root: Path, folder: Path, tune: TuneSettings) -> Path:
    """The folder, or a copy of its examples when it holds a tuning with other settings already."""
    if not (folder / "adapter").exists():
        return folder
    before = read_json(folder / JOB)["settings"]["tune"] if (folder / JOB).exists() else None
    if before == to_dict(tune):
        return folder
    target = root / new_name(root, "tune")
    target.mkdir()
    for part in (LABELS, FITTED_ON, DISTILLED, "settings.json", HELD_OUT):
        if (folder / part).exists():
            shutil.copy(folder / part, target / part)
    return target


def settings_of(base: Settings, folder: Path, tune: TuneSettings) -> Settings:
    """What the run was labelled and distilled with, and this tuning."""
    saved, made = RunFolder(folder).settings(), read_json(folder / "settings.json")
    return replace(base, **{stage: getattr(saved, stage) for stage in made if stage != "tune"}, tune=tune)


def labels_to_take(folder: Path) -> str:
    """The run's labels as a file that the page may serve, wherever the runs are kept."""
    with tempfile.TemporaryDirectory() as scratch:
        return _served(Path(shutil.copy(folder / LABELS, Path(scratch) / f"{folder.name}.jsonl")))


def adapter_to_take(folder: Path) -> str:
    """The adapter, its card and the run's settings as one file that the page may serve."""
    with tempfile.TemporaryDirectory() as scratch:
        path, adapter = Path(scratch) / f"{folder.name}.zip", folder / ADAPTER
        with ZipFile(path, "w", ZIP_DEFLATED) as file:
            for part in sorted(adapter.iterdir()):
                if part.is_file() and not part.name.startswith("."):
                    file.write(part, part.name)
            made_with = read_json(adapter / "card.json")["settings"]
            file.writestr(ZipInfo("settings.json"), json.dumps(made_with, indent=1))  # without the time of day
        return _served(path)


def _served(file: Path) -> str:
    """The file among those of Gradio, which keeps one copy of the same bytes and deletes it a day later."""
    return save_file_to_cache(file, get_upload_folder())
