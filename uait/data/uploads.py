"""A visitor's file of questions -> a table to preview -> questions, with the columns that the visitor named.

Knows nothing about pages or models. Every error names the file's row and column.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uait.data.files import json_object
from uait.data.parquet import MAX_COLUMNS, parquet_rows
from uait.records import Question
from uait.records.errors import DataError

# Checked while a file is read: a small file can't cost a large memory, and the largest allowed one reads in a second.
MAX_BYTES, MAX_ROWS, MAX_LINE, MAX_CELL = 10_000_000, 20_000, 64_000, 10_000

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_TEXT_NAMES = ("text", "question", "prompt", "query", "input")
_REFERENCE_NAMES = ("references", "reference", "answers", "answer", "target", "output", "label")
_ID_NAMES = ("id", "question_id", "qid", "uid")


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds: its columns, and its rows with the number that an editor shows for each."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, Any]], ...]

    def guess(self, names: tuple[str, ...]) -> str | None:
        """The column that has one of these names, or None."""
        by_name = {column.strip().lower(): column for column in self.columns}
        return next((by_name[name] for name in names if name in by_name), None)

    @property
    def guesses(self) -> tuple[str | None, str | None, str | None]:
        """The columns that look like the question, the accepted answers and the id."""
        return self.guess(_TEXT_NAMES), self.guess(_REFERENCE_NAMES), self.guess(_ID_NAMES)


def read_table(path: Path | str) -> Table:
    """The table in a .csv, .jsonl or .parquet file. Raises DataError naming the file, and the row that is broken.

    At most 10 MB, 20,000 rows, 64 columns, 64,000 characters a line and 10,000 a cell; a larger one is refused unread.
    """
    path = Path(path)
    readers = {".jsonl": _jsonl_rows, ".csv": _csv_rows, ".parquet": parquet_rows}
    if path.suffix.lower() not in readers:
        raise DataError(f"{path.name} is neither .csv, .jsonl nor .parquet; save the questions as one of the three.")
    if path.stat().st_size > MAX_BYTES:
        raise DataError(
            f"{path.name} has {path.stat().st_size:,} bytes; at most {MAX_BYTES:,} are read. Split the file."
        )
    rows = tuple(_capped(readers[path.suffix.lower()](path), path.name))
    if not rows:
        raise DataError(f"{path.name} holds no rows; write at least one question below the column names.")
    return Table(path.name, tuple(dict.fromkeys(str(column) for _, row in rows for column in row)), rows)


def questions_of(table: Table, text: str | None, references: str | None, id: str | None) -> list[Question]:
    """The table's questions; rows are numbered where no column holds ids, and answers may be missing altogether.

    Several accepted answers of one row are parted by `|`, or a list. An id may come twice, as in `read_questions`.
    Raises DataError naming row and column.
    """
    if text is None:
        raise DataError(f"{table.name}: choose the column that holds the questions ({', '.join(table.columns)}).")
    questions: list[Question] = []
    for number, row in table.rows:
        where = f"{table.name}, row {number}, column"
        name = f"row-{number}" if id is None else _word(row.get(id), f"{where} {id!r}")
        question = _word(row.get(text), f"{where} {text!r}")
        accepted = () if references is None else _references(row.get(references), f"{where} {references!r}")
        questions.append(Question(name, question, accepted))
    return questions


def _word(value: Any, where: str) -> str:
    text = str(value).strip() if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
    if not text:
        raise DataError(f"{where}: {'nothing' if value in (None, '') else repr(value)[:60]} stands here; write a text.")
    return text


def _references(value: Any, where: str) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    parts = value if isinstance(value, list) else str(_word(value, where)).split("|")
    return tuple(dict.fromkeys(_word(part, where) for part in parts if part != ""))


def _capped(rows: Iterator[tuple[int, dict[str, Any]]], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows, one by one, for as long as the file keeps to the limits."""
    for n, (number, row) in enumerate(rows, start=1):
        if n > MAX_ROWS:
            raise DataError(f"{name} has more than {MAX_ROWS:,} rows; split the file.")
        _check_columns(row, f"{name}, row {number}")
        if any(isinstance(cell, str) and len(cell) > MAX_CELL for cell in row.values()):
            raise DataError(f"{name}, row {number}: a cell has more than {MAX_CELL:,} characters; shorten it.")
        yield number, row


def _check_columns(columns: Sized, where: str) -> None:
    if len(columns) > MAX_COLUMNS:
        raise DataError(f"{where} has {len(columns):,} columns; at most {MAX_COLUMNS} are read. Leave some out.")


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text file, none longer than the limit, read one at a time."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), ""), start=1):
                if len(line) > MAX_LINE:
                    raise DataError(f"{path.name}, line {number}: more than {MAX_LINE:,} characters; shorten it.")
                yield line
    except UnicodeDecodeError as err:
        raise DataError(f"{path.name} is not UTF-8 text (byte {err.start}); save it as UTF-8.") from err


def _jsonl_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            row = json_object(line.encode("utf-8", "surrogatepass"))
            if row is None:
                raise DataError(f"{path.name}, row {number}: this line is no JSON object; mend or delete it.")
            if _HALF_CHARACTER.search(json.dumps(row, ensure_ascii=False)):  # no answer of the page could hold it
                raise DataError(
                    f"{path.name}, row {number}: half of a character (a lone surrogate); mend or delete it."
                )
            yield number, row


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(_lines(path), strict=True)
    try:
        _check_columns(reader.fieldnames or (), path.name)
        for cells in reader:
            if None in cells or None in cells.values():
                what = "too many cells" if None in cells else "a cell is missing"
                raise DataError(f"{path.name}, row {reader.line_num}: {what}; quote a text that holds a comma.")
            yield reader.line_num, cells
    except csv.Error as err:
        raise DataError(f"{path.name}, row {reader.line_num}: {err}; mend the quotes of this row.") from err


def preview(table: Table, n_rows: int = 5) -> list[list[str]]:
    """The first rows as texts, for people to look at."""
    return [[_shown(row.get(column)) for column in table.columns] for _, row in table.rows[:n_rows]]


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"
