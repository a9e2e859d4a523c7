"""What the program finds around it: its assets, and the `UAIT_*` variables, which are read here and nowhere else."""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from uait.records.errors import SettingsError

ASSETS = Path(__file__).resolve().parents[2] / "assets"
DEFAULT_MODEL = "pocket"  # the one to begin with, of those in assets/


def server_name() -> str:
    """The address to listen on: UAIT_HOST, else every address on a Space (SPACE_ID is set), else this machine only."""
    return os.environ.get("UAIT_HOST", "0.0.0.0" if is_space() else "127.0.0.1")


def server_port() -> int:
    """The port to listen on: UAIT_PORT, else 7860. Raises SettingsError when it is no number."""
    value = os.environ.get("UAIT_PORT", "7860")
    if not is_port(value):
        raise SettingsError(f"UAIT_PORT is {value!r}; it must be a port number from 1 to 65535, such as 7860.")
    return int(value)


def is_port(text: str) -> bool:
    """Whether the text is the number of a port."""
    return text.isdecimal() and 1 <= int(text) <= 65535


def default_model() -> str:
    """The model to load when none is named: UAIT_MODEL, else the embedded one."""
    return os.environ.get("UAIT_MODEL", DEFAULT_MODEL)


def default_adapter() -> str | None:
    """The adapter to begin with, a folder or a hub id: UAIT_ADAPTER; None without it."""
    return os.environ.get("UAIT_ADAPTER") or None


def runs_folder() -> Path:
    """Where the page keeps its runs: UAIT_RUNS, else runs/page below the folder it was started in."""
    return Path(os.environ.get("UAIT_RUNS", "runs/page"))


def cache_folder() -> Path:
    """Where models that were converted once are kept: UAIT_CACHE, else the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("UAIT_CACHE") or Path(home) / "uait")


def data_folder() -> Path | None:
    """A folder of question files that stands in for the hub: UAIT_DATA; None without it."""
    value = os.environ.get("UAIT_DATA")
    return Path(value) if value else None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a stronger model answers: only the owner sets it, through the environment. `price`: per million tokens
    read and written."""

    address: str
    model: str
    key: str = field(default="", repr=False)
    price: tuple[float, float] | None = None

    def cost(self, n_read: int | None, n_written: int | None) -> float | None:
        """What so many tokens cost, in the price's currency; None without a price or a count."""
        if self.price is None or n_read is None or n_written is None:
            return None
        return (n_read * self.price[0] + n_written * self.price[1]) / 1e6


def stronger_endpoint() -> Endpoint | None:
    """The endpoint that UAIT_STRONGER_URL and _MODEL name, with _KEY and _PRICE where they are set; None without a URL.

    The price is one number, or two parted by a comma: for tokens read and written. Raises SettingsError when one of
    them can't be what it should, without repeating the key or a password.
    """
    url, model, key, price = (os.environ.get(f"UAIT_STRONGER_{name}", "") for name in ("URL", "MODEL", "KEY", "PRICE"))
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise SettingsError(
            "UAIT_STRONGER_URL is no web address without a password; write one such as https://api.example.com/v1."
        )
    if not model:
        raise SettingsError("UAIT_STRONGER_URL is set and UAIT_STRONGER_MODEL is not; name the model to ask there.")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise SettingsError("UAIT_STRONGER_KEY holds a blank, a line break or no ASCII; set it to the key alone.")
    try:
        prices = [float(number) for number in price.split(",")] if price else []
    except ValueError:
        prices = [-1.0]
    if len(prices) > 2 or not all(0 <= number < math.inf for number in prices):
        raise SettingsError(f"UAIT_STRONGER_PRICE is {price!r}; write one or two numbers, such as 0.15,0.60.")
    address = url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
    return Endpoint(address, model, key, (prices[0], prices[-1]) if prices else None)


def public_questions() -> int:
    """How many questions a visitor of a Space may label at once: UAIT_PUBLIC_QUESTIONS, else 512."""
    return _count("UAIT_PUBLIC_QUESTIONS", 512)


def public_seconds() -> int:
    """How long a start of a visitor's job may work on a Space: UAIT_PUBLIC_SECONDS, else half an hour."""
    return _count("UAIT_PUBLIC_SECONDS", 1800)


def _count(name: str, usual: int) -> int:
    value = os.environ.get(name) or str(usual)
    if not value.isdecimal() or int(value) < 1:
        raise SettingsError(f"{name} is {value!r}; it must be a whole number above 0, such as {usual}.")
    return int(value)


def allows_training() -> bool:
    """Whether the page may start long jobs: anywhere but on a Space, and there when UAIT_ALLOW_TRAINING is 1."""
    return not is_space() or os.environ.get("UAIT_ALLOW_TRAINING") == "1"


def is_space() -> bool:
    """Whether the page runs on a Space (SPACE_ID is set), where its visitors do not know each other."""
    return bool(space_name())


def space_name() -> str:
    """The Space that the page runs on, such as somebody/uait: SPACE_ID; empty anywhere else."""
    return os.environ.get("SPACE_ID", "")
