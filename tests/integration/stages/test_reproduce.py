"""The whole reproduction with a model that knows a few answers by heart: stopped in every stage, it ends the same."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.readme import ROOT
from uait.data.files import write_jsonl
from uait.data.presets import PRESETS, Preset
from uait.records import Done, Event, MethodResult, Progress, Question, Reproduction
from uait.records.errors import DataError
from uait.runs.folder import RunFolder
from uait.settings import Settings
from uait.stages.reproduce import plan_of, questions_of, reproduce, settings_for

FRANCE, PERU, FAUST = "What is the capital of France?", "What is the capital of Peru?", "Who wrote Faust?"
CUT_DOWN = """
import sys
from dataclasses import replace
from uait.cli.main import main
from uait.data.presets import PRESETS
small = replace(PRESETS["pocket"], n_teach=48, n_own=12, thresholds=(None, 0.5), n_swept=8)
PRESETS["pocket"] = small
sys.exit(main(sys.argv[1:]))
"""


def _set(folder: Path, name: str, questions: list[Question]) -> None:
    write_jsonl(folder / f"{name}.jsonl", questions)


@pytest.fixture
def preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Preset:
    """Eight questions to teach, two of them measured as well, and two sets to measure."""
    sets = tmp_path / "sets"
    taught = [Question(f"t{i}", text, (right,)) for i, (text, right) in enumerate(6 * [(FAUST, "Goethe; 8.5%")])]
    taught += [Question("p", FRANCE.upper(), ("Paris",)), Question("q1", "Who?", ("Lima",))]
    _set(sets, "nq-open", taught)
    _set(sets, "sciq", [Question("s0", FRANCE, ("Paris",)), Question("s1", "Say nothing.", ("x",))])
    _set(sets, "triviaqa", [Question("q1", PERU, ("Lima",)), Question("q2", "Is fire hot?", ("No",))])
    monkeypatch.setenv("UAIT_DATA", str(sets))
    return Preset(
        settings.model.model, "tiny", teach="nq_open[:8]", measure=("sciq[:2]", "trivia_qa[:2]"),
        thresholds=(None, 0.5), n_swept=2,
    )  # fmt: skip


@pytest.fixture
def settings(taught_folder: Path, settings: Settings) -> Settings:
    """As the stages' own, with the model's folder and what the embedded similarity takes."""
    return replace(
        settings,
        model=replace(settings.model, model=str(taught_folder)),
        distil=replace(settings.distil, keep_right_from=0.5, keep_wrong_below=0.5),
    )


def _events(preset: Preset, settings: Settings, folder: Path) -> Iterator[Event]:
    return reproduce("tiny", preset, settings, plan_of(preset, settings), RunFolder(folder))


def _stopped_at(stage: str, preset: Preset, settings: Settings, folder: Path) -> None:
    with closing(_events(preset, settings, folder)) as events:  # type: ignore[type-var]
        for event in events:
            if isinstance(event, Progress) and event.stage == stage and event.done:
                return
    raise AssertionError(f"no progress of {stage}")


def _result(events: Iterator[Event]) -> Reproduction:
    *_, last = events
    assert isinstance(last, Done)
    return last.record


def _counts(made: Reproduction) -> Any:
    measured = [(r.method, r.split, r.n, r.n_unscored, r.accuracy) for r in _results(made)]
    return measured, made.kept, made.dropped, made.n_labelled


def _results(made: Reproduction) -> list[MethodResult]:
    return [*made.report.results, *(result for point in made.sweep for result in point.results)]


def test_stopped_in_every_stage_it_comes_to_the_same(
    preset: Preset, settings: Settings, tmp_path: Path, sampled: list[str]
) -> None:
    whole = _result(_events(preset, settings, tmp_path / "whole"))
    assert (whole.n_labelled, whole.n_left_out) == (6, 2)  # one by its words, one by its fact
    assert {(r.split, r.n) for r in whole.report.results} == {("sciq-2", 2), ("trivia_qa-2", 2)}
    assert [point.threshold for point in whole.sweep] == [None, 0.5]
    assert {r.split for r in whole.sweep[0].results} == {"sciq-2", "trivia_qa-2"}
    assert list(whole.seconds) == ["label", "distil", "tune", "evaluate", "sweep"]
    n_sampled = len(sampled)

    for stage in ("label", "tune", "evaluate", "sweep"):
        _stopped_at(stage, preset, settings, tmp_path / "torn")
    again = _result(_events(preset, settings, tmp_path / "torn"))
    assert _counts(again) == _counts(whole)
    brier = [[result.brier or 0.0 for result in _results(made)] for made in (whole, again)]
    assert brier[0] == pytest.approx(brier[1], abs=1e-3)  # in other company a question's last digits move
    assert len(sampled) - n_sampled <= n_sampled + settings.sampling.batch_size  # at most the torn batch twice
    assert again.adapter.metrics["n_steps"] == whole.adapter.metrics["n_steps"]


def test_the_adapter_of_the_presets_own_threshold_is_not_tuned_twice(
    preset: Preset, settings: Settings, tmp_path: Path
) -> None:
    _result(_events(preset, settings, tmp_path))
    weights = [tmp_path / place / "adapter" / "adapter_model.safetensors" for place in ("train", "sweep/tau-50")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert weights[0].stat().st_mtime_ns == weights[1].stat().st_mtime_ns


def test_with_nothing_left_to_teach_it_says_so(preset: Preset, settings: Settings) -> None:
    with pytest.raises(DataError, match=r"^No question of sciq\[:2\] is left to teach: all 2 are among those"):
        questions_of(replace(preset, teach="sciq[:2]"), settings)


def test_a_folder_goes_on_with_its_own_settings_and_no_other_preset(
    preset: Preset, settings: Settings, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path)
    assert settings_for("pocket", PRESETS["pocket"], folder) == PRESETS["pocket"].settings
    _stopped_at("label", preset, settings, tmp_path)
    assert settings_for("tiny", preset, folder) == settings
    with pytest.raises(DataError, match=r"reproduces 'tiny', not 'pocket'; name another folder"):
        settings_for("pocket", PRESETS["pocket"], folder)


def test_pocket_cut_down_is_killed_and_ends_in_a_report(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", CUT_DOWN, "reproduce", "pocket", "--run", str(tmp_path), "--max-steps", "2"]
    asked = tmp_path / "evaluate" / "in-domain" / "samples.jsonl"
    process = subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while not asked.exists():
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    labels = (tmp_path / "train" / "labels.jsonl").read_bytes()

    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"})
    assert ended.returncode == 0, ended.stderr
    assert "| UaIT: stated number |" in ended.stdout and "sweep" in ended.stderr  # the table; the plan before it
    assert (tmp_path / "train" / "labels.jsonl").read_bytes() == labels
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert {result["n"] for result in data["report"]["results"]} == {12}
    assert (data["preset"], data["n_labelled"], len(data["sweep"])) == ("pocket", 48, 2)
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "## 2. Does it matter which labels teach?" in report and "## 3." in report
    assert "auroc" in (tmp_path / "figures.html").read_text(encoding="utf-8").lower()
    for name in ("report.md", "report.json", "figures.html"):
        assert str(tmp_path) not in (tmp_path / name).read_text(encoding="utf-8")  # no place of this machine
