"""Whatever a file, a reply or an event log holds: it is read, or refused in a sentence of our own.

`FUZZ_EXAMPLES` says how many inputs each test tries (`make test-fuzz`: for ten minutes and more).
"""

import io
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.utils.exceptions import IllegalCharacterError

from uait.data.columns import read_questions_file
from uait.data.files import append_jsonl, read_jsonl, read_rows
from uait.data.tables import KINDS, UPLOAD, read_table
from uait.method.prompts import parse_reply, sanitise
from uait.records import Label, SampleSet
from uait.records.errors import UaitError
from uait.runs import jobs
from uait.runs.files import JOB
from uait.settings import Settings, from_dict, to_dict

fuzzed = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["id", "question", "text", "answers", "references", "label", "", "=1+1"])
SHARES = st.floats(0, 1)  # of a file's length, which is another one with every hour it is written at
CELLS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
# Signs that readers of tables and replies act upon come more often than others.
SIGNS = st.text(st.sampled_from("abc019 .,;%|\t\"'\n\r\\{}[]:-=\u200b\ufeff\ud800é问"), max_size=60)


def _table_bytes(kind: str, names: list[str], rows: list[list[Any]]) -> bytes:
    """A sound file of that kind, or as sound as these names and cells allow."""
    buffer = io.BytesIO()
    if kind == ".xlsx":
        book = Workbook(write_only=True)
        sheet = book.create_sheet()
        for row in [names, *rows]:
            sheet.append([cell if cell == cell else None for cell in row])
        book.save(buffer)
    elif kind == ".parquet":
        columns = [pa.array([str(row[i]) if i < len(row) else None for row in rows]) for i in range(len(names))]
        pq.write_table(pa.table(columns, names=names), buffer)
    elif kind == ".jsonl":
        lines = [json.dumps(dict(zip(names, row, strict=False))) for row in rows]
        buffer.write("\n".join(lines).encode())
    else:
        between = "\t" if kind == ".tsv" else ","
        text = "\n".join(between.join(str(cell) for cell in row) for row in [names, *rows])
        buffer.write(text.encode("utf-8", "surrogatepass"))
    return buffer.getvalue()


@fuzzed
@given(SIGNS | st.text())
@example("Paris; 1e9999%")
@example("; ; 50%")
def test_a_reply_is_an_answer_with_a_confidence_between_0_and_1_or_none(text: str) -> None:
    parsed = parse_reply(text)
    assert parsed.confidence is None or 0 <= parsed.confidence <= 1
    assert isinstance(parsed.answer, str)


@fuzzed
@given(SIGNS | st.text())
def test_a_question_is_cleaned_or_refused(text: str) -> None:
    try:
        clean = sanitise(text)
    except UaitError:
        return
    assert clean.strip() and clean.encode() and sanitise(clean) == clean


@fuzzed
@given(st.sampled_from(KINDS), st.binary(max_size=300) | SIGNS.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_table_or_refused(tmp_path: Path, kind: str, content: bytes) -> None:
    _read(tmp_path / f"file{kind}", content)


@fuzzed
@given(
    st.sampled_from(KINDS),
    st.lists(NAMES, min_size=1, max_size=4),
    st.lists(st.lists(CELLS, max_size=5)),
    st.lists(st.tuples(SHARES, st.integers(0, 255)), max_size=3),
    st.just(1.0) | SHARES,
)
def test_a_damaged_table_is_read_or_refused(
    tmp_path: Path, kind: str, names: list[str], rows: list[list[Any]], flips: list[tuple[float, int]], kept: float
) -> None:
    try:
        content = bytearray(_table_bytes(kind, names, rows))
    except (ValueError, TypeError, IllegalCharacterError):  # no file of that kind can hold this
        return
    for place, byte in flips if content else ():
        content[int(place * (len(content) - 1))] = byte
    _read(tmp_path / f"file{kind}", bytes(content[: int(kept * len(content))]))


def _read(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for read in (lambda: read_table(path, UPLOAD), lambda: read_questions_file(path)):
        try:
            read()
        except UaitError as err:
            assert str(err)


@fuzzed
@given(st.dictionaries(st.sampled_from([*to_dict(Settings()), "x"]), JSON))
def test_settings_are_settings_or_refused(data: dict[str, Any]) -> None:
    try:
        found = from_dict(data)
    except UaitError as err:
        assert str(err)
    else:
        assert from_dict(to_dict(found)) == found


@fuzzed
@given(st.data())
def test_one_wrong_value_among_the_settings_is_named(data: st.DataObject) -> None:
    plain = to_dict(Settings())
    stage = data.draw(st.sampled_from(sorted(plain)))
    name = data.draw(st.sampled_from(sorted(plain[stage])))
    plain[stage][name] = data.draw(JSON)
    try:
        from_dict(plain)
    except UaitError as err:
        assert name in str(err)


@fuzzed
@given(st.lists(JSON, max_size=4), st.binary(max_size=40), st.sampled_from([Label, SampleSet]))
def test_a_log_with_anything_in_it_is_read_or_refused(
    tmp_path: Path, rows: list[Any], tail: bytes, kind: type[Any]
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows) + tail)
    for read in (lambda: list(read_rows(path, is_log=True)), lambda: read_jsonl(path, kind)):
        try:
            read()
        except UaitError as err:
            assert str(path) in str(err)
    append_jsonl(path, {"id": "next"})
    assert json.loads(path.read_bytes().split(b"\n")[-2]) == {"id": "next"}


@fuzzed
@given(JSON, st.lists(JSON, max_size=4), st.binary(max_size=40))
def test_a_jobs_files_are_a_status_or_none(tmp_path: Path, job: Any, events: list[Any], tail: bytes) -> None:
    (tmp_path / JOB).write_bytes(json.dumps(job).encode())
    (tmp_path / jobs.EVENTS).write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in events) + tail)
    status = jobs.status(tmp_path)
    assert status is None or isinstance(status.state, jobs.JobState)
