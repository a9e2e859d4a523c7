"""What a visitor calls a run, and its end. A name is words to show, kept inside the run's folder, and never a path."""

import shutil
import unicodedata
from pathlib import Path

from uait.data.files import read_json, write_json
from uait.records.errors import DataError
from uait.runs import jobs

NAME = "name.json"
LONGEST = 60  # characters


def label_of(run: Path) -> str:
    """The run's folder, and before it the name that it was given."""
    try:
        given = read_json(run / NAME)
    except DataError:  # none was given
        return run.name
    return f"{given} · {run.name}" if isinstance(given, str) else run.name


def rename(run: Path, text: str) -> str:
    """Calls the run by this text, cleaned, and returns that; an empty one takes the name away.

    Cleaned: one line, without control or invisible characters, single spaces, at most 60 characters.
    """
    letters = (" " if c.isspace() else c for c in text[: 10 * LONGEST] if c.isspace() or c.isprintable())
    given = " ".join(unicodedata.normalize("NFC", "".join(letters)).split())[:LONGEST].strip()
    if given:
        write_json(run / NAME, given)
    else:
        (run / NAME).unlink(missing_ok=True)
    return given


def delete(run: Path) -> None:
    """Kills the run's job where it stands and removes the folder with all that is in it.

    Raises DataError when the job can't be ended.
    """
    jobs.forget(run)
    shutil.rmtree(run)
