"""Two visitors of one page: while one tunes, and after, the other hears the same to the byte."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser import tiny_lab
from uait.models.loading import load_model
from uait.records.errors import DataError, ModelError
from uait.records.events import last_record
from uait.runs import jobs, visitors
from uait.stages.ask import ask
from uait.stages.engines import NONE, SHIPPED, Engines, Shelf, with_adapter

QUESTIONS = ("What is the capital of Peru?", "Spain's capital?", "Who are you?")


def _heard(shelf: Shelf, adapter: str, visitor: str) -> bytes:
    """Every token and probability of the answers, as bytes."""
    found = b""
    for text in QUESTIONS:
        first = last_record(shelf.run(ask, adapter, visitor, text)).first
        found += repr((first.text, first.spoken, first.sample.token_ids)).encode() + first.sample.logprobs.tobytes()
    return found


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPACE_ID", "someone/uait")
    monkeypatch.setenv("UAIT_RUNS", str(tmp_path / "runs"))
    return tmp_path


def test_nobodys_tuning_changes_what_another_visitor_hears(space: Path, word_overlap: Any) -> None:
    around = tiny_lab.engines(space / "model")
    engines = Engines(load_model(around.settings), word_overlap, (), around.settings, 0.5)
    loaded: list[Path | None] = []
    shelf = Shelf(engines, _counted(loaded))
    one, other = visitors.admit(None), visitors.admit(None)
    run = tiny_lab.tunable_run(around.settings, visitors.runs_of(one))

    heard = [_heard(shelf, SHIPPED, other)]
    jobs.start(run, "tune", around.settings)
    try:
        while (status := jobs.status(run)) is not None and status.is_alive:
            heard.append(_heard(shelf, SHIPPED, other))
            time.sleep(0.2)
    finally:
        jobs.stop(run, grace=0.0)
    assert status is not None and status.state is jobs.JobState.DONE, status
    own = _heard(shelf, run.name, one)
    heard.append(_heard(shelf, SHIPPED, other))
    assert len(heard) > 3
    assert len(set(heard)) == 1
    assert own != heard[0]

    with pytest.raises(DataError, match="no adapter named"):
        _heard(shelf, run.name, other)
    assert _heard(shelf, NONE, other) == heard[0]  # this page came without an adapter
    assert (_heard(shelf, run.name, one), len(loaded)) == (own, 2)  # kept, not loaded again
    (run / "adapter" / "adapter_model.safetensors").write_bytes(b"broken")
    (run / "adapter" / "card.json").touch()
    with pytest.raises(ModelError, match="can't be read"):
        _heard(shelf, run.name, one)


def _counted(loaded: list[Path | None]) -> Callable[[Engines, Path | None], Engines]:
    def load(engines: Engines, adapter: Path | None) -> Engines:
        loaded.append(adapter)
        return with_adapter(engines, adapter)

    return load
