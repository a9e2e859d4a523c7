"""The burst does what jobs do, and its times are taken where they say."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from uait.settings import Settings
from uait.stages import burst


def test_each_time_is_that_of_its_own_work(settings: Settings) -> None:
    """By a clock that ticks once at each look: loading, 8 questions of 16, 8 answers, an adapter, a step of 32."""
    ticks = iter(float(i) for i in range(1000))
    pace = burst.burst(settings, began=-5.0, clock=lambda: next(ticks))
    assert pace.loading == 5.0 + 1.0  # the first labels come with one tick more, that of the start
    assert pace.sampled == 1.0 and pace.n_samples == settings.sampling.n_samples
    assert pace.answered == 1 / 8
    assert pace.preparing == 2.0  # waking, and the fresh adapter
    assert pace.learnt == 1 / settings.tune.batch_size


def test_a_process_measures_and_what_cannot_be_measured_stays_unknown(settings: Settings, tmp_path: Path) -> None:
    assert burst.known(settings.model.model) is None
    began = time.monotonic()
    burst.measure(settings)
    pace = burst.known(settings.model.model)
    assert pace is not None and 0 < pace.loading < time.monotonic() - began and pace.learnt > 0
    missing = str(tmp_path / "missing")
    burst.measure(replace(settings, model=replace(settings.model, model=missing)))
    assert burst.known(missing) is None


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(burst, "_known", {})
