import json
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from uait.method.calibration import Calibration, apply, calibrate_labels, fit_calibration
from uait.method.metrics import ece
from uait.records import Label, Question, Reason
from uait.records.errors import DataError, SettingsError
from uait.settings import LabelSettings

KINDS = ["isotonic", "platt"]


def _rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidences that are too low: the answer is right with probability sqrt(c)."""
    rng = np.random.default_rng(seed)
    confidence = rng.random(n)
    return confidence, rng.random(n) < np.sqrt(confidence)


def _label(name: str, confidence: float | None, is_correct: bool | None) -> Label:
    unscored = Reason.EMPTY if confidence is None else None
    return Label(Question(name, "Who?", ("gold",)), "own", confidence, confidence, None, is_correct, unscored)


def _labels(n: int) -> list[Label]:
    return [_label(f"q{i}", float(c), bool(y)) for i, (c, y) in enumerate(zip(*_rows(n, 0), strict=True))]


@pytest.mark.parametrize("kind", KINDS)
def test_calibrating_brings_confidence_near_to_frequency(kind: str) -> None:
    calibration = fit_calibration(*_rows(2000, 0), kind)
    confidence, correct = _rows(4000, 1)
    calibrated = [apply(calibration, c) for c in confidence]
    # mean of sqrt(c) - c over [0, 1] is 2/3 - 1/2 = .167
    assert ece(confidence, correct, 10) == pytest.approx(0.167, abs=0.03)
    assert (ece(calibrated, correct, 10) or 1.0) < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_a_calibrated_confidence_never_falls_and_is_never_certain(kind: str) -> None:
    calibration = fit_calibration(*_rows(300, 0), kind)
    values = [apply(calibration, c) for c in np.linspace(0, 1, 101)]
    assert values == sorted(values)
    assert 0.001 <= values[0] < values[-1] <= 0.999


def test_perfectly_separated_answers_are_still_not_certain() -> None:
    calibration = fit_calibration([0.1, 0.2, 0.8, 0.9], [False, False, True, True], "isotonic")
    assert (apply(calibration, 0.0), apply(calibration, 1.0)) == (0.001, 0.999)


def test_isotonic_of_a_case_worked_by_hand() -> None:
    # .2 wrong, .4 right, .6 wrong, .8 right: the middle two fall, so they are pooled to 1/2
    calibration = fit_calibration([0.2, 0.4, 0.6, 0.8], [False, True, False, True], "isotonic")
    assert apply(calibration, 0.4) == apply(calibration, 0.6) == apply(calibration, 0.5) == 0.5
    assert apply(calibration, 0.3) == pytest.approx(0.25)


def test_isotonic_equals_scikit_learns_prediction() -> None:
    confidence, correct = _rows(300, 2)
    model = IsotonicRegression(out_of_bounds="clip").fit(confidence, correct.astype(float))
    grid = np.linspace(0, 1, 57)
    calibration = fit_calibration(confidence, correct, "isotonic")
    expected = np.clip(model.predict(grid), 0.001, 0.999)
    assert [apply(calibration, c) for c in grid] == pytest.approx(expected)


def test_platt_equals_scikit_learns_sigmoid_calibration() -> None:
    # scikit-learn fits Platt's sigmoid to a frozen classifier's decision function, which here is the log-odds itself
    confidence, correct = _rows(300, 2)
    log_odds = np.log(confidence / (1 - confidence))[:, np.newaxis]
    identity = LogisticRegression().fit(log_odds, correct)
    identity.coef_, identity.intercept_ = np.array([[1.0]]), np.array([0.0])
    sigmoid = CalibratedClassifierCV(FrozenEstimator(identity), method="sigmoid").fit(log_odds, correct)
    calibration = fit_calibration(confidence, correct, "platt")
    ours = [apply(calibration, c) for c in confidence]
    assert ours == pytest.approx(np.clip(sigmoid.predict_proba(log_odds)[:, 1], 0.001, 0.999), abs=1e-4)


def test_platt_takes_confidences_of_nearly_zero_and_one() -> None:
    calibration = fit_calibration([0.0, 1e-300, 0.5, 1.0], [False, False, True, True], "platt")
    assert 0.001 <= apply(calibration, 0.0) < 0.5 < apply(calibration, 1.0) <= 0.999


@pytest.mark.parametrize("kind", KINDS)
def test_a_calibration_survives_json(kind: str) -> None:
    calibration = fit_calibration(*_rows(50, 0), kind)
    data = json.loads(json.dumps(asdict(calibration)))
    again = Calibration(data["kind"], tuple(data["xs"]), tuple(data["ys"]), data["n"])
    assert again == calibration and again.n == 50


@pytest.mark.parametrize("kind", KINDS)
def test_one_class_cannot_be_fitted(kind: str) -> None:
    with pytest.raises(DataError, match="of 3 held-out answers 3 are right"):
        fit_calibration([0.1, 0.5, 0.9], [True, True, True], kind)


def test_a_confidence_that_falls_with_correctness_is_refused() -> None:
    with pytest.raises(DataError, match="does not rise with correctness"):
        fit_calibration([0.1, 0.2, 0.8, 0.9], [True, True, False, False], "platt")


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(SettingsError, match="'beta'"):
        fit_calibration([0.1, 0.9], [False, True], "beta")


@pytest.mark.parametrize(
    ("xs", "ys"), [((), ()), ((0.1, 0.2), (0.1,)), ((0.1, 0.2), (0.9, 0.1)), ((0.2, 0.1), (0.1, 0.9))]
)
def test_a_broken_calibration_is_refused(xs: tuple[float, ...], ys: tuple[float, ...]) -> None:
    with pytest.raises(DataError):
        Calibration("isotonic", xs, ys, 2)


def test_the_questions_fitted_on_are_left_out_and_the_rest_calibrated() -> None:
    labels = _labels(100)
    done = calibrate_labels(labels, LabelSettings(calibrate="isotonic", calibration_fraction=0.2), seed=0)
    assert done.calibration is not None
    assert len(done.held_out_ids) == done.calibration.n == 20 and len(done.labels) == 80
    assert not {label.question.id for label in done.labels} & set(done.held_out_ids)
    by_id = {label.question.id: label for label in labels}
    for label in done.labels:
        raw = by_id[label.question.id].confidence
        assert raw is not None and label.raw_confidence == raw and label.confidence == apply(done.calibration, raw)


def test_unscored_labels_pass_through_and_are_never_fitted_on() -> None:
    unscored = [_label(f"u{i}", None, True) for i in range(50)]
    done = calibrate_labels(_labels(40) + unscored, LabelSettings(calibrate="platt"), seed=0)
    assert [label for label in done.labels if label.confidence is None] == unscored
    assert all(name.startswith("q") for name in done.held_out_ids)


def test_the_held_out_slice_depends_on_the_seed_and_not_on_the_order() -> None:
    labels, settings = _labels(60), LabelSettings(calibrate="isotonic")
    ids = calibrate_labels(labels, settings, seed=1).held_out_ids
    assert calibrate_labels(labels[::-1], settings, seed=1).held_out_ids == ids
    assert calibrate_labels(labels, settings, seed=2).held_out_ids != ids


def test_without_calibration_the_labels_come_back_as_they_are() -> None:
    labels = _labels(5)
    done = calibrate_labels(labels, LabelSettings(calibrate="none"), seed=0)
    assert (done.labels, done.calibration, done.held_out_ids) == (tuple(labels), None, ())


def test_no_usable_label_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"set label\.calibrate to none"):
        calibrate_labels([_label("u", None, True)], LabelSettings(calibrate="isotonic"), seed=0)
