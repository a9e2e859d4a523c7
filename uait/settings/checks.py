"""What every settings record has in common: strict types, and a sentence for each rule that a value breaks."""

from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any, ClassVar, Literal, get_args, get_origin

from pydantic import ConfigDict, ValidationError, model_validator
from pydantic.fields import FieldInfo

from uait.records.errors import SettingsError

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
_OF_RANGE = ("greater_than_equal", "less_than_equal", "finite_number")
_KINDS: dict[type, str] = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a settings record, as a flag or a control of the page shows it.

    `kind`: str, bool, int or float. `low`, `high`: the range, both included, or None. `choices`: empty if any value is.
    """

    name: str
    kind: type
    may_be_none: bool
    help: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]

    @property
    def rule(self) -> str:
        """What a value must be, as the end of a sentence."""
        if self.choices:
            return f"choose one of {', '.join(self.choices)}"
        return f"it must be {_KINDS.get(self.kind, self.kind.__name__)}" + (" or none" if self.may_be_none else "")


class Checked:
    """A settings record: raises SettingsError, one sentence, where pydantic would raise an error of its own."""

    __pydantic_fields__: ClassVar[dict[str, FieldInfo]]  # pydantic's

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_sentence(cls, data: Any, check: Callable[[Any], Any]) -> Any:
        try:
            return check(data)
        except ValidationError as err:
            problem = err.errors()[0]
            raise SettingsError(_sentence(cls, problem["type"], problem["loc"], problem["input"])) from None


def settings_of(record: Checked | type[Checked]) -> tuple[Setting, ...]:
    """Its settings, in the order of its fields."""
    return tuple(_setting(name, field) for name, field in record.__pydantic_fields__.items())


def _setting(name: str, field: FieldInfo) -> Setting:
    kinds: tuple[Any, ...] = get_args(field.annotation) or (field.annotation,)
    choices = kinds if get_origin(field.annotation) is Literal else ()
    low, high = (
        next((getattr(limit, end) for limit in field.metadata if hasattr(limit, end)), None) for end in ("ge", "le")
    )
    kind = str if choices else kinds[0]
    return Setting(name, kind, NoneType in kinds, field.description or "", low, high, choices)


def _sentence(record: type[Checked], problem: str, where: tuple[int | str, ...], value: Any) -> str:
    """The broken rule in words: the thing, the value, what it must be. `where` is empty for the record itself."""
    stage, known = record.__name__.removesuffix("Settings").lower(), record.__pydantic_fields__
    if not where:
        return f"{stage or 'settings'} is {value!r:.80}; give its values by name: {', '.join(known)}."
    key, name = str(where[0]), ".".join(filter(None, (stage, str(where[0]))))
    if key not in known:
        return (
            f"{name} is no setting; {stage} has {', '.join(known)}."
            if stage
            else (f"{name!r} is no stage; the stages are {', '.join(known)}.")
        )
    setting = _setting(key, known[key])
    if problem in _OF_RANGE:
        return f"{name} is {value}; choose a value from {setting.low} to {setting.high}."
    return f"{name} is {value!r:.80}; {setting.rule}."
