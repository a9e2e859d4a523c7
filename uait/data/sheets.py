"""The first sheet of an .xlsx workbook -> rows. The values that were saved, never a formula; a bomb stays packed."""

import datetime
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from uait.records.errors import DataError

MAX_UNPACKED = 5_000_000  # bytes: 20,000 rows of three cells have 4 MB, and take some seconds
_LAST_ROW = 200_000  # a row may say that it is a later one, and all rows before it would be made


def sheet_rows(path: Path, max_columns: int) -> tuple[Iterator[tuple[int, list[Any]]], list[str]]:
    """Row number (from 1) and cells of every row that is not blank, one cell more than `max_columns` at most.

    And a sentence where the workbook has other sheets. Raises DataError when it is no workbook, or a bomb.
    """
    import openpyxl  # for a format that few files have

    _check_parts(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and drawings, which nobody reads here
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheet = book.worksheets[0]
    except Exception as err:  # whatever hostile XML brings about in there
        raise _unreadable(path, err) from err
    others = len(book.sheetnames) - 1
    note = f"Only its first sheet, {sheet.title}, is read; {others} other{'s are' if others > 1 else ' is'} not."
    return _rows(path, sheet, max_columns), [note] if others else []


def _rows(path: Path, sheet: Any, max_columns: int) -> Iterator[tuple[int, list[Any]]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sheet.reset_dimensions()  # a size that the file claims: it may be any
            for number, cells in enumerate(sheet.iter_rows(max_col=max_columns + 1, values_only=True), start=1):
                if number > _LAST_ROW:
                    raise DataError(f"{path.name} has more than {_LAST_ROW:,} rows; save it as .csv.")
                if cells.count(None) + cells.count("") < len(cells):
                    yield number, [_plain(cell) for cell in cells]
    except DataError:
        raise
    except Exception as err:
        raise _unreadable(path, err) from err
    finally:
        sheet.parent.close()


def _plain(cell: Any) -> Any:
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, (datetime.date, datetime.time)):
        return cell.isoformat().removesuffix("T00:00:00")
    return cell if cell is None or isinstance(cell, (str, int, float)) else str(cell)


def _check_parts(path: Path) -> None:
    """Raises DataError when the file is no archive, unpacks to too much, or declares entities that grow."""
    try:
        with ZipFile(path) as archive:
            size = sum(part.file_size for part in archive.infolist())  # no part gives more than it declares
            if size > MAX_UNPACKED:
                raise DataError(
                    f"{path.name} unpacks to {size:,} bytes; at most {MAX_UNPACKED:,} are read. Save the sheet as .csv."
                )
            parts = (archive.read(part) for part in archive.infolist() if part.filename.endswith((".xml", ".rels")))
            if any(b"<!DOCTYPE" in part.replace(b"\0", b"") for part in parts):
                raise DataError(f"{path.name} declares a document type, which no workbook needs; save it anew.")
    except DataError:
        raise
    except BadZipFile as err:
        raise DataError(f"{path.name} is no .xlsx workbook, or has a password; save it as .xlsx or .csv.") from err
    except Exception as err:  # a broken archive raises many kinds
        raise _unreadable(path, err) from err


def _unreadable(path: Path, err: Exception) -> DataError:
    return DataError(f"{path.name} can't be read as a workbook ({type(err).__name__}); save it anew, or as .csv.")
