"""The probe finds what the state at an answer holds beside its probability, and is never asked about its own fact."""

import numpy as np
import pytest

from uait.method import probe
from uait.method.metrics import auroc

N = 3000


def _answers() -> tuple[np.ndarray, list[float], list[bool], list[str]]:
    """States whose first number, with the probability, says how likely the answer is right."""
    rng = np.random.default_rng(0)
    states, p = rng.normal(size=(N, 6)), rng.uniform(0.05, 0.95, size=N)
    odds = 2 * states[:, 0] + np.log(p / (1 - p))
    right = rng.uniform(size=N) < 1 / (1 + np.exp(-odds))
    return states, p.tolist(), right.tolist(), [f"fact-{i // 2}" for i in range(N)]


def test_what_is_right_is_smoothed_to_how_likely_it_was() -> None:
    states, p, right, facts = _answers()
    smooth = probe.smoothed(probe.features(states, p), [float(x) for x in right], facts)
    of_p, of_probe = auroc(p, right), auroc(smooth, right)
    assert of_p is not None and of_probe is not None and of_probe > of_p + 0.1
    assert np.mean(smooth) == pytest.approx(np.mean(right), abs=0.05)


def test_few_answers_are_enough_where_the_probability_tells() -> None:
    states, p, _, facts = _answers()
    right = [bool(x) for x in np.random.default_rng(2).uniform(size=N) < p]
    rows = probe.features(states, p)
    of_p, of_probe = auroc(p, right), auroc(probe.confidences(probe.fit(rows[:60], right[:60]), rows), right)
    assert of_p is not None and of_probe is not None and of_probe > of_p - 0.02
    with pytest.raises(ValueError, match="groups"):
        probe.smoothed(rows[:8], right[:8], facts[:8])


def test_a_fact_says_nothing_of_itself() -> None:
    rng = np.random.default_rng(1)
    states = np.repeat(rng.normal(size=(N // 2, 300)), 2, axis=0)  # two phrasings of each fact look alike
    right = np.repeat(rng.uniform(size=N // 2) < 0.5, 2)
    smooth = probe.smoothed(probe.features(states, [0.5] * N), right.astype(float), [str(i // 2) for i in range(N)])
    found = auroc(smooth, right)
    assert found is not None and 0.35 < found < 0.65


def test_a_share_of_a_right_answer_counts_as_that_share() -> None:
    rows = probe.features(np.zeros((N, 2)), [0.5] * N)
    assert probe.confidences(probe.fit(rows, [0.3] * N), rows[:1]) == pytest.approx([0.3], abs=0.01)
