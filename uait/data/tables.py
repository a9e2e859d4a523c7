"""A file of questions as people have it (.csv, .tsv, .jsonl, .xlsx, .parquet) -> one table, whatever it was made with.

Knows nothing about pages or models. Every error names the file and its row, every guess stands in `Table.notes`.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uait.data.files import _read_bytes
from uait.data.parquet import MAX_COLUMNS, parquet_rows
from uait.data.sheets import sheet_rows
from uait.data.text_tables import Row, csv_rows, decoded, jsonl_rows, lines, separator_of
from uait.records.errors import DataError

KINDS = (".csv", ".tsv", ".jsonl", ".xlsx", ".parquet")
TEXT_NAMES = ("text", "question", "questions", "prompt", "query", "input", "problem")
REFERENCE_NAMES = ("references", "reference", "answers", "answer", "target", "output", "label")
ID_NAMES = ("id", "question_id", "qid", "uid")
GROUP_NAMES = ("group",)

_KNOWN = {*TEXT_NAMES, *REFERENCE_NAMES, *ID_NAMES}
_LONGEST_NAME = 40  # characters of a cell that may be a column's name
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Caps:
    """What a file may hold; checked while it is read, so that a small file can't cost a large memory."""

    n_bytes: float = math.inf
    n_rows: float = math.inf
    n_line: float = math.inf  # characters
    n_cell: float = math.inf


UPLOAD = Caps(10_000_000, 20_000, 64_000, 10_000)  # a stranger's file; the largest reads in a second or two


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds: its columns, and its rows with the number that an editor shows for each.

    `has_names`: whether the first row named the columns; None where the format always does. `notes`: what was guessed.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, Any]], ...]
    has_names: bool | None = None
    notes: tuple[str, ...] = ()


def read_table(path: Path | str, caps: Caps | None = None, has_names: bool | None = None) -> Table:
    """The table in a file. `has_names`: whether its first row names the columns, guessed where None is given.

    Raises DataError naming the file, and the row that is broken. At most 64 columns are read.
    """
    path, caps = Path(path), caps or Caps()
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise DataError(f"{path.name} is neither {', '.join(KINDS[:-1])} nor {KINDS[-1]}; save the questions as one.")
    try:
        n_bytes = path.stat().st_size
    except OSError as err:
        raise DataError(f"{path} can't be read ({err.strerror}); check the name and the rights.") from err
    if n_bytes > caps.n_bytes:
        raise DataError(f"{path.name} has {n_bytes:,} bytes; at most {caps.n_bytes:,} are read. Split the file.")
    if kind == ".parquet":
        return _table(path.name, parquet_rows(path), caps)
    if kind == ".xlsx":
        return _sheet(path.name, *sheet_rows(path, MAX_COLUMNS), caps, has_names)
    text, notes = decoded(_read_bytes(path), path.name)
    each = lines(text, path.name, caps.n_line)
    if kind == ".jsonl":
        return _table(path.name, jsonl_rows(each, path.name), caps, notes=notes)
    separator, parted = separator_of(text)
    return _sheet(path.name, csv_rows(each, separator, path.name), [*notes, *parted], caps, has_names)


def _sheet(name: str, rows: Iterator[Row], notes: list[str], caps: Caps, has_names: bool | None) -> Table:
    """The table whose columns are named in the first of the rows, or by letters."""
    number, first = next(rows, (0, []))
    while first and first[-1] in (None, ""):
        first = first[:-1]
    if len(first) > MAX_COLUMNS:
        raise DataError(f"{name} has more than {MAX_COLUMNS} columns; leave some out.")
    are_names = _are_names(first) if has_names is None else has_names
    columns = [str(cell or "").strip() if are_names else "" for cell in first]
    columns = [column or _letters(i) for i, column in enumerate(columns)]
    if repeated := [column for i, column in enumerate(columns) if column in columns[:i]]:
        raise DataError(f"{name} has two columns named {repeated[0]!r}; give each a name of its own.")
    if not are_names:
        notes = [*notes, "No row names the columns: they are called A, B and so on."] if first else notes
        rows = _with(number, first, rows)
    return _table(name, _by_column(rows, columns, name), caps, are_names, notes, columns)


def _with(number: int, cells: list[Any], rows: Iterator[Row]) -> Iterator[Row]:
    if cells:
        yield number, cells
    yield from rows


def _by_column(rows: Iterator[Row], columns: list[str], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, cells in rows:
        if len(cells) < len(columns):
            raise DataError(f"{name}, row {number}: a cell is missing; quote a text that holds a line break.")
        if any(cell not in (None, "") for cell in cells[len(columns) :]):
            raise DataError(f"{name}, row {number}: too many cells; quote a text that holds a comma.")
        yield number, dict(zip(columns, cells, strict=False))


def _table(
    name: str,
    rows: Iterator[tuple[int, dict[str, Any]]],
    caps: Caps,
    has_names: bool | None = None,
    notes: list[str] | None = None,
    columns: list[str] | None = None,
) -> Table:
    held = tuple(_capped(rows, name, caps))
    if not held:
        raise DataError(f"{name} holds no rows; write at least one question below the column names.")
    named = columns or dict.fromkeys(str(column) for _, row in held for column in row)
    return Table(name, tuple(named), held, has_names, tuple(notes or ()))


def _capped(
    rows: Iterator[tuple[int, dict[str, Any]]], name: str, caps: Caps
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows, one by one, for as long as the file keeps to the limits."""
    for n, (number, row) in enumerate(rows, start=1):
        where = f"{name}, row {number}"
        if n > caps.n_rows:
            raise DataError(f"{name} has more than {caps.n_rows:,} rows; split the file.")
        if len(row) > MAX_COLUMNS:
            raise DataError(f"{where} has {len(row):,} columns; at most {MAX_COLUMNS} are read. Leave some out.")
        for cell in (*row, *row.values()):
            text = as_text(cell)
            if len(text) > caps.n_cell:
                raise DataError(f"{where}: a cell has more than {caps.n_cell:,} characters; shorten it.")
            if _HALF_CHARACTER.search(text):  # no answer of the page could hold it
                raise DataError(f"{where}: half of a character (a lone surrogate); mend or delete it.")
        yield number, row


def as_text(cell: Any) -> str:
    """A cell for people to look at."""
    return cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, default=str)


def _are_names(cells: list[Any]) -> bool:
    """Whether the cells look like the names of columns rather than a question and its answer."""
    texts = [cell.strip() if isinstance(cell, str) else "" for cell in cells]
    if any(text.lower() in _KNOWN for text in texts):
        return True
    return bool(texts) and all(text and len(text) <= _LONGEST_NAME and not text.endswith("?") for text in texts)


def _letters(i: int) -> str:
    """A, B to Z, AA, AB, as spreadsheets call their columns."""
    return (_letters(i // 26 - 1) if i >= 26 else "") + chr(ord("A") + i % 26)
