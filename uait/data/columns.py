"""A table -> questions, by the columns that hold them: named by a visitor, or guessed from what the columns are called.

Knows nothing about pages or models. Every error names the file's row and column; what is left out is counted and named.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uait.data.tables import GROUP_NAMES, ID_NAMES, REFERENCE_NAMES, TEXT_NAMES, Table, as_text, read_table
from uait.records import Question, Reason
from uait.records.errors import DataError

NO_QUESTION = "no question stands there"
_N_SHOWN, _LONGEST_SHOWN = 5, 80


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold what. Without an id the rows are numbered; without references nothing can be judged."""

    text: str | None
    references: str | None = None
    id: str | None = None
    group: str | None = None
    separator: str = "|"


@dataclass(frozen=True, slots=True)
class Taken:
    """The questions of a table, in order, and the rows that hold none, by the reason why."""

    questions: tuple[Question, ...]
    left_out: Mapping[str, list[str]]

    @property
    def n_unanswered(self) -> int:
        """How many questions have no accepted answer."""
        return sum(not question.references for question in self.questions)

    @property
    def repeated(self) -> dict[str, list[str]]:
        """The ids that come again, by that reason: who asks the questions asks only the first."""
        again = [id for id, n in Counter(question.id for question in self.questions).items() if n > 1]
        return {str(Reason.REPEATED): again} if again else {}


def guessed(table: Table) -> Columns:
    """The columns whose names say what they hold, and the sign that parts the answers."""
    by_name = {column.strip().lower(): column for column in reversed(table.columns)}
    names = (TEXT_NAMES, REFERENCE_NAMES, ID_NAMES, GROUP_NAMES)
    found = [next((by_name[name] for name in each if name in by_name), None) for each in names]
    text, references, id, group = found
    return Columns(text, references, id, group, guessed_separator(table, references))


def guessed_separator(table: Table, references: str | None) -> str:
    """The sign that parts several answers in the cells of this column: a bar, or line breaks where no bar is."""
    cells = [row.get(references) for _, row in table.rows] if references else []
    texts = [cell for cell in cells if isinstance(cell, str)]
    is_stacked = any("\n" in text.strip() for text in texts) and not any("|" in text for text in texts)
    return "\n" if is_stacked else "|"


def questions_of(table: Table, columns: Columns) -> Taken:
    """The table's questions; a row without one is left out. An id may come twice, as in `read_questions`.

    Several accepted answers of one row are parted by the separator, or a list, in JSON too. Raises DataError naming row
    and column, and when no question is left.
    """
    if columns.text is None:
        names = ", ".join(table.columns)
        raise DataError(f"{table.name}: choose the column that holds the questions ({names}).")
    questions: list[Question] = []
    left_out: dict[str, list[str]] = {}
    for number, row in table.rows:
        text = _cell(row, columns.text, table.name, number)
        if text:
            id = _cell(row, columns.id, table.name, number) or f"row-{number}"
            group = _cell(row, columns.group, table.name, number)
            questions.append(Question(id, text, _references(row, columns, table.name, number), group))
        else:
            left_out.setdefault(NO_QUESTION, []).append(f"row {number}")
    if not questions:
        raise DataError(f"{table.name}: no row has a question in the column {columns.text!r}; choose another column.")
    return Taken(tuple(questions), left_out)


def read_questions_file(path: Path | str) -> tuple[Taken, list[str]]:
    """The questions of a file whose columns are named as they should be, and sentences on how it was read.

    Raises DataError as `read_table` and `questions_of` do.
    """
    table = read_table(path)
    columns = guessed(table)
    if columns.text is None:
        found = ", ".join(table.columns)
        raise DataError(f"{table.name} has no column named text or question, only {found}; name it in the first row.")
    used = {columns.text, columns.references, columns.id, columns.group}
    unread = ", ".join(column for column in table.columns if column not in used)
    return questions_of(table, columns), [*table.notes, *([f"Columns that are not read: {unread}."] if unread else [])]


def preview(table: Table, taken: Taken | None) -> tuple[list[str], list[list[str]]]:
    """Column names and the first rows, as they will be read; as they stand in the file while nothing is taken."""
    if taken is None:
        rows = [[row.get(column, "") for column in table.columns] for _, row in table.rows[:_N_SHOWN]]
        return list(table.columns), [[_shown(cell) for cell in row] for row in rows]
    first = [(q.id, q.text, " · ".join(q.references)) for q in taken.questions[:_N_SHOWN]]
    return ["Id", "Question", "Accepted answers"], [[_shown(cell) for cell in row] for row in first]


def _shown(cell: Any) -> str:
    text = "" if cell is None else as_text(cell)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _cell(row: Mapping[str, Any], column: str | None, name: str, number: int) -> str:
    """The text of a cell; empty where there is none."""
    return _word(row.get(column), f"{name}, row {number}, column {column!r}") if column is not None else ""


def _word(value: Any, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise DataError(f"{where}: {repr(value)[:60]} stands here; write a text.")
    return str(value).strip()


def _references(row: Mapping[str, Any], columns: Columns, name: str, number: int) -> tuple[str, ...]:
    if columns.references is None:
        return ()
    value, where = row.get(columns.references), f"{name}, row {number}, column {columns.references!r}"
    parts = value if isinstance(value, list) else _parts(_word(value, where), columns.separator)
    return tuple(dict.fromkeys(word for part in parts if (word := _word(part, where))))


def _parts(text: str, separator: str) -> list[Any]:
    if text.startswith("[") and text.endswith("]"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):  # brackets that are part of an answer
            found = None
        if isinstance(found, list):
            return found
    return text.split(separator) if separator else [text]
