"""Gaps between confidence and accuracy, against known answers and torchmetrics."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skwass.metrics import (
    adaptive_calibration_error,
    classwise_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
)

NORMS = ("l1", "l2", "max")
OPTIONS = [
    {"norm": norm, "strategy": strategy, "classwise": classwise}
    for norm in NORMS
    for strategy in ("uniform", "quantile")
    for classwise in (False, True)
]


def problem(n_samples, n_classes, sharpness):
    """Labels and probabilities that need no generator, so that figures can be kept."""
    rows, columns = np.indices((n_samples, n_classes))
    logits = sharpness * np.sin(7.0 * rows + 11.0 * columns**2 + 0.1 * rows * columns)
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    step = 1 + np.arange(n_samples) % (n_classes - 1)
    step[np.arange(n_samples) ** 2 % 11 >= 4] = 0
    return (proba.argmax(axis=1) + step) % n_classes, proba


# --- torchmetrics -----------------------------------------------------------------

# MulticlassCalibrationError of torchmetrics 1.9.0 (l1, l2, max), which computes in
# float32 and puts an edge into the bin above; no confidence here is within 3e-5 of one
TORCHMETRICS = {
    (500, 3, 2.0, 10): (0.15856029, 0.21440583, 0.40931940),
    (500, 3, 2.0, 15): (0.15856023, 0.20917977, 0.38788420),
    (1000, 10, 4.0, 10): (0.14452454, 0.17423190, 0.34362715),
    (1000, 10, 4.0, 15): (0.14452459, 0.17597187, 0.87214738),
    (300, 2, 1.5, 10): (0.21567225, 0.26511606, 0.41930763),
    (300, 2, 1.5, 15): (0.21651478, 0.25920033, 0.48450729),
}


@pytest.mark.parametrize("key", TORCHMETRICS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test__error__is_that_of_torchmetrics(key, dtype):
    *sizes, n_bins = key
    y_true, y_proba = problem(*sizes)
    found = [
        expected_calibration_error(
            y_true, y_proba.astype(dtype), n_bins=n_bins, norm=norm
        )
        for norm in NORMS
    ]
    assert_allclose(found, TORCHMETRICS[key], rtol=2e-6)


# --- known answers ----------------------------------------------------------------


def test__error__is_the_gap_of_each_bin_weighted_by_its_mass():
    # four samples at .9, three right; one at .6, right
    y_proba = np.array([[0.9, 0.1]] * 4 + [[0.4, 0.6]])
    y_true = [0, 0, 0, 1, 1]
    gaps, mass = np.array([0.15, 0.4]), np.array([0.8, 0.2])
    found = [expected_calibration_error(y_true, y_proba, norm=norm) for norm in NORMS]
    assert_allclose(found, [mass @ gaps, np.sqrt(mass @ gaps**2), 0.4])


def test__error__is_zero_if_confidence_comes_true():
    y_proba = np.repeat([[0.75, 0.25, 0.0]], 4, axis=0)
    for options in OPTIONS:
        error = expected_calibration_error(
            [0, 0, 0, 1], y_proba, labels=[0, 1, 2], **options
        )
        assert error == pytest.approx(0, abs=1e-15)


def test__error__falls_to_zero_for_true_probabilities_of_many_samples():
    rng = np.random.default_rng(0)
    y_proba = rng.dirichlet([1, 1, 1], size=40_000)
    y_true = (rng.random(40_000)[:, None] > y_proba.cumsum(axis=1)).sum(axis=1)
    for strategy in ("uniform", "quantile"):
        assert expected_calibration_error(y_true, y_proba, strategy=strategy) < 0.01
    overconfident = y_proba**3 / (y_proba**3).sum(axis=1, keepdims=True)
    assert expected_calibration_error(y_true, overconfident) > 0.1


def test__edges__belong_to_the_bin_below():
    # .7 is an edge of ten bins; with .71 it would share the bin above
    y_true, y_proba = [1, 0], [0.7, 0.71]
    error = expected_calibration_error(y_true, y_proba, n_bins=10)
    assert error == pytest.approx((0.3 + 0.71) / 2)
    together = expected_calibration_error(y_true, [0.705, 0.71], n_bins=10)
    assert together == pytest.approx(abs(0.5 - 0.7075))


def test__certainty__is_in_the_last_bin():
    error = expected_calibration_error([1, 0, 1, 1], [1.0, 0.95, 0.97, 0.99], n_bins=10)
    assert error == pytest.approx(np.mean([1.0, 0.95, 0.97, 0.99]) - 0.75)


def test__classwise__is_the_mean_over_classes_of_one_against_the_rest():
    y_true, y_proba = problem(300, 4, 2.0)
    edges = np.arange(1, 16) / 15
    gaps, masses = [], []
    for label in range(4):
        places = np.searchsorted(edges, y_proba[:, label])
        for place in np.unique(places):
            inside = places == place
            freq = np.mean(y_true[inside] == label)
            gaps.append(abs(freq - y_proba[inside, label].mean()))
            masses.append(inside.mean() / 4)
    expected = (
        np.dot(masses, gaps),
        np.sqrt(np.dot(masses, np.square(gaps))),
        max(gaps),
    )
    found = [classwise_calibration_error(y_true, y_proba, norm=norm) for norm in NORMS]
    assert_allclose(found, expected, rtol=1e-12)


def test__quantile_bins__hold_equally_many():
    y_true, y_proba = problem(60, 3, 2.0)
    confidence = y_proba.max(axis=1)
    correct = y_proba.argmax(axis=1) == y_true
    order = np.argsort(confidence).reshape(6, 10)
    gaps = np.abs(confidence[order].mean(axis=1) - correct[order].mean(axis=1))
    error = adaptive_calibration_error(y_true, y_proba, n_bins=6)
    assert error == pytest.approx(gaps.mean())


def test__quantile_bins__part_no_equal_confidences():
    y_true = np.array([0, 1, 1, 1, 0, 1, 0, 1])
    y_proba = np.full(8, 0.8)
    error = adaptive_calibration_error(y_true, y_proba, n_bins=4)
    assert error == pytest.approx(abs(0.8 - 5 / 8))


def test__quantile_bins__hold_the_largest_however_little_it_weighs():
    options = {"n_bins": 2, "labels": [0, 1]}
    y_true, y_proba = [0, 1, 1], [[0.5, 0.5], [0.1, 0.9], [0.4, 0.6]]
    found = adaptive_calibration_error(
        y_true, y_proba, sample_weight=[1, 1e-12, 1], **options
    )
    without = adaptive_calibration_error(y_true[::2], y_proba[::2], **options)
    assert found == pytest.approx(without)


def test__one_bin__compares_the_means():
    y_true, y_proba = problem(100, 3, 2.0)
    gap = y_proba.max(axis=1).mean() - np.mean(y_proba.argmax(axis=1) == y_true)
    for options in OPTIONS[::2]:
        error = expected_calibration_error(y_true, y_proba, n_bins=1, **options)
        assert error == pytest.approx(abs(gap))


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (maximum_calibration_error, {"norm": "max"}),
        (adaptive_calibration_error, {"strategy": "quantile"}),
        (classwise_calibration_error, {"classwise": True}),
    ],
)
def test__short_names__are_the_same_error(function, options):
    y_true, y_proba = problem(200, 3, 2.0)
    assert function(y_true, y_proba, n_bins=7) == expected_calibration_error(
        y_true, y_proba, n_bins=7, **options
    )


# --- invariances ------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", OPTIONS, ids=lambda o: "-".join(map(str, o.values()))
)
def test__weights__count_samples(options):
    y_true, y_proba = problem(90, 3, 2.0)
    counts = np.arange(90) % 4  # some of them zero
    repeated = expected_calibration_error(
        np.repeat(y_true, counts), np.repeat(y_proba, counts, axis=0), **options
    )
    for scale in (1, 0.1, 3e4):
        weighted = expected_calibration_error(
            y_true, y_proba, sample_weight=scale * counts, **options
        )
        assert weighted == pytest.approx(repeated, rel=1e-12)
    if options["norm"] != "max":  # which may be that of a bin all of one weight
        plain = expected_calibration_error(y_true, y_proba, **options)
        assert plain != pytest.approx(repeated, rel=1e-3)


@pytest.mark.parametrize(
    "options", OPTIONS, ids=lambda o: "-".join(map(str, o.values()))
)
def test__order_of_rows__does_not_matter(options):
    y_true, y_proba = problem(200, 3, 2.0)
    y_proba = y_proba.round(1)  # many ties
    y_proba[:, 0] = 1 - y_proba[:, 1:].sum(axis=1)
    y_proba = y_proba.clip(0)
    order = np.random.default_rng(0).permutation(200)
    assert expected_calibration_error(
        y_true[order], y_proba[order], **options
    ) == pytest.approx(
        expected_calibration_error(y_true, y_proba, **options), rel=1e-12
    )


def test__names_of_classes__do_not_matter():
    y_true, y_proba = problem(200, 3, 2.0)
    names = np.array(["bird", "cat", "dog"])
    for options in OPTIONS:
        assert expected_calibration_error(
            names[y_true], y_proba, **options
        ) == expected_calibration_error(y_true, y_proba, **options)


def test__two_classes__may_come_as_one_column():
    y_true, y_proba = problem(200, 2, 2.0)
    for options in OPTIONS:
        both = expected_calibration_error(y_true, y_proba, **options)
        for one in (y_proba[:, 1], y_proba[:, 1:]):
            assert expected_calibration_error(y_true, one, **options) == pytest.approx(
                both, rel=1e-9
            )


def test__missing_class__needs_its_label():
    y_true, y_proba = problem(200, 3, 2.0)
    seen = y_true != 2
    whole = expected_calibration_error(y_true[seen], y_proba[seen], labels=[0, 1, 2])
    assert 0 < whole < 1
    with pytest.raises(ValueError, match="3 classes, y_true of 2"):
        expected_calibration_error(y_true[seen], y_proba[seen])


# --- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"norm": "l3"}, ValueError, "norm must be one of"),
        ({"strategy": "kmeans"}, ValueError, "strategy must be one of"),
        ({"n_bins": 0}, ValueError, "n_bins == 0"),
        ({"n_bins": 2.5}, TypeError, "n_bins must be an instance of"),
    ],
)
def test__bad_option__is_refused(options, error, message):
    with pytest.raises(error, match=message):
        expected_calibration_error([0, 1], [0.2, 0.8], **options)
