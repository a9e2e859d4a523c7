"""Runs on disk: each a folder with its settings and the files of its stages."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uait.data.files import read_json, write_json
from uait.records.errors import DataError
from uait.runs.files import JOB
from uait.runs.locks import open_lock, try_lock
from uait.settings import Settings, from_dict, to_dict

# Where a run is carried on does not change what it finds.
_MAY_DIFFER = {("model", "device")}


@dataclass(frozen=True)
class RunFolder:
    """One run on disk: `settings.json` and the files of the stages that ran; each stage adds its own settings."""

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        if self.path.exists() and not self.path.is_dir():
            raise DataError(f"{self.path} is a file; a run needs a folder of its own. Choose another name.")

    def file(self, name: str) -> Path:
        """The path of one file in the folder."""
        return self.path / name

    def settings(self) -> Settings:
        """The run's settings, with defaults for stages that have not run. Raises DataError when there are none."""
        if not self.file("settings.json").exists():
            raise DataError(f"{self.path} holds no settings.json, so it is no run; sample or label into it first.")
        return from_dict(self._plain())

    def save_settings(self, settings: Settings, stages: Iterable[str] | None = None) -> None:
        """Adds the settings of these stages (all without `stages`) to those saved before.

        Raises DataError when the folder holds other values for one of them: a run never mixes two settings.
        """
        new, old = to_dict(settings), self._plain()
        for stage in new if stages is None else stages:
            for key, value in old.get(stage, new[stage]).items():
                if new[stage].get(key) != value and (stage, key) not in _MAY_DIFFER:
                    raise DataError(
                        f"{self.path} was made with {stage}.{key} = {value!r}, not {new[stage].get(key)!r}; "
                        "use the same value, or another folder."
                    )
            old.setdefault(stage, new[stage])
        write_json(self.file("settings.json"), old)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Holds the folder for one writer. Raises DataError at once when another process writes into it."""
        self.path.mkdir(parents=True, exist_ok=True)
        lock = open_lock(self.file(".writing"))
        try:
            if not try_lock(lock):
                raise DataError(f"{self.path} is being written by another process; wait for it, or use another folder.")
            yield
        finally:
            os.close(lock)

    def _plain(self) -> dict[str, Any]:
        path = self.file("settings.json")
        data = read_json(path) if path.exists() else {}
        if not isinstance(data, dict) or not all(isinstance(stage, dict) for stage in data.values()):
            raise DataError(f"{path} holds no settings by stage; delete it or restore it from a copy.")
        return data


def all_runs(root: Path | str, model: str | None = None) -> list[Path]:
    """The folders below `root` that hold a run (of `model`), the newest first: their names begin with the time."""
    paths = [path for name in (JOB, "settings.json") for path in Path(root).glob(f"*/{name}")]
    runs = sorted({path.parent for path in paths}, key=lambda path: path.name, reverse=True)
    return [run for run in runs if model is None or _model_of(run) == model]


def _model_of(run: Path) -> str | None:
    """The model that a run, or the job that begins one, names; None of a damaged one."""
    for name, inside in (("settings.json", ()), (JOB, ("settings",))):
        with suppress(DataError, KeyError, TypeError):
            data = read_json(run / name)
            for key in (*inside, "model", "model"):
                data = data[key]
            return data
    return None


def find_run(root: Path | str, name: str | None) -> Path | None:
    """The run of this name below `root`, or None: a name from a page is never taken for a path."""
    return next((path for path in all_runs(root) if path.name == name), None)


def new_name(root: Path | str, verb: str) -> str:
    """A name for a new run below `root`: the time first, so that names sort by it."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{verb}"
    taken = [path.name for path in Path(root).glob(f"{name}*")]
    return f"{name}-{len(taken) + 1}" if taken else name
