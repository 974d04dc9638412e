"""What every metric of probabilities accepts, and what it says of the rest."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skwass.metrics import (
    adaptive_calibration_error,
    area_under_risk_coverage,
    brier_score,
    classwise_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
    negative_log_likelihood,
)
from skwass.metrics._predictions import checked_predictions

METRICS = [
    adaptive_calibration_error,
    area_under_risk_coverage,
    brier_score,
    classwise_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
    negative_log_likelihood,
]
Y = ["a", "b", "c", "a"]
P = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])


def replaced(row, values):
    changed = P.copy()
    changed[row] = values
    return changed


BAD = {
    "rows off one": (Y, 0.9 * P, {}, r"row \d sums to 0.9"),
    "logits": (Y, 5 * P, {}, "between 0 and 1; got values from 0.5 to 4"),
    "negative": (Y, replaced(0, [-0.1, 0.6, 0.5]), {}, "got values from -0.1"),
    "not a number": (Y, replaced(0, np.nan), {}, "y_proba contains NaN"),
    "columns": (Y, P[:, :2] / P[:, :2].sum(axis=1)[:, None], {}, "2 classes.*3"),
    "one column": (Y, P[:, 0], {}, "2 classes, y_true of 3"),
    "no samples": ([], np.empty((0, 3)), {}, "minimum of 1 is required|empty"),
    "too deep": (Y, P[None], {}, "dim 3|3D"),
    "text": (Y, [["x"] * 3] * 4, {}, "could not convert"),
    "lengths": (Y[:3], P, {}, r"inconsistent.*\[3, 4\]"),
    "table of labels": (np.eye(3)[[0, 1, 2, 0]], P, {}, "should be a 1d array"),
    "continuous labels": ([0.5, 1.5, 2.2, 0.5], P, {}, "one class label a sample"),
    "labels, too few": (Y, P, {"labels": ["a", "b"]}, "name the 3 classes"),
    "labels unsorted": (Y, P, {"labels": ["b", "a", "c"]}, "sorted and all diff"),
    "labels twice": (Y, P, {"labels": ["a", "a", "c"]}, "sorted and all diff"),
    "labels unknown": (Y, P, {"labels": ["a", "b", "d"]}, r"holds \['c'\]"),
    "labels of numbers": (Y, P, {"labels": [0, 1, 2]}, "[Mm]ix of label"),
    "weights, length": (Y, P, {"sample_weight": [1, 2]}, r"of shape \(4,\)"),
    "weights, table": (Y, P, {"sample_weight": np.ones((4, 1))}, r"of shape \(4,\)"),
    "weights negative": (Y, P, {"sample_weight": [1, 1, 1, -1]}, "non-negative"),
    "weights all zero": (Y, P, {"sample_weight": [0] * 4}, "positive somewhere"),
    "weights NaN": (
        Y,
        P,
        {"sample_weight": [1, 1, 1, np.nan]},
        "sample_weight contains",
    ),
}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test__bad_predictions__are_refused_by_every_metric(metric):
    metric(Y, P)
    for y_true, y_proba, options, message in BAD.values():
        with pytest.raises(ValueError, match=message):
            metric(y_true, y_proba, **options)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test__good_predictions__come_in_many_forms(metric):
    pandas = pytest.importorskip("pandas")
    expected = metric(Y, P)
    assert isinstance(expected, float)
    same = [
        (Y, P.tolist()),
        (np.array(Y, dtype=object), np.asfortranarray(P)),
        (pandas.Series(Y, index=[9, 8, 7, 6]), pandas.DataFrame(P)),
        (pandas.Categorical(Y), P),
        (np.array([-1, 3, 5, -1]), P),
        (np.array(Y)[:, None], P),
    ]
    for y_true, y_proba in same:
        assert metric(y_true, y_proba) == expected
    assert metric(Y, P, labels=["a", "b", "c"]) == expected
    assert metric(Y, P, sample_weight=np.ones(4)) == expected
    assert metric(Y, P.astype(np.float32)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test__samples_of_zero_weight__are_as_if_absent(metric):
    absent = metric(Y[:3], P[:3])
    assert metric(Y, P, sample_weight=[2, 2, 2, 0]) == pytest.approx(absent, rel=1e-14)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test__predictions__are_left_as_they_were(metric):
    proba, weights = P.copy(), np.array([1.0, 0.0, 2.0, 1.0])
    proba[0] = [1.0005, 0, 0]
    given = proba.copy()
    metric(Y, proba, sample_weight=weights)
    assert_array_equal(proba, given)


def test__target_that_shows_one_class__is_binary_where_numbers_say_so():
    for y_true in ([1, 1], [True, True], [1.0, 1.0]):
        found = checked_predictions(y_true, [0.9, 0.2])
        assert_array_equal(found.classes, [1, 1])
    assert_array_equal(checked_predictions([-1, -1], [0.9, 0.2]).classes, [0, 0])
    assert_array_equal(checked_predictions([-1, -1], [0.9, 0.2]).labels, [-1, 1])
    with pytest.raises(ValueError, match="2 classes, y_true of 1"):
        checked_predictions(["yes", "yes"], [0.9, 0.2])
    with pytest.raises(ValueError, match="2 classes, y_true of 1"):
        checked_predictions([2, 2], [0.9, 0.2])


def test__written_digits__need_not_sum_to_one_exactly():
    thirds = np.full((3, 3), 0.333)
    found = checked_predictions([0, 1, 2], thirds)
    assert_allclose(found.proba, thirds)


def test__ties__go_to_the_first_class():
    found = checked_predictions([0, 1], [0.5, 0.5])
    assert_array_equal(found.correct, [True, False])
