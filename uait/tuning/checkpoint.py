"""What a tuning, or the training of an embedded model, goes on from after a stop: one file, whole or not there."""

import pickle
from pathlib import Path
from typing import Any

import torch


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Puts `state` (tensors and plain data) into the file in one move. Raises OSError when the disk refuses."""
    part = path.with_suffix(".part")
    try:
        torch.save(state, part)
    except RuntimeError as err:  # how PyTorch says that a file can't be written
        raise OSError(str(err)) from err
    part.replace(path)


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any] | None:
    """The state in the file, on that device; None when there is none, or it can't be read."""
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError):
        return None
