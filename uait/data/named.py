"""Public question sets by name, such as `trivia_qa:validation[:500]` -> Question with every accepted answer.

Each set is one record: where it is kept, which part teaches and which measures, and how a row becomes a question. Rows
are streamed from the hub through `datasets` and only as many as were asked for; the questions are kept in the hub's
cache folder, so that a run goes on without a hub. With UAIT_DATA a folder of JSONL files stands in for the hub.
Knows nothing about models or stages.
"""

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.request import urlopen
from zipfile import BadZipFile, ZipFile

from uait.data.columns import read_questions_file
from uait.data.files import read_jsonl, read_rows, write_jsonl
from uait.data.plain import left_out_lines
from uait.data.sets import SETS, QuestionSet, Row, choice_question, texts
from uait.records import Question
from uait.records.errors import DataError
from uait.settings import data_folder

_SOURCE = re.compile(r"(?P<name>[\w-]+)(?::(?P<split>\w+))?(?:\[(?P<start>\d*):(?P<stop>\d*)\])?", re.ASCII)
_SLICE_RULE = "name, name:split or either with a slice of whole numbers, such as trivia_qa:validation[:500]"


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a set that was asked for: questions `start` up to `stop` (None: the last) of one split."""

    set: QuestionSet
    split: str
    start: int = 0
    stop: int | None = None

    @property
    def source(self) -> str:
        """The part as one would ask for it."""
        return f"{self.set.name}:{self.split}[{self.start}:{'' if self.stop is None else self.stop}]"


def names_a_set(source: str) -> bool:
    """Whether the text asks for one of the named sets, rightly or not: `sciq`, `sciq[:10%]`."""
    return re.split(r"[:\[]", source, maxsplit=1)[0] in {each.name for each in SETS}


def read_questions_of(
    source: Path | str, *, to_teach: bool = False, say: Callable[[str], object] = lambda sentence: None
) -> list[Question]:
    """The questions of a file, whatever it was made with, or of a named set (`sciq[:500]`).

    `say` hears how a file was read and what of it is left out. A file of that name comes first. Raises DataError when
    there is neither, and on whatever is wrong with it.
    """
    path = Path(source)
    if path.is_file() or (path.suffix and not names_a_set(str(source))):
        taken, notes = read_questions_file(path)
        for sentence in (*notes, *left_out_lines(taken.left_out)):
            say(sentence)
        return list(taken.questions)
    return read_set(str(source), to_teach=to_teach)


def name_of(source: Path | str) -> str:
    """A name for the source that can be a folder's: a file's without its ending, `sciq[:500]` as sciq-500."""
    stem = str(source) if names_a_set(str(source)) else Path(source).stem
    return re.sub(r"\W+", "-", stem).strip("-")


def asked_part(source: str, *, to_teach: bool = False) -> Part:
    """The part of a set that `source` names; without a split the one that teaches or the one that measures.

    Raises DataError on an unknown set or split and on a slice that is none.
    """
    match = _SOURCE.fullmatch(source)
    if match is None:
        raise DataError(f"{source!r} names no part of a set; write {_SLICE_RULE}.")
    question_set = next((each for each in SETS if each.name == match["name"]), None)
    if question_set is None:
        raise DataError(f"{match['name']!r} is no question set; choose one of {', '.join(s.name for s in SETS)}.")
    split = match["split"] or (question_set.teach if to_teach else question_set.measure)
    if split not in question_set.splits:
        splits = ", ".join(question_set.splits)
        raise DataError(f"{question_set.name} has no split {split!r}; choose one of {splits}.")
    start, stop = int(match["start"] or 0), int(match["stop"]) if match["stop"] else None
    if stop is not None and stop <= start:
        raise DataError(f"{source!r} asks for no question: {start} to {stop}; the second number must be larger.")
    return Part(question_set, split, start, stop)


def read_set(
    source: str,
    *,
    to_teach: bool = False,
    rows: Callable[[QuestionSet, str], Iterable[Row]] | None = None,
    cache: Path | None = None,
) -> list[Question]:
    """The questions that `source` names, in the set's own order, each id once.

    From UAIT_DATA where that is set, else from `cache` if they were read before, else from the hub through `rows`.
    Raises DataError when the source is unknown, the set can't be reached, or a row has not the columns it must.
    """
    part, local = asked_part(source, to_teach=to_teach), data_folder()
    if local is not None:
        return _sliced(part, _local_questions(part, local))
    copy = (cache or _cache_folder()) / f"{name_of(part.source)}.jsonl"
    if copy.exists():
        return read_jsonl(copy, Question)
    questions = _sliced(part, _hub_questions(part, rows or hub_rows))
    write_jsonl(copy, questions)
    return questions


def _sliced(part: Part, questions: Iterable[Question]) -> list[Question]:
    """The part's questions. Raises DataError when there are none."""
    chosen = list(islice(_distinct(questions), part.start, part.stop))
    if not chosen:
        raise DataError(f"{part.source} holds no question: the set has fewer than {part.start + 1}; ask for others.")
    return chosen


def _distinct(questions: Iterable[Question]) -> Iterator[Question]:
    seen: set[str] = set()
    for question in questions:
        if question.id not in seen:
            seen.add(question.id)
            yield question


def _hub_questions(part: Part, rows: Callable[[QuestionSet, str], Iterable[Row]]) -> Iterator[Question]:
    for number, row in enumerate(rows(part.set, part.split)):
        yield _question(part, row, f"{part.set.name}_{part.split}_{number}", f"row {number}")


def _question(part: Part, row: Row, id: str, where: str) -> Question:
    try:
        return part.set.question(row, id)
    except KeyError as err:
        raise DataError(
            f"{part.set.name} ({part.set.place}), {where}, has no column {err.args[0]!r}, only {', '.join(row)}; "
            "the set has changed: give its questions as a file instead."
        ) from err
    except (TypeError, ValueError, AttributeError) as err:
        raise DataError(f"{part.set.name} ({part.set.place}), {where}, can't be read ({err}); give a file.") from err


def _local_questions(part: Part, folder: Path) -> Iterator[Question]:
    """The questions of the set's file in the folder, whatever the split: {"id", "text", "references", "options"}."""
    path = folder / f"{part.set.file}.jsonl"
    if not path.is_file():
        raise DataError(f"UAIT_DATA is {folder}, which holds no {path.name} for {part.set.name}; put it there.")
    for number, row in read_rows(path):
        for column in ("id", "text", "references"):
            if not row.get(column):
                raise DataError(f"{path}, row {number}, column {column!r}: there is none; each row must have one.")
        if row.get("options"):
            yield choice_question(row["id"], row["text"], row["options"], row["references"][0])
        else:
            yield Question(row["id"], row["text"], texts(row["references"]))


def hub_rows(question_set: QuestionSet, split: str) -> Iterator[Row]:
    """The rows of one split as the hub, or the set's own archive, has them, streamed where that is possible.

    Raises DataError when neither can be reached.
    """
    from datasets import load_dataset  # takes seconds to load, and few commands need it
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HfHubHTTPError

    client_error: type[Exception] = HfHubHTTPError.__bases__[0]  # of whichever client the hub's library uses
    try:
        if question_set.place.startswith("https:"):
            yield from _archive_rows(question_set.place, split)
        else:
            yield from load_dataset(question_set.place, question_set.config, split=split, streaming=True)
    except (OSError, RuntimeError, ValueError, BadZipFile, client_error, DatasetsError) as err:
        reason = " ".join(str(err).split())[:160] or type(err).__name__
        raise DataError(
            f"{question_set.name} can't be read from {question_set.place} ({reason}); check the network and "
            "HF_HUB_OFFLINE, give a file of questions, or set UAIT_DATA to a folder that holds the set."
        ) from err


def _archive_rows(url: str, split: str) -> Iterator[Row]:
    """The rows of an archive of files such as dataset/test/P17.test.json, numbered within their relation."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise OSError("HF_HUB_OFFLINE is set")
    with urlopen(url, timeout=60) as response:
        archive = ZipFile(io.BytesIO(response.read()))
    for name in sorted(name for name in archive.namelist() if re.search(rf"(^|/){split}/[^/]+\.json$", name)):
        relation = Path(name).name.split(".")[0]
        for number, row in enumerate(json.loads(archive.read(name))):
            yield {"id": f"{relation}_{number}", **row}


def _cache_folder() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / "uait"
