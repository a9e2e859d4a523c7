"""Two visitors of one page: while one tunes, and after, the other hears the same to the byte."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser import tiny_lab
from uait.models.loading import load_model
from uait.page.calls import Calls, Verbs
from uait.records import Done, Reply
from uait.records.errors import DataError, ModelError
from uait.runs import jobs, visitors
from uait.stages.adapters import NONE, SHIPPED, Shelf
from uait.stages.pipeline import Engines, with_adapter

QUESTIONS = ("What is the capital of Peru?", "Spain's capital?", "Who are you?")


def _heard(calls: Calls, adapter: str, visitor: str) -> bytes:
    """Every token and probability of the answers, as bytes."""
    found = b""
    for text in QUESTIONS:
        *_, last = calls.ask(text, None, adapter, visitor)
        assert isinstance(last, Done) and isinstance(last.record, Reply)
        said = last.record.first
        found += repr((said.text, said.spoken, said.sample.token_ids)).encode() + said.sample.logprobs.tobytes()
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
    calls = Calls(Shelf(engines, _counted(loaded)), Verbs(), lambda verb: verb)
    one, other = visitors.admit(None), visitors.admit(None)
    run = tiny_lab.tunable_run(around, visitors.runs_of(one))

    heard = [_heard(calls, SHIPPED, other)]
    jobs.start(run, "tune", around.settings)
    try:
        while (status := jobs.status(run)) is not None and status.is_alive:
            heard.append(_heard(calls, SHIPPED, other))
            time.sleep(0.2)
    finally:
        jobs.stop(run, grace=0.0)
    assert status is not None and status.state is jobs.JobState.DONE, status
    own = _heard(calls, run.name, one)
    heard.append(_heard(calls, SHIPPED, other))
    assert len(heard) > 3
    assert len(set(heard)) == 1
    assert own != heard[0]

    with pytest.raises(DataError, match="no adapter named"):
        _heard(calls, run.name, other)
    assert _heard(calls, NONE, other) == heard[0]  # this page came without an adapter
    assert (_heard(calls, run.name, one), len(loaded)) == (own, 2)  # kept, not loaded again
    (run / "adapter" / "adapter_model.safetensors").write_bytes(b"broken")
    (run / "adapter" / "card.json").touch()
    with pytest.raises(ModelError, match="can't be read"):
        _heard(calls, run.name, one)


def _counted(loaded: list[Path | None]) -> Callable[[Engines, Path | None], Engines]:
    def load(engines: Engines, adapter: Path | None) -> Engines:
        loaded.append(adapter)
        return with_adapter(engines, adapter)

    return load
