import json
import os
from pathlib import Path

import pytest

from uait.data import files as store
from uait.data.json import to_json
from uait.records import Passage, Question
from uait.records.errors import DataError

QUESTION = Question("q1", "What is the capital of Österreich?", ("Wien", "Vienna"))
PASSAGE = Passage("d1", "Wien", "Wien is a city.", 0.5, "bundle")


def questions(n: int) -> list[Question]:
    return [Question(f"q{i}", f"Où est l'île {i}?", ("ici",)) for i in range(n)]


def test_write_json_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run" / "report.json"
    store.write_json(path, {"a": 1})
    store.write_json(path, PASSAGE)
    assert store.read_json(path)["title"] == "Wien"
    assert os.listdir(path.parent) == ["report.json"]


def test_write_json_keeps_the_old_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    store.write_json(path, {"a": 1})

    def killed(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(OSError, match="no space"):
        store.write_json(path, {"a": 2})
    assert store.read_json(path) == {"a": 1}
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_broken_json_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text('{"a": ')
    with pytest.raises(DataError, match=r"report\.json is no JSON"):
        store.read_json(path)


def test_a_missing_json_file_is_not_called_broken(tmp_path: Path) -> None:
    sentence = r"^\S*nowhere\.json can't be read \(No such file or directory\); check the name and the rights\.$"
    with pytest.raises(DataError, match=sentence):
        store.read_json(tmp_path / "nowhere.json")


def test_an_append_is_on_the_disk_when_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_disk = []
    monkeypatch.setattr(os, "fsync", lambda fd: on_disk.append(os.fstat(fd).st_size))
    store.append_jsonl(tmp_path / "questions.jsonl", QUESTION)
    assert on_disk == [(tmp_path / "questions.jsonl").stat().st_size]


def test_an_append_finds_the_cut_behind_a_long_line(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    one, other = Question("long", "x" * 200_000), Question("short", "y")
    store.append_jsonl(path, other)
    with open(path, "ab") as file:
        file.write(json.dumps(to_json(one)).encode()[:150_000])
    store.append_jsonl(path, one)
    assert store.read_jsonl(path, Question) == [other, one]


def test_an_append_is_one_line_whatever_the_text_holds(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    hostile = Question("q", 'a\nb\r\x00\u2028\ud800 {"id": 1}')
    store.append_jsonl(path, hostile)
    assert path.read_bytes().count(b"\n") == 1
    assert store.read_jsonl(path, Question) == [hostile]


def test_a_broken_line_before_the_last_is_named(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"id": "a", "text": "Who?"}\n{"id": "b", "te\n{"id": "c", "text": "Who?"}\n')
    with pytest.raises(DataError, match=r"questions\.jsonl, row 2: this line is no JSON object"):
        store.read_jsonl(path, Question)
    path.write_text('{"id": "a", "text": "Who?"}\n\n{"id": "b"}\n')
    with pytest.raises(DataError, match=r"questions\.jsonl, row 3: Question\.text is missing"):
        store.read_jsonl(path, Question)


def test_data_hash_depends_on_content_and_order_only() -> None:
    one, other = questions(2)
    assert store.data_hash([one, other]) == store.data_hash(
        iter([Question(q.id, q.text, q.references) for q in (one, other)])
    )
    assert len({store.data_hash(r) for r in ([one, other], [other, one], [one], [])}) == 4
    # sha256 of nothing, as published with the algorithm
    assert store.data_hash([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_file_cut_at_any_byte_loses_at_most_its_last_record_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)  # a thousand of them take seconds
    path = tmp_path / "questions.jsonl"
    first, second, third = questions(3)
    store.append_jsonl(path, first)
    n_first = path.stat().st_size
    store.append_jsonl(path, second)
    whole = path.read_bytes()
    for n_bytes in range(len(whole) + 1):
        path.write_bytes(whole[:n_bytes])
        # A record is whole from its closing brace on, one byte before its newline.
        kept = [q for q, end in ((first, n_first - 1), (second, len(whole) - 1)) if n_bytes >= end]
        assert store.read_jsonl(path, Question) == kept, n_bytes
        store.append_jsonl(path, third)
        assert store.read_jsonl(path, Question) == [*kept, third], n_bytes
        assert path.read_bytes().endswith(b"}\n")
