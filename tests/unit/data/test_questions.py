from pathlib import Path

import pytest

from uait.data.files import write_jsonl
from uait.data.questions import read_questions
from uait.records import Question
from uait.records.errors import DataError


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    questions = [Question("1", "Où?", ("là",), "place"), Question("2", "Why?")]
    write_jsonl(tmp_path / "q.jsonl", questions)
    assert read_questions(tmp_path / "q.jsonl") == questions


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
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
    path = tmp_path / "q.jsonl"
    path.write_text('{"id": "a", "text": "Who?"}\n{"id": "a", "text": "Why?"}\n')
    assert read_questions(path) == [Question("a", "Who?"), Question("a", "Why?")]


def test_an_empty_and_a_missing_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text("")
    with pytest.raises(DataError, match="holds no question"):
        read_questions(tmp_path / "q.jsonl")
    with pytest.raises(DataError, match="can't be read"):
        read_questions(tmp_path / "none.jsonl")
