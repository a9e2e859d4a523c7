"""A run made once more: the same comes out, byte by byte; where something else does, it is named."""

from dataclasses import replace
from pathlib import Path

import pytest

from uait.data.files import read_jsonl, write_jsonl
from uait.models.language_model import LanguageModel
from uait.records import Label, Question, Repeated
from uait.records.errors import DataError
from uait.records.events import last_record
from uait.runs.files import LABELS
from uait.runs.folder import RunFolder
from uait.settings import Settings
from uait.stages import rerun as repeating
from uait.stages.distil import distil
from uait.stages.engines import Engines
from uait.stages.evaluate import evaluate
from uait.stages.label import label
from uait.stages.rerun import rerun
from uait.stages.tune import tune

QUESTIONS = [
    Question(f"q{i}", f"What is the capital of {name}?", ("Paris",))
    for i, name in enumerate(("France", "Chile", "Mali"))
]


@pytest.fixture
def run(engines: Engines, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run of all stages."""

    def with_adapter(chosen: Settings) -> Engines:
        lm: LanguageModel = (
            engines.lm if chosen.model.adapter == "none" else engines.lm.with_adapter(chosen.model.adapter)
        )
        return replace(engines, lm=lm, settings=chosen)

    monkeypatch.setattr(repeating, "load_untuned", with_adapter)
    monkeypatch.setattr(repeating, "load_engines", with_adapter)
    folder = RunFolder(tmp_path / "run")
    list(label(engines, QUESTIONS, folder))
    list(distil(settings, folder))
    adapter = last_record(tune(settings, folder))
    list(evaluate(with_adapter(settings.with_adapter(adapter.path)), {"all": QUESTIONS}, folder))
    return folder


def _found(run: RunFolder, into: Path) -> dict[str, Repeated]:
    return {one.what: one for one in last_record(rerun(run, RunFolder(into)))}


def test_the_same_labels_adapter_and_results_come_out(run: RunFolder, tmp_path: Path) -> None:
    found = _found(run, tmp_path / "again")
    assert {what: one.n_differing for what, one in found.items()} == {
        "labels": 0, "examples": 0, "adapter": 0, "evaluation": 0,
    }  # fmt: skip
    assert found["labels"].n == len(QUESTIONS)
    assert _found(run, tmp_path / "again") == found  # a finished one is not made a third time


def test_what_does_not_come_out_again_is_named(run: RunFolder, tmp_path: Path) -> None:
    labels = read_jsonl(run.file(LABELS), Label)
    write_jsonl(run.file(LABELS), [labels[0], replace(labels[1], answer="Rome"), labels[2]])
    found = _found(run, tmp_path / "again")
    assert (found["labels"].n_differing, found["labels"].note) == (1, "the first is q1")


def test_it_wants_another_folder_and_something_to_repeat(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="in itself"):
        list(rerun(run, RunFolder(run.path)))
    bare = RunFolder(tmp_path / "bare")
    bare.save_settings(settings)
    with pytest.raises(DataError, match="nothing to repeat"):
        list(rerun(bare, RunFolder(tmp_path / "again")))
