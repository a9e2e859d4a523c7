"""Rows of our own making in the exact columns that each set has on the hub; no row of a public set stands here."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from uait.data.named import asked_part, names_a_set, read_questions_of, read_set
from uait.data.sets import SETS, QuestionSet, choice_question
from uait.data.tables import read_table
from uait.records import Question
from uait.records.errors import DataError

NAMES = tuple(each.name for each in SETS)
# mandarjoshi/trivia_qa, rc.nocontext
TRIVIA = {
    "question": "Which river runs through Dovemouth?",
    "question_id": "own_1",
    "question_source": "own",
    "entity_pages": {"doc_source": [], "filename": [], "title": [], "wiki_context": []},
    "search_results": {
        "description": [], "filename": [], "rank": [], "title": [], "url": [], "search_context": [],
    },
    "answer": {
        "aliases": ["River Dove", "The Dove", "Dove "],
        "normalized_aliases": ["river dove", "dove"],
        "matched_wiki_entity_name": "",
        "normalized_matched_wiki_entity_name": "",
        "normalized_value": "dove",
        "type": "WikipediaEntity",
        "value": "Dove",
    },
}  # fmt: skip
# allenai/sciq
SCIQ = {
    "question": "What do leaves take in?",
    "distractor3": "sand",
    "distractor1": "salt",
    "distractor2": "gold",
    "correct_answer": "light",
    "support": "",
}
# GBaker/MedQA-USMLE-4-options
MEDQA = {
    "question": "A boy cut his thumb on paper. What helps?",
    "answer": "A plaster",
    "options": {"A": "A cast", "B": "A plaster", "C": "Surgery", "D": "Glasses"},
    "meta_info": "step1",
    "answer_idx": "B",
    "metamap_phrases": ["boy", "thumb"],
}
# akariasai/PopQA: possible_answers is JSON inside a text
POPQA = {
    "id": 7, "subj": "Ada Plumb", "prop": "occupation", "obj": "baker", "subj_id": 1, "prop_id": 2, "obj_id": 3,
    "s_aliases": "[]", "o_aliases": "[]", "s_uri": "u", "o_uri": "u", "s_wiki_title": "t", "o_wiki_title": "t",
    "s_pop": 120, "o_pop": 900, "question": "What is Ada Plumb's occupation?",
    "possible_answers": '["baker", "bread maker"]',
}  # fmt: skip
ROWS: dict[str, tuple[dict[str, Any], Question]] = {
    "trivia_qa": (TRIVIA, Question("own_1", TRIVIA["question"], ("Dove", "River Dove", "The Dove"))),
    "sciq": (SCIQ, Question("sciq_test_0", "What do leaves take in?", ("light",))),
    "sciqa": (SCIQ, Question("sciqa_validation_0", "What do leaves take in?", ("light",))),
    "medqa": (
        MEDQA,
        Question(
            "medqa_test_0",
            "A boy cut his thumb on paper. What helps? (A) A cast (B) A plaster (C) Surgery (D) Glasses",
            ("A plaster", "B", "B. A plaster"),
        ),
    ),
    # google-research-datasets/nq_open
    "nq_open": (
        {"question": "who baked the first bun", "answer": ["Ada Plumb", "Ada"]},
        Question("nq_open_validation_0", "who baked the first bun", ("Ada Plumb", "Ada")),
    ),
    "popqa": (POPQA, Question("popqa_7", "What is Ada Plumb's occupation?", ("baker", "bread maker"))),
    # stanfordnlp/web_questions
    "web_questions": (
        {"url": "http://own.example/1", "question": "what is spoken in dovemouth?", "answers": ["English", "Dovish"]},
        Question("web_questions_test_0", "what is spoken in dovemouth?", ("English", "Dovish")),
    ),
    # the authors' archive: dataset/<split>/<relation>.<split>.json, numbered here by relation
    "entity_questions": (
        {"id": "P17_0", "question": "Which country is Dovemouth in?", "answers": ["England", "UK"]},
        Question("P17_0", "Which country is Dovemouth in?", ("England", "UK")),
    ),
    # basicv8vc/SimpleQA: metadata is a dict inside a text
    "simple_qa": (
        {"metadata": "{'topic': 'Own'}", "problem": "How many buns did Ada bake?", "answer": "12"},
        Question("simple_qa_test_0", "How many buns did Ada bake?", ("12",)),
    ),
}


def rows_of(*rows: dict[str, Any]) -> Any:
    """A hub that holds these rows and remembers which split was read."""

    def read(wanted: QuestionSet, split: str) -> Iterable[dict[str, Any]]:
        read.splits.append(split)  # type: ignore[attr-defined]
        yield from rows

    read.splits = []  # type: ignore[attr-defined]
    return read


@pytest.fixture(autouse=True)
def _no_local_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UAIT_DATA", raising=False)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_of_each_set_becomes_a_question_with_every_accepted_answer(name: str, tmp_path: Path) -> None:
    row, question = ROWS[name]
    assert read_set(name, rows=rows_of(row), cache=tmp_path) == [question]


@pytest.mark.parametrize(
    ("source", "split", "start", "stop"),
    [
        ("trivia_qa", "validation", 0, None),
        ("trivia_qa[:2000]", "validation", 0, 2000),
        ("trivia_qa[100:200]", "validation", 100, 200),
        ("trivia_qa[100:]", "validation", 100, None),
        ("trivia_qa[:]", "validation", 0, None),
        ("trivia_qa:train", "train", 0, None),
        ("trivia_qa:validation[:500]", "validation", 0, 500),
        ("sciq", "test", 0, None),
        ("sciqa[:1000]", "validation", 0, 1000),
    ],
)
def test_a_source_names_split_and_slice(source: str, split: str, start: int, stop: int | None) -> None:
    part = asked_part(source)
    assert (part.split, part.start, part.stop) == (split, start, stop)


def test_without_a_split_teaching_and_measuring_read_different_questions() -> None:
    assert asked_part("trivia_qa[:5]", to_teach=True).split == "train"
    assert asked_part("trivia_qa[:5]").split == "validation"
    assert asked_part("trivia_qa:validation", to_teach=True).split == "validation"


@pytest.mark.parametrize(
    ("source", "named_in_error"),
    [
        ("triviaqa", "'triviaqa' is no question set; choose one of trivia_qa, sciq"),
        ("sciq[:10%]", "whole numbers"),
        ("sciq[-5:]", "whole numbers"),
        ("sciq[5]", "whole numbers"),
        ("sciq[:5", "whole numbers"),
        ("sciq:test:3", "whole numbers"),
        ("sciq[5:5]", "asks for no question"),
        ("sciq[:0]", "asks for no question"),
        ("popqa:train", "popqa has no split 'train'; choose one of test"),
    ],
)
def test_a_source_that_names_nothing_is_refused(source: str, named_in_error: str) -> None:
    with pytest.raises(DataError, match=named_in_error):
        asked_part(source)


def test_a_set_is_told_from_a_file_even_when_its_slice_is_wrong() -> None:
    assert names_a_set("sciq") and names_a_set("sciq[:10%]") and names_a_set("trivia_qa:train")
    assert not names_a_set("sciq.jsonl") and not names_a_set("data/sciq") and not names_a_set("mine[1].csv")


def test_a_slice_counts_questions_and_leaves_repeated_ids_out(tmp_path: Path) -> None:
    rows = [{**TRIVIA, "question_id": id} for id in ("a", "b", "a", "c", "d")]
    found = read_set("trivia_qa[1:3]", rows=rows_of(*rows), cache=tmp_path)
    assert [question.id for question in found] == ["b", "c"]


def test_no_more_rows_are_read_than_were_asked_for(tmp_path: Path) -> None:
    def two_then_none(wanted: QuestionSet, split: str) -> Iterable[dict[str, Any]]:
        yield SCIQ
        yield SCIQ
        raise AssertionError("a third row was read")

    assert len(read_set("sciq[:2]", rows=two_then_none, cache=tmp_path)) == 2


def test_questions_read_once_need_no_hub_again(tmp_path: Path) -> None:
    first = read_set("medqa[:1]", rows=rows_of(MEDQA), cache=tmp_path)
    away = rows_of()
    assert read_set("medqa[:1]", rows=away, cache=tmp_path) == first
    assert away.splits == []
    with pytest.raises(DataError, match="holds no question"):
        read_set("medqa[:2]", rows=away, cache=tmp_path)  # another slice is read anew


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("trivia_qa", "answer"),
        ("sciq", "correct_answer"),
        ("medqa", "options"),
        ("nq_open", "answer"),
        ("popqa", "possible_answers"),
        ("web_questions", "answers"),
        ("simple_qa", "problem"),
    ],
)
def test_a_missing_column_is_named(name: str, column: str, tmp_path: Path) -> None:
    row = {key: value for key, value in ROWS[name][0].items() if key != column}
    with pytest.raises(DataError, match=rf"{name} .*row 0, has no column '{column}'"):
        read_set(name, rows=rows_of(row), cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", [{**POPQA, "possible_answers": "no JSON"}, {**POPQA, "question": None}])
def test_a_row_of_other_types_is_named(broken: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"popqa .*row 0, can't be read"):
        read_set("popqa", rows=rows_of(broken), cache=tmp_path)


def test_a_choice_whose_answer_is_no_option_is_refused() -> None:
    with pytest.raises(DataError, match="none of its options"):
        choice_question("q", "What helps?", {"A": "tea", "B": "rest"}, "coffee")


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_files_stands_in_for_the_hub(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = next(each.file for each in SETS if each.name == name)
    rows = [{"id": f"q{i}", "text": f"Question {i}?", "references": ["yes", "yes ", "aye"]} for i in range(3)]
    (tmp_path / f"{file}.jsonl").write_text("\n".join(json.dumps({**row, "popularity": 3}) for row in rows))
    monkeypatch.setenv("UAIT_DATA", str(tmp_path))
    found = read_set(f"{name}[1:]", rows=rows_of())
    assert found == [Question(f"q{i}", f"Question {i}?", ("yes", "aye")) for i in (1, 2)]


def test_a_local_choice_question_lists_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"id": "m", "text": "What helps?", "options": {"A": "tea", "B": "rest"}, "references": ["rest"]}
    (tmp_path / "medqa.jsonl").write_text(json.dumps(row))
    monkeypatch.setenv("UAIT_DATA", str(tmp_path))
    assert read_set("medqa") == [Question("m", "What helps? (A) tea (B) rest", ("rest", "B", "B. rest"))]


def test_a_missing_local_file_or_column_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UAIT_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"holds no sciq\.jsonl for sciq"):
        read_set("sciq")
    (tmp_path / "sciq.jsonl").write_text('{"id": "a", "text": "What?"}')
    with pytest.raises(DataError, match="row 1, column 'references'"):
        read_set("sciq")


def test_a_parquet_file_holds_questions_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "own.parquet"
    rows = [{"id": "a", "text": "Where?", "references": ["here", "there"]}, {"id": "b", "text": "Who?"}]
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert read_questions_of(path) == [Question("a", "Where?", ("here", "there")), Question("b", "Who?")]
    assert read_table(path).columns == ("id", "text", "references")


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.parquet"
    path.write_text("id,text\na,Where?\n")
    with pytest.raises(DataError, match=r"own\.parquet can't be read as Parquet"):
        read_questions_of(path)


def test_a_source_is_a_file_or_a_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UAIT_DATA", str(tmp_path))
    (tmp_path / "sciq.jsonl").write_text('{"id": "set", "text": "Where?", "references": ["here"]}')
    (tmp_path / "own.csv").write_text("id,text\nfile,Where?\n")
    assert [q.id for q in read_questions_of("sciq[:1]")] == ["set"]
    assert [q.id for q in read_questions_of(tmp_path / "own.csv")] == ["file"]
    for source, sentence in [("nowhere.csv", "can't be read"), ("scix", "no question set"), ("a.txt", "neither")]:
        with pytest.raises(DataError, match=sentence):
            read_questions_of(source)


def test_readme_names_every_set() -> None:
    readme = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in readme] == []
