"""Our metrics against scikit-learn's, on data with and without ties."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from uait.method.metrics import auprc, auroc, auroc_interval, brier, ece, reliability


@pytest.fixture(params=[None, 1, 2], ids=["no ties", "ten values", "hundred values"])
def rows(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    correct = rng.random(500) < 0.6
    confidence = np.clip(0.2 * correct + 0.8 * rng.random(500), 0, 1)
    return (confidence if request.param is None else confidence.round(request.param)), correct


def test_auroc_equals_scikit_learns(rows: tuple[np.ndarray, np.ndarray]) -> None:
    confidence, correct = rows
    assert auroc(confidence, correct) == pytest.approx(roc_auc_score(correct, confidence), abs=1e-12)


def test_auprc_equals_scikit_learns_average_precision(rows: tuple[np.ndarray, np.ndarray]) -> None:
    confidence, correct = rows
    assert auprc(confidence, correct) == pytest.approx(average_precision_score(correct, confidence), abs=1e-12)


def test_brier_equals_scikit_learns(rows: tuple[np.ndarray, np.ndarray]) -> None:
    confidence, correct = rows
    assert brier(confidence, correct) == pytest.approx(brier_score_loss(correct, confidence), abs=1e-12)


def test_reliability_and_ece_equal_scikit_learns_calibration_curve() -> None:
    # without ties on the bin edges, where the two differ in which bin an edge belongs to
    rng = np.random.default_rng(4)
    confidence, correct = rng.random(500), rng.random(500) < 0.5
    accuracy, mean = calibration_curve(correct, confidence, n_bins=10)
    bins = reliability(confidence, correct, 10)
    assert [b[0] for b in bins] == pytest.approx(mean) and [b[1] for b in bins] == pytest.approx(accuracy)
    counts = np.array([b[2] for b in bins])
    assert ece(confidence, correct, 10) == pytest.approx(np.dot(counts / 500, np.abs(accuracy - mean)))


def test_the_bootstrap_interval_equals_a_plain_loop(rows: tuple[np.ndarray, np.ndarray]) -> None:
    order = np.lexsort((rows[1], rows[0]))  # the order in which ours draws
    confidence, correct = rows[0][order], rows[1][order]
    rng, values = np.random.default_rng(7), []
    for _ in range(40):
        drawn = rng.integers(500, size=500)
        values.append(roc_auc_score(correct[drawn], confidence[drawn]))
    ours = auroc_interval(*rows, 40, 7)
    assert ours == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])), abs=1e-9)
