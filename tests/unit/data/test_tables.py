"""A visitor's file, whatever it was made with: what it holds, and a sentence with its row when it can't be read."""

import time
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from uait.data.tables import UPLOAD, Table, read_table
from uait.records.errors import DataError

WANTED = [{"question": "Où est né René?", "answer": "Paris; France"}, {"question": "Who, then?", "answer": "7"}]
_COMMAS = 'question,answer\n"Où est né René?",Paris; France\n"Who, then?",7\n'
_SEMICOLONS = 'question;answer\nOù est né René?;"Paris; France"\nWho, then?;7\n'
_TABS = "question\tanswer\nOù est né René?\tParis; France\nWho, then?\t7\n"


def _file(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def _book(path: Path, rows: Sequence[Sequence[object]], *more: str) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    for title in more:
        book.create_sheet(title)
    book.save(path)
    return path


def _repacked(path: Path, name: str, content: bytes) -> Path:
    """The archive with other bytes in one of its parts."""
    with ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for part, held in {**parts, name: content}.items():
            archive.writestr(part, held)
    return path


def _cells(table: Table) -> list[dict[str, str]]:
    return [{column: str(cell) for column, cell in row.items()} for _, row in table.rows]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("plain.csv", _COMMAS.encode(), ()),
        ("bom.csv", _COMMAS.encode("utf-8-sig"), ()),
        ("mac.csv", _COMMAS.replace("\n", "\r").encode(), ()),
        ("mixed.csv", _COMMAS.replace("\n", "\r\n", 1).encode(), ()),
        ("blank.csv", _COMMAS.replace("\n", "\n\n,\n").encode(), ()),
        ("european.csv", _SEMICOLONS.encode(), ("parted by semicolons",)),
        ("tabs.tsv", _TABS.encode(), ("parted by tabs",)),
        ("tabs.csv", _TABS.encode(), ("parted by tabs",)),
        ("latin.csv", _SEMICOLONS.encode("latin-1"), ("Western European", "semicolons")),
        ("excel.csv", _TABS.encode("utf-16"), ("UTF-16", "tabs")),
        ("little.csv", _COMMAS.encode("utf-16-le"), ("UTF-16",)),
        ("big.csv", _COMMAS.encode("utf-16-be"), ("UTF-16",)),
        ("wide.csv", _COMMAS.replace("7\n", "7,,,\n").encode(), ()),
    ],
)
def test_a_text_file_is_read_whatever_saved_it_and_guesses_are_said(
    tmp_path: Path, name: str, content: bytes, said: tuple[str, ...]
) -> None:
    table = read_table(_file(tmp_path, name, content), UPLOAD)
    assert _cells(table) == WANTED
    assert table.has_names
    assert len(table.notes) == len(said)
    assert all(words in note for words, note in zip(said, table.notes, strict=True))


def test_a_workbook_and_a_parquet_file_are_read_like_a_text(tmp_path: Path) -> None:
    rows = [[row["question"], row["answer"]] for row in WANTED]
    book = _book(tmp_path / "quiz.xlsx", [["question", "answer"], rows[0], [], [rows[1][0], 7.0]], "Notes", "Old")
    table = read_table(book, UPLOAD)
    assert _cells(table) == WANTED
    assert [number for number, _ in table.rows] == [2, 4]  # as the spreadsheet numbers them
    assert table.notes == ("Only its first sheet, Sheet, is read; 2 others are not.",)
    pq.write_table(pa.Table.from_pylist(WANTED), tmp_path / "quiz.parquet")
    table = read_table(tmp_path / "quiz.parquet", UPLOAD)
    assert _cells(table) == WANTED
    assert table.has_names is None


def test_a_workbooks_formula_is_the_value_that_was_saved(tmp_path: Path) -> None:
    path = _book(tmp_path / "quiz.xlsx", [["question", "answer"], ["Sum?", 2], ["Made?", "=1+1"]])
    assert [row["answer"] for _, row in read_table(path, UPLOAD).rows] == [2, None]


@pytest.mark.parametrize("name", ["quiz.csv", "quiz.xlsx"])
def test_columns_without_names_are_called_by_letters(tmp_path: Path, name: str) -> None:
    rows = [["Where is Lima?", "Peru"], ["Where is Wien?", "Austria"]]
    path = tmp_path / name
    if name.endswith("csv"):
        path.write_text("".join(f"{text},{answer}\n" for text, answer in rows))
    else:
        _book(path, rows)
    table = read_table(path, UPLOAD)
    assert table.columns == ("A", "B")
    assert [row["A"] for _, row in table.rows] == ["Where is Lima?", "Where is Wien?"]
    assert table.notes == ("No row names the columns: they are called A, B and so on.",)
    told = read_table(path, UPLOAD, has_names=True)
    assert told.columns == ("Where is Lima?", "Peru")
    assert len(told.rows) == 1


def test_questions_alone_are_one_column_though_they_hold_commas(tmp_path: Path) -> None:
    table = read_table(_file(tmp_path, "quiz.csv", b"Question\nWho, then?\nWhere; and when?\n"), UPLOAD)
    assert [row["Question"] for _, row in table.rows] == ["Who, then?", "Where; and when?"]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("quiz.txt", "a", r"quiz.txt is neither .csv, .tsv, .jsonl, .xlsx nor .parquet"),
        ("quiz.csv", "", r"quiz.csv holds no rows"),
        ("quiz.csv", "id,question\n1\n", r"quiz.csv, row 2: a cell is missing"),
        ("quiz.csv", "id,question\n1,a,b\n", r"quiz.csv, row 2: too many cells"),
        ("quiz.csv", "text,text\nA?,B?\n", r"quiz.csv has two columns named 'text'"),
        ("quiz.csv", 'id,text\na,"Who?"x\n', r"row 2: .*quotes of this row"),
        ("quiz.csv", "text\nWho\0is?\n", r"quiz.csv holds signs that no text has"),
        ("quiz.jsonl", '{"question": "\\ud83d"}\n', r"^quiz.jsonl, row 1: half of a character"),
        ("quiz.jsonl", '{"id": 1}\nnonsense\n', r"^quiz.jsonl, row 2: this line is no JSON object"),
        ("quiz.xlsx", "no archive", r"quiz.xlsx is no .xlsx workbook"),
        ("quiz.parquet", "no Parquet", r"quiz.parquet can't be read as Parquet"),
    ],
)
def test_a_broken_file_is_refused_in_a_sentence(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read_table(_file(tmp_path, name, text.encode()))


def test_half_a_utf_16_character_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"quiz.csv is no whole text \(byte 16\)"):
        read_table(_file(tmp_path, "quiz.csv", "text\nA?".encode("utf-16") + b"\n"))
    for name in ("none.csv", "none.xlsx", "none.parquet"):
        with pytest.raises(DataError, match=f"{name} can't be read .No such file or directory."):
            read_table(tmp_path / name)


def _columns(n: int) -> str:
    return ",".join(f"c{i}" for i in range(n)) + "\n" + ",".join("x" * n) + "\n"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("wide.csv", _columns(70), "more than 64 columns"),
        ("wide.csv", _columns(500_000), "line 1: more than 64,000 characters"),
        ("keys.jsonl", "{" + ", ".join(f'"k{i}": 1' for i in range(1_000)) + "}", "1,000 columns; at most 64"),
        ("keys.jsonl", "{" + ", ".join(f'"k{i}": 1' for i in range(500_000)) + "}", "more than 64,000 characters"),
        ("list.jsonl", '{"text": ["' + "a" * 10_001 + '"]}', "a cell has more than 10,000 characters"),
        ("short.csv", "text\n" + "a\n" * 20_001, "more than 20,000 rows"),
        ("large.csv", "text\n" + "a\n" * 5_100_000, "bytes; at most 10,000,000"),
        ("large.xlsx", "text\n" + "a\n" * 5_100_000, "bytes; at most 10,000,000"),
        ("cell.csv", "text\n" + "a" * 10_001 + "\n", "a cell has more than 10,000 characters"),
    ],
)
def test_a_file_that_would_stop_the_page_is_refused_at_once(
    tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    path = _file(tmp_path, name, content.encode())
    start = time.process_time()
    with pytest.raises(DataError, match=sentence):
        read_table(path, UPLOAD)
    assert time.process_time() - start < 1.0


_SHEET = "xl/worksheets/sheet1.xml"
_XML = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
_WORD = "<row{}><c t='inlineStr'><is><t>{}</t></is></c></row>"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b" " * 100_000_000, "unpacks to 100,.* bytes; at most 5,000,000"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>', "declares a document type"),
        ('<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'.encode("utf-16"), "declares a document type"),
        (_XML.format("<row r='999999999999'><c><v>1</v></c></row>").encode(), "more than 200,000 rows"),
        (_XML.format("<row><c><v>1</v></c></row>" * 20_002).encode(), "more than 20,000 rows"),
        (_XML.format(f"<row>{'<c><v>1</v></c>' * 70}</row>").encode(), "more than 64 columns"),
        (
            _XML.format(_WORD.format("", "text") + _WORD.format("", "a" * 10_001)).encode(),
            "a cell has more than 10,000",
        ),
        (b"<worksheet", "can't be read as a workbook"),
    ],
)
def test_a_workbook_that_would_stop_the_page_is_refused_at_once(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = _repacked(_book(tmp_path / "bomb.xlsx", [["text"], ["Who?"]]), _SHEET, content)
    assert path.stat().st_size < 200_000
    start = time.process_time()
    with pytest.raises(DataError, match=sentence):
        read_table(path, UPLOAD)
    assert time.process_time() - start < 2.0
