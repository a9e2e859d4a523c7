"""Two rankings of the same questions: the difference, and an interval that knows they are the same questions."""

import numpy as np
import pytest

from uait.method.metrics import auroc, auroc_interval
from uait.method.paired import Ranking, auroc_difference


def _ranking(noise: float, seed: int = 1) -> Ranking:
    rng = np.random.default_rng(0)
    sure = rng.uniform(size=400)
    right = rng.uniform(size=400) < sure
    moved = np.clip(sure + noise * np.random.default_rng(seed).normal(size=400), 0, 1)
    return Ranking(moved.tolist(), right.tolist())


def test_the_difference_is_that_of_the_two_aurocs() -> None:
    good, bad = _ranking(0.0), _ranking(0.5)
    found = auroc_difference(good, bad, 200, 0)
    assert found is not None
    assert found[0] == pytest.approx(auroc(*good.arrays()) - auroc(*bad.arrays()))  # type: ignore[operator]
    assert 0 < found[1] < found[0] < found[2]  # clear of 0
    back = auroc_difference(bad, good, 200, 0)
    assert back == pytest.approx((-found[0], -found[2], -found[1]))


def test_what_two_rankings_share_does_not_widen_the_interval() -> None:
    good, near = _ranking(0.0), _ranking(0.01)
    found, alone = auroc_difference(good, near, 200, 0), auroc_interval(*good.arrays(), 200, 0)
    assert found is not None and alone is not None
    assert found[2] - found[1] < 0.3 * (alone[1] - alone[0])
    assert auroc_difference(good, good, 200, 0) == (0.0, 0.0, 0.0)


def test_a_missing_confidence_ranks_last_and_a_missing_class_gives_none() -> None:
    found = auroc_difference(Ranking([None, 0.2], [False, True]), Ranking([0.9, 0.2], [False, True]), 50, 0)
    assert found is not None and found[0] == 1.0
    assert auroc_difference(Ranking([0.1, 0.2], [True, True]), Ranking([0.1, 0.2], [True, True]), 50, 0) is None
