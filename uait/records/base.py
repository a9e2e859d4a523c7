"""The checks that every record makes of itself, and text enumerations."""

from enum import Enum

from uait.records.errors import DataError


def require(is_fine: bool, message: str) -> None:
    if not is_fine:
        raise DataError(message)


def unit(name: str, value: float | None) -> None:
    require(value is None or 0.0 <= value <= 1.0, f"{name} is {value}; it must lie between 0 and 1, or be None.")


class Text(str, Enum):
    """Members that are their own text, as enum.StrEnum has them from Python 3.11 on."""

    def __str__(self) -> str:
        return str(self.value)
