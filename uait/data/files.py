"""Records to disk and back: JSON and JSONL in a run folder, safe against a kill at any moment. No pickle.

Input: records, or files that people write (questions). Output: the same records, or one sentence on what is wrong.
The only file that touches the disk for records; knows nothing about models or stages.

A run is resumed from its own files: a JSONL line is written whole or, after a kill, dropped; a JSON file is replaced
whole or not at all.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from uait.data.json import Record, from_json, to_json
from uait.records.errors import DataError


def write_json(path: Path | str, data: Any) -> None:
    """Makes the file hold `data` (a record or plain data); on any failure it keeps what it held before."""
    text = json.dumps(to_json(data), ensure_ascii=False, indent=1, allow_nan=False).encode("utf-8", "surrogatepass")
    _replace(Path(path), text + b"\n")


def write_jsonl(path: Path | str, records: Iterable[Any]) -> None:
    """Makes the file hold these records, a line each; on any failure it keeps what it held before."""
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
    """Puts one more line at the end of the file, on the disk before this returns.

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
        data = json_object(line)
        if data is not None:
            yield row, data
        elif line.strip() and not (is_log and row == len(lines)):
            raise DataError(f"{path}, row {row}: this line is no JSON object; mend or delete it.")


def rows_by_id(path: Path) -> dict[str, dict[str, Any]]:
    """The objects that a log of `append_jsonl` holds so far, by their `id`; none where it was not begun."""
    return {row["id"]: row for _, row in read_rows(path, is_log=True)} if path.exists() else {}


def data_hash(records: Iterable[Any]) -> str:
    """SHA-256 of the records, as 64 hex digits: equal for equal records in equal order, whatever made them."""
    digest = hashlib.sha256()
    for record in records:
        text = json.dumps(to_json(record), sort_keys=True, separators=(",", ":"), allow_nan=False)
        digest.update(text.encode("utf-8") + b"\n")
    return digest.hexdigest()


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise DataError(f"{path} can't be read ({err.strerror}); check the name and the rights.") from err


def json_object(line: bytes) -> dict[str, Any] | None:
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
    return end - len(rest), not rest or json_object(rest) is not None
