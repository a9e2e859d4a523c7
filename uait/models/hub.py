"""The hub: an adapter fetched from it; and why a model, tokenizer or adapter can't be had, in one sentence."""

import re
from pathlib import Path

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

from uait.models.adapters import CARD, CONFIG, LOAD_ERRORS, WEIGHTS, first_line
from uait.records.errors import ModelError, causes, is_disk_full, is_out_of_memory

_HUB_ID = re.compile(r"\w[\w.-]*/[\w.-]+", re.ASCII)


def find_adapter(name: str) -> Path:
    """The folder of the adapter `name`, itself a folder or a hub id such as user/repo, of which its files are fetched.

    Raises ModelError when the hub doesn't give it. A folder need not hold an adapter.
    """
    folder = Path(name).expanduser()
    if folder.exists() or not _HUB_ID.fullmatch(name):
        return folder
    try:
        return Path(snapshot_download(name, allow_patterns=[WEIGHTS, CONFIG, CARD]))
    except LOAD_ERRORS as err:
        raise unloadable("adapter", name, name, err) from err


def unloadable(what: str, name: str, place: str, err: Exception) -> ModelError:
    """Why the `what` called `name` can't be had from `place`, a folder or a hub id: a sentence with the next step."""
    chain = list(causes(err))
    if is_disk_full(err):
        return ModelError(
            f"There is no room on the disk for the {what} {name!r}; free some, or set HF_HOME to a folder with room "
            f"(now {constants.HF_HOME})."
        )
    if any(isinstance(cause, GatedRepoError) for cause in chain):
        return ModelError(
            f"{name!r} is gated; accept its terms at https://huggingface.co/{place}, then run `hf auth login` or set "
            "HF_TOKEN."
        )
    if any(isinstance(cause, RepositoryNotFoundError) for cause in chain):
        return ModelError(
            f"The hub has no {name!r}, or keeps it private; check the name, or run `hf auth login` or set HF_TOKEN."
        )
    if is_out_of_memory(err):
        return ModelError(
            f"The {what} {name!r} does not fit into the memory ({first_line(err)}); set model.quantize, or choose a "
            "smaller model."
        )
    if not Path(place).is_dir():
        return ModelError(
            f"The {what} {name!r} is neither a folder here nor can it be fetched from the hub; "
            f"check the name and the connection ({first_line(err)})."
        )
    return ModelError(
        f"The {what} {name!r} can't be read ({first_line(err)}); a file in it is damaged or missing: "
        "copy or download it again."
    )
