"""Question files (.jsonl, .csv, .parquet) -> Question, or one sentence on what is wrong with them."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from uait.data.files import _read_bytes, read_rows
from uait.data.parquet import parquet_rows
from uait.records import Question
from uait.records.errors import DataError

_QUESTION_COLUMNS = ("id", "text", "references", "group")


def read_questions(path: Path | str) -> list[Question]:
    """The questions of a .jsonl file (one {"id", "text", "references"} per line), or a .csv or .parquet file of them.

    `references` may be left out; in CSV several are parted by `|`. An id may come twice: whoever asks the questions
    leaves its second one out and says so. Raises DataError naming file, row and column.
    """
    path = Path(path)
    readers = {".jsonl": read_rows, ".csv": _csv_rows, ".parquet": parquet_rows}
    if path.suffix.lower() not in readers:
        raise DataError(f"{path} is neither .jsonl, .csv nor .parquet; give questions as one of the three.")
    questions = [_question(data, f"{path}, row {row}") for row, data in readers[path.suffix.lower()](path)]
    if not questions:
        raise DataError(f"{path} holds no question; write at least one row.")
    return questions


def _question(data: Mapping[str, Any], where: str) -> Question:
    unknown = sorted(set(data) - set(_QUESTION_COLUMNS))
    if unknown:
        raise DataError(f"{where}, column {unknown[0]!r}: there is no such column; use {', '.join(_QUESTION_COLUMNS)}.")
    values: dict[str, Any] = {"references": (), **data}
    for column in ("id", "text"):
        value = values.get(column)
        if not isinstance(value, str) or not value.strip():
            raise DataError(f"{where}, column {column!r}: {value!r} is no text; write one.")
    group = values.get("group") or ""
    if not isinstance(group, str):
        raise DataError(f"{where}, column 'group': {group!r} is no text; write one, or leave it out.")
    references = values["references"]
    if not isinstance(references, (list, tuple)) or not all(isinstance(r, str) and r.strip() for r in references):
        raise DataError(f"{where}, column 'references': {references!r} is no list of texts, such as [\"Paris\"].")
    return Question(values["id"].strip(), values["text"].strip(), tuple(r.strip() for r in references), group)


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
