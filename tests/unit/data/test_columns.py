"""A table's questions: which column is what, several answers in a cell, and what is left out, counted and named."""

from pathlib import Path

import pytest

from uait.data.columns import Columns, guessed, preview, questions_of, read_questions_file
from uait.data.tables import Table, read_table
from uait.records import Question
from uait.records.errors import DataError


def _read(folder: Path, name: str, text: str) -> Table:
    (folder / name).write_text(text, encoding="utf-8")
    return read_table(folder / name)


def test_a_csv_is_read_with_the_columns_that_were_named(tmp_path: Path) -> None:
    table = _read(tmp_path, "quiz.csv", 'Question,Answer,n\n"Capital, of Peru?",Lima|Ciudad de los Reyes,7\n')
    assert guessed(table) == Columns("Question", "Answer")
    taken = questions_of(table, Columns("Question", "Answer", "n"))
    assert taken.questions == (Question("7", "Capital, of Peru?", ("Lima", "Ciudad de los Reyes")),)
    shown = ["7", "Capital, of Peru?", "Lima · Ciudad de los Reyes"]
    assert preview(table, taken) == (["Id", "Question", "Accepted answers"], [shown])
    as_it_stands = (["Question", "Answer", "n"], [["Capital, of Peru?", "Lima|Ciudad de los Reyes", "7"]])
    assert preview(table, None) == as_it_stands


def test_a_jsonl_may_hold_lists_and_rows_are_numbered_where_no_id_is(tmp_path: Path) -> None:
    table = _read(tmp_path, "quiz.jsonl", '{"prompt": "A?", "answers": ["x", "y", 7]}\n\n{"prompt": "B?"}\n')
    taken = questions_of(table, guessed(table))
    assert taken.questions == (Question("row-1", "A?", ("x", "y", "7")), Question("row-3", "B?", ()))
    assert taken.n_unanswered == 1


@pytest.mark.parametrize(
    ("cell", "separator", "wanted"),
    [
        ("a | b|", "|", ("a", "b")),
        ("a; b", ";", ("a", "b")),
        ("a; b", "|", ("a; b",)),
        ("a\nb", "\n", ("a", "b")),
        ("a/b, c", "", ("a/b, c",)),
        ('["a", "b|c", 3]', "|", ("a", "b|c", "3")),
        ("[sic] a", "|", ("[sic] a",)),
        ("[sic]", "|", ("[sic]",)),
        ("a | A | a", "|", ("a", "A")),
    ],
)
def test_several_answers_of_a_cell_are_parted(cell: str, separator: str, wanted: tuple[str, ...]) -> None:
    table = Table("q.csv", ("text", "a"), ((2, {"text": "A?", "a": cell}),))
    assert questions_of(table, Columns("text", "a", separator=separator)).questions[0].references == wanted


def test_answers_that_stand_below_each_other_are_noticed(tmp_path: Path) -> None:
    assert guessed(_read(tmp_path, "q.csv", 'text,answers\nA?,"x\ny"\n')).separator == "\n"
    assert guessed(_read(tmp_path, "q.csv", 'text,answers\nA?,"x|\ny"\n')).separator == "|"


def test_rows_without_a_question_are_left_out_and_named_and_repeated_ids_counted(tmp_path: Path) -> None:
    table = _read(tmp_path, "q.csv", "id,text,answer\n1,A?,x\n2,,y\n1,B?,\n,C?,z\n")
    taken = questions_of(table, guessed(table))
    assert [(q.id, q.text) for q in taken.questions] == [("1", "A?"), ("1", "B?"), ("row-5", "C?")]
    assert taken.left_out == {"no question stands there": ["row 3"]}
    assert taken.repeated == {"its id came before": ["1"]}
    assert taken.n_unanswered == 1


def test_what_cannot_be_taken_names_row_and_column() -> None:
    table = Table("q.csv", ("id", "text", "a"), ((2, {"id": "1", "text": "A?"}), (3, {"id": "1", "text": ["x"]})))
    with pytest.raises(DataError, match=r"choose the column that holds the questions \(id, text, a\)"):
        questions_of(table, Columns(None))
    with pytest.raises(DataError, match=r"q.csv, row 3, column 'text': \['x'\] stands here; write a text"):
        questions_of(table, Columns("text"))
    with pytest.raises(DataError, match=r"no row has a question in the column 'nope'"):
        questions_of(table, Columns("nope"))


def test_the_command_line_reads_the_same_and_says_what_it_made_of_it(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_bytes("Frage;question;answers\n1;Où?;là|ici\n2;;x\n".encode("latin-1"))
    taken, notes = read_questions_file(path)
    assert taken.questions == (Question("row-2", "Où?", ("là", "ici")),)
    assert taken.left_out == {"no question stands there": ["row 3"]}
    assert [note.split(":")[0] for note in notes] == [
        "Read as Western European text (Latin-1)",
        "Its cells are parted by semicolons.",
        "Columns that are not read",
    ]
    path.write_text("Where is Lima?,Peru\n")
    with pytest.raises(DataError, match="no column named text or question, only A, B; name it in the first row"):
        read_questions_file(path)
