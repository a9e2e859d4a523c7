"""Questions as this program itself writes them (.jsonl) -> Question, or one sentence on what is wrong with them.

Files that people bring are read by `uait.data.tables` and `columns`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uait.data.files import read_rows
from uait.records import Question
from uait.records.errors import DataError

_COLUMNS = ("id", "text", "references", "group")


def read_questions(path: Path | str) -> list[Question]:
    """The questions of a .jsonl file, one {"id", "text", "references", "group"} per line; the last two may be left out.

    An id may come twice: whoever asks the questions leaves its second one out and says so. Raises DataError naming
    file, row and column.
    """
    questions = [_question(data, f"{path}, row {row}") for row, data in read_rows(path)]
    if not questions:
        raise DataError(f"{path} holds no question; write at least one row.")
    return questions


def _question(data: Mapping[str, Any], where: str) -> Question:
    unknown = sorted(set(data) - set(_COLUMNS))
    if unknown:
        raise DataError(f"{where}, column {unknown[0]!r}: there is no such column; use {', '.join(_COLUMNS)}.")
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
