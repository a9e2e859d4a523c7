"""Text files as spreadsheets and editors save them -> rows: any usual encoding, any usual sign between cells.

Every error names the file and its row, every guess comes with a sentence that says it.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from uait.data.files import json_object
from uait.records.errors import DataError

Row = tuple[int, list[Any]]  # the line that an editor shows, and its cells

_SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": ""}  # a comma stands in sentences too, so it comes last
_NONE = "\x1f"  # parts nothing: the file has one column
_LOOKED_AT = 20  # rows
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def decoded(content: bytes, name: str) -> tuple[str, list[str]]:
    """The text of a file, and what was guessed: UTF-8 or UTF-16 where they fit, else Western European.

    Raises DataError when it is no text.
    """
    try:
        encoding, note = _encoding(content)
        text = content.decode(encoding)
    except UnicodeDecodeError as err:
        raise DataError(f"{name} is no whole text (byte {err.start}); save it as UTF-8.") from err
    if _NO_TEXT.search(text, 0, 1_000_000):
        raise DataError(f"{name} holds signs that no text has; save it as UTF-8 text.")
    return text.removeprefix("\ufeff"), note


def _encoding(content: bytes) -> tuple[str, list[str]]:
    head = content[:4096]
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", ["Read as UTF-16."]
    for start, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if head[start::2].count(0) > len(head) / 8:  # every second byte of a Western letter is zero
            return name, ["Read as UTF-16."]
    try:
        content.decode("utf-8")
        return "utf-8", []
    except UnicodeDecodeError:
        note = "Read as Western European text (Latin-1): look whether its letters are right."
    try:
        content.decode("cp1252")  # Latin-1 with the dashes and quotes of Windows
        return "cp1252", [note]
    except UnicodeDecodeError:
        return "latin-1", [note]


def lines(text: str, name: str, longest: float) -> Iterator[str]:
    """The lines with their ends, of whatever kind. Raises DataError on one that is longer than `longest`."""
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if len(line) > longest:
            raise DataError(f"{name}, line {number}: more than {longest:,} characters; shorten it.")
        yield line


def jsonl_rows(lines: Iterator[str], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of every line that is not blank. Raises DataError on one that is no object."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            row = json_object(line.encode("utf-8", "surrogatepass"))
            if row is None:
                raise DataError(f"{name}, row {number}: this line is no JSON object; mend or delete it.")
            yield number, row


def csv_rows(lines: Iterator[str], separator: str, name: str) -> Iterator[Row]:
    """Line number and cells of every row that is not blank. Raises DataError on quotes that do not fit."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as err:
        raise DataError(f"{name}, row {reader.line_num}: {err}; mend the quotes of this row.") from err


def separator_of(text: str) -> tuple[str, list[str]]:
    """The sign that parts the cells, and what to say of it: the first that gives most rows as many as the first row."""
    for separator, said in _SEPARATORS.items():
        reader = csv.reader(io.StringIO(text[:100_000], newline=""), delimiter=separator)
        widths = [len(cells) for cells in islice(reader, _LOOKED_AT) if cells]
        if widths and widths[0] > 1 and widths.count(widths[0]) >= len(widths) / 2:
            return separator, [f"Its cells are parted by {said}."] if said else []
    return _NONE, []
