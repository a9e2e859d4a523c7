"""Records as plain JSON data and back, checked as if made anew."""

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from uait.records.errors import DataError

Record = TypeVar("Record")
_NOT_FINITE = ("inf", "-inf", "nan")


def to_json(record: Any) -> Any:
    """The record as plain data for JSON: arrays and tuples become lists, enums their value.

    A non-finite number in an array becomes "inf", "-inf" or "nan", for JSON has no such number.
    Raises DataError on one anywhere else, and on a value that is no record, such as an open file.
    """
    if isinstance(record, Enum):
        return record.value
    if record is None or isinstance(record, (bool, int, str)):
        return record
    if isinstance(record, float):
        if not math.isfinite(record):
            raise DataError(
                f"A number is {record}; only finite ones are saved. Use None or Unscored for a missing one."
            )
        return float(record)
    if isinstance(record, np.generic):
        return to_json(record.item())
    if isinstance(record, np.ndarray):
        return [_array_value(x) for x in record.tolist()]
    if isinstance(record, Mapping):
        return {_key(key): to_json(value) for key, value in record.items()}
    if isinstance(record, (list, tuple)):
        return [to_json(value) for value in record]
    if isinstance(record, Path):
        return str(record)
    if is_dataclass(record) and not isinstance(record, type):
        return {f.name: to_json(getattr(record, f.name)) for f in fields(record)}
    raise DataError(f"A {type(record).__name__} can't be saved as JSON; save records, numbers, texts or lists of them.")


def from_json(record_type: type[Record], data: Any) -> Record:
    """The record that `data` holds, checked as if made anew.

    Fields typed Any (Done.record, settings) come back as plain data. Raises DataError, naming the field, on an unknown
    or missing key and on a value of another type.
    """
    return _decode(record_type, data, record_type.__name__)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise DataError(f"A key is {key!r}; JSON keys are texts. Write it as one, or use a list of pairs.")
    return str(key.value) if isinstance(key, Enum) else key


def _array_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_array_value(x) for x in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else to_json(value)


@cache
def _hints(record_type: type) -> dict[str, Any]:
    return get_type_hints(record_type)


def _decode(kind: Any, data: Any, where: str) -> Any:
    """`data` as a value of the type `kind`; `where` names the field in errors."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind is Any:
        return data
    if origin in (Union, types.UnionType):
        return _decode_union(parts, data, where)
    if kind is np.ndarray:
        return _decode_array(data, where)
    if origin is tuple and isinstance(data, list):
        item_types = (parts[0],) * len(data) if parts[-1] is Ellipsis else parts
        if len(item_types) != len(data):
            raise DataError(f"{where} has {len(data)} values; it must have {len(item_types)}.")
        pairs = zip(item_types, data, strict=True)
        return tuple(_decode(item_type, value, f"{where}[{i}]") for i, (item_type, value) in enumerate(pairs))
    if origin is dict and isinstance(data, dict):
        return {key: _decode(parts[1], value, f"{where}.{key}") for key, value in data.items()}
    if is_dataclass(kind) and isinstance(data, dict):
        return _decode_record(kind, data, where)
    if isinstance(kind, type) and issubclass(kind, Enum) and data in [member.value for member in kind]:
        return kind(data)
    if kind is float and isinstance(data, (int, float)) and not isinstance(data, bool) and math.isfinite(data):
        return float(data)
    if kind in (str, int, bool, type(None)) and type(data) is kind:
        return data
    raise DataError(f"{where} is {data!r:.80}; it must be {getattr(kind, '__name__', kind)}.")


def _decode_record(kind: Any, data: dict[str, Any], where: str) -> Any:
    if hasattr(kind, "from_older"):  # a record whose fields have changed reads its older files itself
        data = kind.from_older(data)
    names = {f.name for f in fields(kind)}
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    for problem, keys in (("no known field", set(data) - names), ("missing", needed - set(data))):
        if keys:
            raise DataError(f"{where}.{min(keys)} is {problem}; {kind.__name__} has {', '.join(sorted(names))}.")
    return kind(**{key: _decode(_hints(kind)[key], value, f"{where}.{key}") for key, value in data.items()})


def _decode_union(parts: tuple[Any, ...], data: Any, where: str) -> Any:
    """The first type of a union that `data` fits: a record by its keys, anything else by its value."""
    if data is None and type(None) in parts:
        return None
    others = [part for part in parts if part is not type(None)]
    if isinstance(data, dict):
        others = [p for p in others if is_dataclass(p) and set(data) <= {f.name for f in fields(p)}] or others
    return _decode(others[0], data, where)


def _decode_array(data: Any, where: str) -> np.ndarray:
    def number(value: Any) -> Any:
        if isinstance(value, list):
            return [number(x) for x in value]
        return float(value) if value in _NOT_FINITE else _decode(float, value, where)

    if not isinstance(data, list):
        raise DataError(f"{where} is {data!r:.80}; it must be a list of numbers.")
    try:
        return np.array(number(data), dtype=np.float64)
    except ValueError as err:
        raise DataError(f"{where} has rows of different lengths; give each row as many numbers.") from err
