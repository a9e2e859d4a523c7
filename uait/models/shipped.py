"""The weights that come with the product are those that were made: their checksums stand in assets/SHA256SUMS.

One flipped bit loads silently, and answers a little differently for ever.
"""

import hashlib
from pathlib import Path

from uait.records.errors import ModelError
from uait.settings import ASSETS

SUMS = "SHA256SUMS"  # as `sha256sum` writes and checks it


def check_shipped(file: Path, assets: Path = ASSETS) -> None:
    """Raises ModelError where a file in `assets` is not the one whose checksum stands there; any other file passes."""
    file, assets = file.resolve(), assets.resolve()
    expected = sums(assets).get(file.relative_to(assets).as_posix()) if file.is_relative_to(assets) else None
    if expected is not None and (found := sha256_of(file)) != expected:
        raise ModelError(
            f"{file.parent.name}/{file.name} is not the file that was shipped (sha256 {found[:12]}, expected "
            f"{expected[:12]}); restore it from a copy, or run `make seal` if you made it anew."
        )


def sums(assets: Path = ASSETS) -> dict[str, str]:
    """The recorded checksum of each file, by its path in `assets`; none where nothing was recorded."""
    path = assets / SUMS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {name: found for found, _, name in (line.partition("  ") for line in lines)}


def seal(assets: Path = ASSETS) -> None:
    """Writes down the checksums of all weights in `assets`, as those to be shipped."""
    files = sorted(assets.rglob("*.safetensors"))
    lines = (f"{sha256_of(file)}  {file.relative_to(assets).as_posix()}\n" for file in files)
    (assets / SUMS).write_text("".join(lines), encoding="utf-8")


def sha256_of(path: Path) -> str:
    """The checksum of a file, as 64 hex digits, or "missing"."""
    if not path.is_file():
        return "missing"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
