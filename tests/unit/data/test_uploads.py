"""A visitor's file: what it holds, which columns are what, and a sentence with row and column when it is broken."""

import time
from pathlib import Path

import pytest

from uait.data.files import write_jsonl
from uait.data.questions import read_questions
from uait.data.uploads import Table, preview, questions_of, read_table
from uait.records import Question
from uait.records.errors import DataError


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_is_read_with_the_columns_that_were_named(tmp_path: Path) -> None:
    text = 'Question,Answer,n\n"Capital, of Peru?",Lima|Ciudad de los Reyes,7\n'
    table = read_table(_file(tmp_path, "quiz.csv", text))
    assert table.columns == ("Question", "Answer", "n")
    assert table.guesses == ("Question", "Answer", None)
    assert questions_of(table, "Question", "Answer", "n") == [
        Question("7", "Capital, of Peru?", ("Lima", "Ciudad de los Reyes"))
    ]
    assert preview(table) == [["Capital, of Peru?", "Lima|Ciudad de los Reyes", "7"]]


def test_a_jsonl_may_hold_lists_and_rows_are_numbered_where_no_id_is(tmp_path: Path) -> None:
    text = '{"prompt": "A?", "answers": ["x", "y"]}\n\n{"prompt": "B?"}\n'
    table = read_table(_file(tmp_path, "quiz.jsonl", text))
    assert questions_of(table, "prompt", "answers", None) == [
        Question("row-1", "A?", ("x", "y")),
        Question("row-3", "B?", ()),
    ]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("quiz.txt", "a", r"quiz.txt is neither .csv, .jsonl nor .parquet"),
        ("quiz.csv", "", r"quiz.csv holds no rows"),
        ("quiz.csv", "id,question\n1\n", r"quiz.csv, row 2: a cell is missing"),
        ("quiz.csv", "id,question\n1,a,b\n", r"quiz.csv, row 2: too many cells"),
        ("quiz.jsonl", '{"question": "\\ud83d"}\n', r"^quiz.jsonl, row 1: half of a character"),
        ("quiz.jsonl", '{"id": 1}\nnonsense\n', r"^quiz.jsonl, row 2: this line is no JSON object"),
    ],
)
def test_a_broken_file_is_refused_in_a_sentence(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read_table(_file(tmp_path, name, text))


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "quiz.csv").write_bytes("question\nWho was Ren\xe9?\n".encode("latin-1"))
    with pytest.raises(DataError, match="is not UTF-8 text"):
        read_table(tmp_path / "quiz.csv")


def test_missing_columns_and_empty_cells_name_row_and_column() -> None:
    table = Table("q.csv", ("id", "text", "a"), ((2, {"id": "1", "text": "A?"}), (3, {"id": "1", "text": ""})))
    with pytest.raises(DataError, match=r"choose the column that holds the questions \(id, text, a\)"):
        questions_of(table, None, None, None)
    with pytest.raises(DataError, match=r"q.csv, row 3, column 'text': nothing stands here"):
        questions_of(table, "text", None, None)
    with pytest.raises(DataError, match=r"q.csv, row 2, column 'nope': nothing stands here"):
        questions_of(table, "nope", None, None)


def test_saved_questions_are_read_back(tmp_path: Path) -> None:
    questions = [Question("1", "Où?", ("là",)), Question("2", "Why?")]
    write_jsonl(tmp_path / "questions.jsonl", questions)
    assert read_questions(tmp_path / "questions.jsonl") == questions


def _columns(n: int) -> str:
    return ",".join(f"c{i}" for i in range(n)) + "\n" + ",".join("x" * n) + "\n"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("wide.csv", _columns(70), "70 columns; at most 64"),
        ("wide.csv", _columns(500_000), "line 1: more than 64,000 characters"),
        ("keys.jsonl", "{" + ", ".join(f'"k{i}": 1' for i in range(1_000)) + "}", "1,000 columns; at most 64"),
        ("keys.jsonl", "{" + ", ".join(f'"k{i}": 1' for i in range(500_000)) + "}", "more than 64,000 characters"),
        ("short.csv", "text\n" + "a\n" * 20_001, "more than 20,000 rows"),
        ("large.csv", "text\n" + "a\n" * 5_100_000, "bytes; at most 10,000,000"),
        ("cell.csv", "text\n" + "a" * 10_001 + "\n", "a cell has more than 10,000 characters"),
    ],
)
def test_a_file_that_would_stop_the_page_is_refused_at_once(
    tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    start = time.perf_counter()
    with pytest.raises(DataError, match=sentence):
        read_table(path)
    assert time.perf_counter() - start < 1.0
