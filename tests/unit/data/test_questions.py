from pathlib import Path

import pytest

from uait.data.questions import read_questions
from uait.records import Question
from uait.records.errors import DataError


def test_questions_are_read_from_jsonl_and_csv_alike(tmp_path: Path) -> None:
    lines = tmp_path / "q.jsonl"
    lines.write_text(
        '{"id": "a", "text": "Capital of Peru?", "references": ["Lima"]}\n{"id": "b", "text": "Who, then?"}'
    )
    table = tmp_path / "q.csv"
    table.write_text('\ufeffid,text,references\r\na,Capital of Peru?,Lima\r\nb,"Who, then?",\r\n', encoding="utf-8")
    wanted = [Question("a", "Capital of Peru?", ("Lima",)), Question("b", "Who, then?")]
    assert read_questions(lines) == wanted
    assert read_questions(table) == wanted


def test_csv_references_are_parted_by_a_bar(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text('id,text,references\na,"Two\nlines?",Lima| Ciudad de los Reyes |\n')
    assert read_questions(path)[0].references == ("Lima", "Ciudad de los Reyes")


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("q.txt", "a", "neither .jsonl, .csv nor .parquet"),
        ("q.csv", "", "holds no question"),
        ("q.csv", "id,text\n", "holds no question"),
        ("q.csv", "id,text\na,\n", r"q\.csv, row 2, column 'text'"),
        ("q.csv", "text\nWho?\n", r"q\.csv, row 2, column 'id'"),
        ("q.csv", "id,text,reference\na,Who?,x\n", r"row 2, column 'reference': there is no such column"),
        ("q.csv", "id,text\na,Who, then?\n", "row 2: 1 cells too many"),
        ("q.csv", "id,text\na\n", "row 2: column 'text' is missing"),
        ("q.csv", 'id,text\na,"Who?"x\n', "row 2: .*quotes of this row"),
        ("q.jsonl", '{"id": 3, "text": "Who?"}', "row 1, column 'id': 3 is no text"),
        ("q.jsonl", '{"id": "a", "text": "Who?", "references": "x"}', "row 1, column 'references': 'x' is no list"),
        ("q.jsonl", '{"id": "a", "text": "Who?"}\n{"id": "b", "te', "row 2: this line is no JSON object"),
        ("q.jsonl", "[1]\n", "row 1: this line is no JSON object"),
    ],
)
def test_a_mistake_in_a_questions_file_is_named(tmp_path: Path, name: str, content: str, named: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError, match=named):
        read_questions(path)


def test_a_repeated_id_is_read_for_whoever_asks_to_leave_out_and_name(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text("id,text\na,Who?\na,Why?\n")
    assert read_questions(path) == [Question("a", "Who?"), Question("a", "Why?")]


def test_a_questions_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_bytes("id,text\na,Où?\n".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_questions(path)
    with pytest.raises(DataError, match="can't be read"):
        read_questions(tmp_path / "none.jsonl")
