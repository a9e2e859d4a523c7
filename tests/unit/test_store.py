import json
import os
from pathlib import Path

import numpy as np
import pytest

from uait.data import files as store
from uait.data.json import from_json, to_json
from uait.data.questions import read_questions
from uait.records import (
    Action,
    Adapter,
    Answer,
    Decision,
    DistilledSet,
    Done,
    EvalReport,
    Explanation,
    Finish,
    Label,
    MethodResult,
    Partial,
    Passage,
    Progress,
    Provenance,
    Question,
    Reason,
    Relevance,
    Reply,
    Retrieved,
    Sample,
    SampleSet,
    SarScore,
    TokenExplanation,
    TrainingExample,
    Unscored,
)
from uait.records.errors import DataError
from uait.runs.folder import RunFolder
from uait.settings import LabelSettings, ModelSettings, Settings, TuneSettings

QUESTION = Question("q1", "What is the capital of Österreich?", ("Wien", "Vienna"))
SAMPLE = Sample("Wien", (3, 7), ("W", "ien"), np.array([-0.5, -1.25]), Finish.STOP)
SAMPLES = SampleSet(QUESTION, SAMPLE, (SAMPLE, SAMPLE), "the prompt")
RELEVANCE = Relevance("q1", (np.array([0.7, 0.1]), np.array([0.5])), np.array([[1.0, 0.2], [0.2, 1.0]]), "scorer")
SCORE = SarScore("q1", np.array([0.5625, 2.5]), -3.78, 0.25, 0.001)
LABEL = Label(QUESTION, "Wien", 0.25, 0.3, -3.78, True, None, ("Wien", "Graz"))
EXAMPLE = TrainingExample(QUESTION, "Wien; 25.0%", 0.25, True)
ANSWER = Answer("Wien", 0.9, None, SAMPLE, "the prompt", 0.2, "pocket")
DECISION = Decision(Action.RETRIEVE, None, 0.7, "The model stated no confidence: looking it up.")
PASSAGE = Passage("d1", "Wien", "Wien is a city.", 0.5, "bundle")
RETRIEVED = Retrieved("Wien", (PASSAGE,), ("a note",), 0.1)
TOKEN = TokenExplanation("W", 0.6, 0.5, 0.7, 1.0, "ien", 0.3)
EXPLANATION = Explanation((TOKEN,), (SAMPLE,), np.eye(1), Unscored("q1", Reason.EMPTY), 0.3)
RESULT = MethodResult("sar", "test", 4, 1, 0.5, 0.75, (0.5, 1.0), None, 0.1, 0.2, 0.3, ((0.5, 1.0, 2),))
PROVENANCE = Provenance("pocket", None, {"seed": 1}, 1, "0.1.0", "2025-01-01")

RECORDS = [
    QUESTION,
    SAMPLE,
    SAMPLES,
    RELEVANCE,
    SCORE,
    Unscored("q1", Reason.TRUNCATED),
    LABEL,
    EXAMPLE,
    DistilledSet((EXAMPLE,), (), {"right": 1}, {"balance": 2}, (0, 1), 1.0, None),
    Adapter("folder", "base", "hash", {"rank": 4}, {"loss": 0.5}, 0.7),
    ANSWER,
    DECISION,
    PASSAGE,
    RETRIEVED,
    TOKEN,
    EXPLANATION,
    Explanation((TOKEN,), (SAMPLE,), np.eye(1), SCORE, 0.3),
    Reply(QUESTION, ANSWER, DECISION, RETRIEVED, ANSWER, 1.0, EXPLANATION),
    Reply(QUESTION, ANSWER, DECISION, None, ANSWER, 1.0),
    RESULT,
    EvalReport((RESULT,), {"thresholds": [0.5]}, {}, {}, ({"id": "q1"},), PROVENANCE),
    PROVENANCE,
    Progress("label", 1, 2, "note"),
    Partial("Wi"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: type(r).__name__)
def test_every_record_survives_json(record: object) -> None:
    text = json.dumps(to_json(record), allow_nan=False)
    back = from_json(type(record), json.loads(text))
    assert type(back) is type(record)
    assert to_json(back) == json.loads(text)


def test_arrays_enums_and_tuples_get_their_types_back() -> None:
    back = from_json(SampleSet, to_json(SAMPLES))
    assert isinstance(back.greedy.logprobs, np.ndarray)
    assert back.greedy.logprobs.tolist() == [-0.5, -1.25]
    assert back.samples[0].finish is Finish.STOP
    assert back.question == QUESTION
    relevance = from_json(Relevance, to_json(RELEVANCE))
    assert relevance.sentence.shape == (2, 2)
    assert [len(r) for r in relevance.token_K] == [2, 1]


def test_done_is_saved_with_its_record() -> None:
    assert to_json(Done(QUESTION)) == {"record": to_json(QUESTION)}


def test_a_union_of_records_is_told_apart_by_its_keys() -> None:
    unscored = from_json(Explanation, to_json(EXPLANATION)).score
    assert unscored == Unscored("q1", Reason.EMPTY)


def test_an_impossible_logprob_survives_and_stays_impossible() -> None:
    sample = Sample("x", (1,), ("x",), np.array([-np.inf]), Finish.STOP)
    data = to_json(sample)
    assert data["logprobs"] == ["-inf"]
    assert from_json(Sample, data).logprobs.tolist() == [-np.inf]


def test_a_number_that_is_none_is_refused_outside_arrays() -> None:
    with pytest.raises(DataError, match="nan"):
        to_json({"auroc": float("nan")})


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(DataError, match="set can't be saved"):
        to_json({1, 2})
    with pytest.raises(DataError, match=r"key is 0\.5"):
        to_json({0.5: "threshold"})


def test_a_key_that_is_an_enum_becomes_its_text() -> None:
    assert json.dumps(to_json({Reason.EMPTY: 1})) == '{"empty answer": 1}'


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, "Question.colour is no known field"),
        ({"text": None}, "Question.text is None; it must be str"),
        ({"references": "Wien"}, "Question.references is 'Wien'"),
        ({"references": ["Wien", 3]}, r"Question.references\[1\] is 3"),
        ({"text": " "}, "is empty"),
    ],
)
def test_a_wrong_field_is_named(change: dict, named: str) -> None:
    with pytest.raises(DataError, match=named):
        from_json(Question, {**to_json(QUESTION), **change})


def test_a_missing_field_is_named_unless_it_has_a_default() -> None:
    with pytest.raises(DataError, match=r"Question\.id is missing"):
        from_json(Question, {"text": "Who?"})
    assert from_json(Question, {"id": "a", "text": "Who?"}).references == ()


@pytest.mark.parametrize("logprobs", [[None], ["3"], [[-1.0], [-1.0, -2.0]], "-1", [True]])
def test_an_array_holds_numbers_only(logprobs: object) -> None:
    with pytest.raises(DataError, match="logprobs"):
        from_json(Sample, {**to_json(SAMPLE), "logprobs": logprobs})


def test_a_truth_value_is_no_number_and_a_whole_number_is_a_float() -> None:
    data = to_json(DECISION)
    with pytest.raises(DataError, match="threshold is True"):
        from_json(Decision, {**data, "threshold": True})
    assert from_json(Decision, {**data, "threshold": 1}).threshold == 1.0


def test_a_range_checked_by_the_record_is_checked_on_reading() -> None:
    with pytest.raises(DataError, match=r"confidence of 'q1' is 1\.5"):
        from_json(Label, {**to_json(LABEL), "confidence": 1.5})


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


def questions(n: int) -> list[Question]:
    return [Question(f"q{i}", f"Où est l'île {i}?", ("ici",)) for i in range(n)]


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


def test_a_run_folder_gives_its_settings_back(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with pytest.raises(DataError, match=r"settings\.json"):
        run.settings()
    settings = Settings(label=LabelSettings(t=0.01))
    run.save_settings(settings)
    run.save_settings(settings)
    assert RunFolder(tmp_path / "run").settings() == settings


def test_a_run_folder_refuses_other_settings(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.save_settings(Settings())
    with pytest.raises(DataError, match=r"label\.t = 0\.001, not 0\.01; use the same value, or another folder"):
        run.save_settings(Settings(label=LabelSettings(t=0.01)))
    assert run.settings() == Settings()


def test_a_run_may_go_on_on_another_device(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.save_settings(Settings(model=ModelSettings(device="cuda")))
    run.save_settings(Settings(model=ModelSettings(device="cpu")))


def test_a_stage_adds_its_settings_and_the_earlier_ones_stay(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.save_settings(Settings(), ("model", "label"))
    tuned = Settings(tune=TuneSettings(rank=8))
    run.save_settings(tuned, ("model", "tune"))
    assert run.settings() == tuned
    with pytest.raises(DataError, match=r"tune\.rank = 8, not 64"):
        run.save_settings(Settings(), ("tune",))


def test_a_run_folder_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(DataError, match="is a file"):
        RunFolder(tmp_path / "run")


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
        ("q.csv", "id,text\na,Who?\na,Why?\n", r"row 3, column 'id': 'a' came before"),
        (
            "q.jsonl",
            '{"id": "a", "text": "Who?"}\n{"id": "a", "text": "Why?"}\n',
            "row 2, column 'id': 'a' came before",
        ),
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


def test_a_questions_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_bytes("id,text\na,Où?\n".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_questions(path)
    with pytest.raises(DataError, match="can't be read"):
        read_questions(tmp_path / "none.jsonl")


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
