"""Arithmetic of estimates, by hand."""

from dataclasses import replace
from typing import Any

import pytest

from uait.data.catalogue import describe
from uait.method.pace import label_span, recorded_pace, tune_span
from uait.records.plans import Pace
from uait.settings import TuneSettings

PACE = Pace(loading=10.0, sampled=0.5, n_samples=5, answered=0.1, preparing=2.0, learnt=0.01)


def test_labelling_counts_its_loading_and_every_sample() -> None:
    assert label_span(PACE, 64, 5) == pytest.approx(42.0)  # 10 + 64 * 0.5
    assert label_span(PACE, 64, 2) == pytest.approx(26.0)  # three answers a question, not six: 10 + 64 * 0.25


def test_tuning_counts_loading_steps_looks_and_measuring() -> None:
    tune = TuneSettings(recipe="told", batch_size=8, epochs=2.0, save_steps=5)
    # 10 steps of 8 examples, the losses of 30 apart twice at a third of the price, 40 + 30 listened to, 11 looks at
    # 8 + 30 questions, 30 to choose by, 2 * 20 before and after
    seconds = 10 + 2 + (80 + 2 * 30 / 3) * 0.01 + (70 + 11 * 38 + 30 + 40) * 0.1
    assert tune_span(PACE, tune, 40, 30, 20) == pytest.approx(seconds)
    assert tune_span(PACE, replace(tune, recipe="paper"), 40, 30, 20) == pytest.approx(seconds - 7.0)
    assert tune_span(PACE, replace(tune, batch_size=64), 40, 0, 0) == pytest.approx(12 + 0.8 + (40 + 3 * 8) * 0.1)


@pytest.mark.parametrize("model", ["pocket", "smollm2"])
def test_a_recorded_run_is_estimated_at_what_it_took(model: str) -> None:
    description: Any = describe(model)
    run, tune = description.small_run, TuneSettings(**description.small_run.settings["tune"])
    pace = recorded_pace(run)
    assert pace is not None
    assert label_span(pace, 64, 5) == pytest.approx(run.seconds["label the first 64"])
    n_apart = len(run.labels) - run.n_train
    assert tune_span(pace, tune, run.n_train, n_apart, 128) == pytest.approx(run.seconds["tune"], rel=0.1)
    assert recorded_pace(replace(run, seconds={})) is None
