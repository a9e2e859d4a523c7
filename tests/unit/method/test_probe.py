"""The probe: few answers are enough where the probability tells, and no answer's own target is in what it gives."""

import numpy as np
import pytest

from uait.method import probe
from uait.method.metrics import auroc

HIDDEN = 64


def _answers(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features and right or wrong of `n` answers: as probable as they are often right, their states noise."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.01, 0.99, n)
    return probe.features(rng.normal(size=(n, HIDDEN)), p.tolist()), rng.random(n) < p


def test_few_answers_are_enough_where_the_probability_tells() -> None:
    fitted = probe.fit(*_answers(60, 0))
    rows, right = _answers(2000, 1)
    best = auroc(np.exp(rows[:, 1]), right)
    found = auroc(probe.confidences(fitted, rows), right)
    assert best is not None and found is not None
    assert found > best - 0.02


def test_with_many_answers_the_states_tell_too() -> None:
    rows, _ = _answers(4000, 2)
    right = rows[:, 0] + 2 * rows[:, 5] > 0
    probability = auroc(np.exp(rows[:, 1]), right)
    found = auroc(probe.smoothed(rows, right, [str(i) for i in range(len(rows))]), right)
    assert probability is not None and found is not None
    assert found > probability + 0.05


def test_no_answer_sees_its_own_target_nor_that_of_the_same_fact() -> None:
    rows, right = _answers(100, 3)
    facts = [f"fact {i // 2}" for i in range(len(rows))]
    as_it_is = probe.smoothed(rows, right, facts)
    turned = probe.smoothed(rows, np.where(np.arange(len(rows)) < 2, ~right, right), facts)
    assert turned[:2] == pytest.approx(as_it_is[:2], abs=1e-9)
    assert turned[2:] != pytest.approx(as_it_is[2:], abs=1e-9)


def test_fewer_than_five_facts_are_refused() -> None:
    rows, right = _answers(8, 4)
    with pytest.raises(ValueError, match="groups"):
        probe.smoothed(rows, right, ["a", "b", "c", "d"] * 2)
