"""What there is to look up in: a JSONL file of title and text, or a folder of somebody's own .txt and .md files.

In: a path. Out: Passages, or one sentence on what is wrong. A PDF is not read: save its text.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from uait.data.files import read_rows
from uait.method.prompts import MAX_PASSAGE_CHARS
from uait.records import Passage
from uait.records.errors import DataError

ENDINGS = (".txt", ".md")
_HEADING = re.compile(r"#{1,6}\s+(?P<title>.*\S)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def read_passages(path: Path | str, source: str) -> list[Passage]:
    """The passages of a JSONL file, or of the files in a folder: their paragraphs, titled by heading or file name.

    A paragraph of more than 400 characters, which no prompt would hold whole, is parted between sentences. Raises
    DataError naming file and row when one is broken, and when there is no passage.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        passages = [passage for file in _files(path) for passage in _paragraphs(file, path, source)]
    else:
        passages = [_passage(data, row, f"{path}, row {row}", source) for row, data in read_rows(path)]
    if not passages:
        kinds = "a folder of .txt and .md files, or a .jsonl file with title and text"
        raise DataError(f"{path} holds no passage; name {kinds} in retrieval.passages.")
    return passages


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())


def _paragraphs(file: Path, folder: Path, source: str) -> Iterator[Passage]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        raise DataError(f"{file} can't be read as UTF-8 text; save it as such, or take it out of the folder.") from err
    name, title = file.relative_to(folder).as_posix(), file.stem
    n = 0
    for paragraph in re.split(r"\n\s*\n", text):
        heading, _, rest = paragraph.strip().partition("\n")
        if found := _HEADING.fullmatch(heading.strip()):
            title, paragraph = found["title"], rest
        for part in _parts(" ".join(paragraph.split())):
            n += 1
            yield Passage(f"{name}#{n}", title, part, 0.0, source)


def _parts(paragraph: str) -> Iterator[str]:
    """The paragraph in pieces of at most 400 characters, each of whole sentences where they are no longer than that."""
    piece = ""
    for sentence in filter(None, _SENTENCE_END.split(paragraph)):
        if piece and len(piece) + 1 + len(sentence) > MAX_PASSAGE_CHARS:
            yield piece
            piece = ""
        piece = f"{piece} {sentence}".strip()
        while len(piece) > MAX_PASSAGE_CHARS:
            yield piece[:MAX_PASSAGE_CHARS].strip()
            piece = piece[MAX_PASSAGE_CHARS:].strip()
    if piece:
        yield piece


def _passage(data: dict[str, Any], row: int, where: str, source: str) -> Passage:
    data = {"doc_id": str(row), **data}
    for column in ("doc_id", "title", "text"):
        if not isinstance(data.get(column), str) or not data[column].strip():
            raise DataError(f"{where}, column {column!r}: {data.get(column)!r} is no text; write one.")
    return Passage(data["doc_id"], data["title"], data["text"], 0.0, source)
