"""Records to disk and back: JSON and JSONL in a run folder, safe against a kill at any moment. No pickle.

Input: records, or files that people write (questions). Output: the same records, or one sentence on what is wrong.
The only file that touches the disk for records; knows nothing about models or stages.

A run is resumed from its own files: a JSONL line is written whole or, after a kill, dropped; a JSON file is replaced
whole or not at all.
"""

import csv
import hashlib
import io
import json
import math
import os
import threading
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from uait.errors import DataError
from uait.records import Question
from uait.settings import Settings, from_dict, to_dict

Record = TypeVar("Record")

_NOT_FINITE = ("inf", "-inf", "nan")
_QUESTION_COLUMNS = ("id", "text", "references")
# Where a run is carried on does not change what it finds.
_MAY_DIFFER = {("model", "device")}


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


def write_json(path: Path | str, data: Any) -> None:
    """Nothing; the file holds `data` (a record or plain data), or on any failure what it held before."""
    text = json.dumps(to_json(data), ensure_ascii=False, indent=1, allow_nan=False).encode("utf-8", "surrogatepass")
    _replace(Path(path), text + b"\n")


def write_jsonl(path: Path | str, records: Iterable[Any]) -> None:
    """Nothing; the file holds these records, a line each, or on any failure what it held before."""
    _replace(Path(path), b"".join(_line(record) for record in records))


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: Path | str) -> Any:
    """The plain data in a JSON file. Raises DataError when the file is missing or no JSON."""
    path, content = Path(path), _read_bytes(Path(path))
    try:
        return json.loads(content.decode("utf-8", "surrogatepass"))
    except ValueError as err:
        raise DataError(f"{path} is no JSON ({err}); delete it or restore it from a copy.") from err


def _line(record: Any) -> bytes:
    return json.dumps(to_json(record), ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass") + b"\n"


def append_jsonl(path: Path | str, record: Any) -> None:
    """Nothing; the file has one more line, on the disk before this returns.

    A last line that a kill cut in half is removed first, so that the new one starts clean.
    """
    path = Path(path)
    line = _line(record)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        cut, is_whole = _tail(file)
        if not is_whole:
            file.truncate(cut)
        elif cut < file.seek(0, os.SEEK_END):
            line = b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def read_jsonl(path: Path | str, record_type: type[Record]) -> list[Record]:
    """The records of a JSONL file in order, without a last line that a kill cut in half.

    Raises DataError naming file and row when the file is missing or a line is broken.
    """
    records = []
    for row, data in read_rows(path, is_log=True):
        try:
            records.append(from_json(record_type, data))
        except DataError as err:
            raise DataError(f"{path}, row {row}: {err}") from err
    return records


def read_rows(path: Path | str, *, is_log: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """Row number (from 1) and object of every line of a JSONL file, without blank lines.

    With `is_log` a half-written last line is left out too: append_jsonl was killed while writing it.
    Raises DataError naming file and row when the file is missing or a line is broken.
    """
    path = Path(path)
    lines = _read_bytes(path).removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for row, line in enumerate(lines, start=1):
        data = _object(line)
        if data is not None:
            yield row, data
        elif line.strip() and not (is_log and row == len(lines)):
            raise DataError(f"{path}, row {row}: this line is no JSON object; mend or delete it.")


def done_ids(path: Path | str) -> set[str]:
    """The ids of the questions that a JSONL file of records already holds; empty when there is no file yet."""
    if not Path(path).exists():
        return set()
    return {_question_id(data, f"{path}, row {row}") for row, data in read_rows(path, is_log=True)}


def data_hash(records: Iterable[Any]) -> str:
    """SHA-256 of the records, as 64 hex digits: equal for equal records in equal order, whatever made them."""
    digest = hashlib.sha256()
    for record in records:
        text = json.dumps(to_json(record), sort_keys=True, separators=(",", ":"), allow_nan=False)
        digest.update(text.encode("utf-8") + b"\n")
    return digest.hexdigest()


@dataclass(frozen=True)
class RunFolder:
    """One run on disk: `settings.json` and the files of the stages that ran; each stage adds its own settings."""

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        if self.path.exists() and not self.path.is_dir():
            raise DataError(f"{self.path} is a file; a run needs a folder of its own. Choose another name.")

    def file(self, name: str) -> Path:
        """The path of one file in the folder."""
        return self.path / name

    def settings(self) -> Settings:
        """The run's settings, with defaults for stages that have not run. Raises DataError when there are none."""
        if not self.file("settings.json").exists():
            raise DataError(f"{self.path} holds no settings.json, so it is no run; sample or label into it first.")
        return from_dict(self._saved())

    def save_settings(self, settings: Settings, stages: Iterable[str] | None = None) -> None:
        """Nothing; the folder holds the settings of these stages (all without `stages`) beside those saved before.

        Raises DataError when the folder holds other values for one of them: a run never mixes two settings.
        """
        wanted, saved = to_dict(settings), self._saved()
        for stage in wanted if stages is None else stages:
            for key, value in saved.get(stage, wanted[stage]).items():
                if wanted[stage].get(key) != value and (stage, key) not in _MAY_DIFFER:
                    raise DataError(
                        f"{self.path} was made with {stage}.{key} = {value!r}, not {wanted[stage].get(key)!r}; "
                        "use the same value, or another folder."
                    )
            saved.setdefault(stage, wanted[stage])
        write_json(self.file("settings.json"), saved)

    def _saved(self) -> dict[str, Any]:
        path = self.file("settings.json")
        saved = read_json(path) if path.exists() else {}
        if not isinstance(saved, dict) or not all(isinstance(stage, dict) for stage in saved.values()):
            raise DataError(f"{path} holds no settings by stage; delete it or restore it from a copy.")
        return saved


def read_questions(path: Path | str) -> list[Question]:
    """The questions of a .jsonl file (one {"id", "text", "references"} per line) or a .csv file with those columns.

    `references` may be left out; in CSV several are parted by `|`. Raises DataError naming file, row and column.
    """
    path = Path(path)
    readers = {".jsonl": read_rows, ".csv": _csv_rows}
    if path.suffix.lower() not in readers:
        raise DataError(f"{path} is neither .jsonl nor .csv; give questions as one of the two.")
    questions: dict[str, Question] = {}
    for row, data in readers[path.suffix.lower()](path):
        question = _question(data, f"{path}, row {row}")
        if question.id in questions:
            raise DataError(
                f"{path}, row {row}, column 'id': {question.id!r} came before; give each question its own id."
            )
        questions[question.id] = question
    if not questions:
        raise DataError(f"{path} holds no question; write at least one row.")
    return list(questions.values())


def _question(data: Mapping[str, Any], where: str) -> Question:
    unknown = sorted(set(data) - set(_QUESTION_COLUMNS))
    if unknown:
        raise DataError(f"{where}, column {unknown[0]!r}: there is no such column; use {', '.join(_QUESTION_COLUMNS)}.")
    values: dict[str, Any] = {"references": (), **data}
    for column in ("id", "text"):
        value = values.get(column)
        if not isinstance(value, str) or not value.strip():
            raise DataError(f"{where}, column {column!r}: {value!r} is no text; write one.")
    references = values["references"]
    if not isinstance(references, (list, tuple)) or not all(isinstance(r, str) and r.strip() for r in references):
        raise DataError(f"{where}, column 'references': {references!r} is no list of texts, such as [\"Paris\"].")
    return Question(values["id"].strip(), values["text"].strip(), tuple(r.strip() for r in references))


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = _read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise DataError(f"{path} is not UTF-8 text ({err.reason} at byte {err.start}); save it as UTF-8.") from err
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            extra, short = cells.pop(None, None), [column for column, cell in cells.items() if cell is None]
            if extra or short:
                what = f"{len(extra)} cells too many" if extra else f"column {short[0]!r} is missing"
                raise DataError(f"{path}, row {reader.line_num}: {what}; quote a text that holds a comma.")
            if "references" in cells:
                cells["references"] = [part for part in cells["references"].split("|") if part.strip()]
            yield reader.line_num, cells
    except csv.Error as err:
        raise DataError(f"{path}, row {reader.reader.line_num}: {err}; mend the quotes of this row.") from err


def _question_id(data: Mapping[str, Any], where: str) -> str:
    question = data.get("question")
    found = question.get("id") if isinstance(question, dict) else data.get("question_id", data.get("id"))
    if not isinstance(found, str):
        raise DataError(f"{where}: this line names no question; mend or delete it.")
    return found


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise DataError(f"{path} can't be read ({err.strerror}); check the name and the rights.") from err


def _object(line: bytes) -> dict[str, Any] | None:
    """The object of one line, or None. A cut line is always noticed: the beginning of an object is never one itself."""
    try:
        data = json.loads(line.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _tail(file: Any) -> tuple[int, bool]:
    """Where the last line begins that no newline ends (the file's length if there is none), and whether it is whole."""
    end = file.seek(0, os.SEEK_END)
    start, tail = end, b""
    while start > 0 and b"\n" not in tail:
        step = min(1 << 16, start)
        start = file.seek(start - step)
        tail = file.read(step) + tail
    rest = tail.rpartition(b"\n")[2]
    return end - len(rest), not rest or _object(rest) is not None


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


def _decode(wanted: Any, data: Any, where: str) -> Any:
    """`data` as a value of the type `wanted`; `where` names the field in errors."""
    origin, parts = get_origin(wanted), get_args(wanted)
    if wanted is Any:
        return data
    if origin in (Union, types.UnionType):
        return _decode_union(parts, data, where)
    if wanted is np.ndarray:
        return _decode_array(data, where)
    if origin is tuple and isinstance(data, list):
        item_types = (parts[0],) * len(data) if parts[-1] is Ellipsis else parts
        if len(item_types) != len(data):
            raise DataError(f"{where} has {len(data)} values; it must have {len(item_types)}.")
        pairs = zip(item_types, data, strict=True)
        return tuple(_decode(item_type, value, f"{where}[{i}]") for i, (item_type, value) in enumerate(pairs))
    if origin is dict and isinstance(data, dict):
        return {key: _decode(parts[1], value, f"{where}.{key}") for key, value in data.items()}
    if is_dataclass(wanted) and isinstance(data, dict):
        return _decode_record(wanted, data, where)
    if isinstance(wanted, type) and issubclass(wanted, Enum) and data in [member.value for member in wanted]:
        return wanted(data)
    if wanted is float and isinstance(data, (int, float)) and not isinstance(data, bool) and math.isfinite(data):
        return float(data)
    if wanted in (str, int, bool, type(None)) and type(data) is wanted:
        return data
    raise DataError(f"{where} is {data!r:.80}; it must be {getattr(wanted, '__name__', wanted)}.")


def _decode_record(wanted: Any, data: dict[str, Any], where: str) -> Any:
    names = {f.name for f in fields(wanted)}
    needed = {f.name for f in fields(wanted) if f.default is MISSING and f.default_factory is MISSING}
    for problem, keys in (("no known field", set(data) - names), ("missing", needed - set(data))):
        if keys:
            raise DataError(f"{where}.{min(keys)} is {problem}; {wanted.__name__} has {', '.join(sorted(names))}.")
    return wanted(**{key: _decode(_hints(wanted)[key], value, f"{where}.{key}") for key, value in data.items()})


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
