"""A run folder has one writer, whichever verb it is: the second one is refused in a sentence, and changes nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from uait.records import Event, Question
from uait.records.errors import DataError
from uait.runs.files import ADAPTER
from uait.runs.folder import RunFolder
from uait.stages.distil import distil
from uait.stages.engines import Engines
from uait.stages.evaluate import evaluate
from uait.stages.label import label
from uait.stages.threshold import threshold
from uait.stages.tune import tune

ASKED = [Question(f"q{i}", "What is the capital of France?", ("Paris; 93.1%",)) for i in range(4)]
Verb = Callable[[Engines, RunFolder], Iterator[Event]]
VERBS: dict[str, Verb] = {
    "label": lambda engines, folder: label(engines, ASKED, folder),
    "distil": lambda engines, folder: distil(engines.settings, folder),
    "tune": lambda engines, folder: tune(engines.settings, folder),
    "threshold": lambda engines, folder: threshold(engines.settings, folder),
    "evaluate": lambda engines, folder: evaluate(engines, {"in-domain": ASKED}, folder),
}


def _written(folder: RunFolder) -> dict[str, bytes]:
    files = (path for path in folder.path.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Where every verb finds what it begins with."""
    return RunFolder(tmp_path_factory.mktemp("runs") / "tuned")


@pytest.mark.parametrize("verb", VERBS)
def test_a_second_writer_is_refused_and_changes_nothing(verb: str, engines: Engines, tuned: RunFolder) -> None:
    for earlier in ("label", "distil", "tune"):
        if not tuned.file(ADAPTER).exists():
            list(VERBS[earlier](engines, tuned))
    before = _written(tuned)
    with tuned.writing(), pytest.raises(DataError, match="is being written by another process; wait for it"):
        list(VERBS[verb](engines, tuned))
    assert _written(tuned) == before
    if verb != "threshold":  # too few questions to choose by
        list(VERBS[verb](engines, tuned))  # the first one has let go


def test_a_verb_lets_go_of_the_folder_when_it_is_stopped(engines: Engines, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    events = VERBS["evaluate"](engines, folder)
    next(events)
    with pytest.raises(DataError, match="another process"):
        next(VERBS["evaluate"](engines, folder))
    events.close()  # type: ignore[attr-defined]
    list(VERBS["evaluate"](engines, folder))
