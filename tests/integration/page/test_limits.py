"""What a visitor may ask of a page that others wait for."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from uait.data.catalogue import describe, names, preset, small
from uait.page import limits
from uait.page.tabs import label as label_tab
from uait.page.tabs import label_inputs
from uait.page.tabs import tune as tune_tab
from uait.page.tabs.label_inputs import BI_ENCODER
from uait.page.tabs.tune_plan import RECORDED, planner
from uait.records import Done, Event, Progress, Question
from uait.records.errors import DataError, SettingsError
from uait.runs import quota
from uait.settings import SamplingSettings, TuneSettings, settings_of


def _evaluate(n: int) -> Iterator[Event]:
    yield Progress("evaluate", 0, n)
    yield Done("report")


def test_a_second_evaluation_is_refused_at_once_and_the_next_one_is_not() -> None:
    first: Any = limits.evaluation(5, _evaluate(5))
    next(first)
    with pytest.raises(DataError, match="busy with another evaluation"):
        next(limits.evaluation(5, _evaluate(5)))
    first.close()  # the visitor left
    assert [*limits.evaluation(5, _evaluate(5))][-1] == Done("report")


def test_a_space_allows_fewer_questions_and_shorter_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/uait")
    with pytest.raises(DataError, match="n is 21; choose a number from 1 to 20"):
        next(limits.evaluation(21, _evaluate(21)))
    with pytest.raises(DataError, match="1,998 characters; asked several times here it may have 400"):
        limits.check_question("x" * 1_998)


def test_an_evaluation_that_takes_too_long_gives_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/uait")
    times = iter([0.0, 1.0, 61.0])
    events = limits.in_time(_evaluate(5), clock=lambda: next(times))
    next(events)
    with pytest.raises(DataError, match="took longer than 60 s"):
        next(events)


def test_a_space_tunes_and_labels_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/uait")
    for name in names():  # what the page fills in is allowed
        limits.check_ranges(small(preset(name)).tune)
        limits.check_ranges(preset(name).tune)
    with pytest.raises(SettingsError, match="Rank is 512; on a public page choose 64 or less"):
        limits.check_ranges(TuneSettings(rank=512))
    with pytest.raises(SettingsError, match="Epochs is 1000; "):
        limits.check_ranges(TuneSettings(epochs=1000.0))
    with pytest.raises(SettingsError, match="N samples is 100; "):
        limits.check_ranges(SamplingSettings(n_samples=100))
    with pytest.raises(DataError, match="come to 1,001 steps; on a public page a tuning has at most 1,000"):
        limits.check_steps(1001)
    for n in (0, 513, float("nan")):
        with pytest.raises(DataError, match=f"The number of questions is {n}; choose a number from 1 to 512"):
            limits.check_labels(n)


def test_the_owner_of_a_space_sets_what_a_visitors_run_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/uait")
    monkeypatch.setenv("UAIT_PUBLIC_QUESTIONS", "64")
    monkeypatch.setenv("UAIT_PUBLIC_SECONDS", "90")
    limits.check_labels(64)
    with pytest.raises(DataError, match="The number of questions is 65; choose a number from 1 to 64"):
        limits.check_labels(65)
    assert quota.job_seconds() == 90


def test_a_tuning_that_takes_longer_than_the_page_allows_is_told_so_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/uait")
    pocket, description = preset("pocket"), describe("pocket")
    assert description is not None
    shelf: Any = SimpleNamespace(shipped=SimpleNamespace(settings=pocket))
    tune = [getattr(small(pocket).tune, setting.name) for setting in settings_of(TuneSettings)]
    told = "This page stops a job after 2 s"
    for seconds, is_told in (("2", True), ("7200", False)):
        monkeypatch.setenv("UAIT_PUBLIC_SECONDS", seconds)
        text, _ = planner(tmp_path, shelf, description.small_run)(RECORDED, *tune)
        assert (told in text) is is_told, text


def test_ones_own_machine_may_work_for_days() -> None:
    limits.check_ranges(TuneSettings(rank=512, epochs=1000.0))
    limits.check_steps(10**7)
    limits.check_labels(20_000)


def test_a_raw_call_meets_the_ranges_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/uait")
    monkeypatch.setenv("UAIT_ALLOW_TRAINING", "1")
    pocket = preset("pocket")
    tune = [getattr(replace(small(pocket).tune, rank=512), setting.name) for setting in settings_of(TuneSettings)]
    begin = tune_tab._starter(tmp_path, pocket, describe("pocket"))
    assert begin(tune_tab.RECORDED, *tune)[1].startswith("Rank is 512")
    label = label_tab._starter(tmp_path, pocket, [Question("1", "Why?")], [])
    for n, n_samples, said in ((600, 5, "The number of questions is 600"), (1, 100, "N samples is 100")):
        given = [label_inputs.EMBEDDED, None, True, None, None, None, "", n, n_samples, 1.0, BI_ENCODER, ""]
        assert label(*given)[1].startswith(said)
    assert list(tmp_path.iterdir()) == []
