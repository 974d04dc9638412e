"""Figures about distances against NumPy, SciPy and scikit-learn."""

import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from scipy import stats
from scipy.spatial.distance import pdist
from sklearn.datasets import load_iris
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.manifold import MDS
from sklearn.utils.fixes import parse_version

from skwass.metrics import distance_correlation, relative_error, stress


def noisy(n_pairs=200, seed=0):
    rng = np.random.default_rng(seed)
    distances = rng.uniform(0.5, 3.0, n_pairs)
    return distances, np.abs(distances + rng.normal(scale=0.3, size=n_pairs))


# --- distance_correlation ---------------------------------------------------------


@pytest.mark.parametrize("n_pairs", [2, 3, 200])
def test_the_correlation_is_that_of_squares(n_pairs):
    distances, embedded = noisy(n_pairs)
    found = distance_correlation(distances, embedded)
    assert type(found) is float
    expected = stats.pearsonr(distances**2, embedded**2).statistic
    assert_allclose(found, expected, rtol=1e-10)
    if n_pairs > 2:
        assert abs(found - np.corrcoef(distances, embedded)[0, 1]) > 1e-4


def test_the_correlation_does_not_see_scale_or_offset_of_squares():
    distances, embedded = noisy()
    expected = distance_correlation(distances, embedded)
    moved = np.sqrt(7.0 * embedded**2 + 3.0)
    assert_allclose(distance_correlation(distances, moved), expected, rtol=1e-10)
    assert_allclose(distance_correlation(distances, 5 * distances), 1.0, rtol=1e-12)
    reversed_ = np.sqrt(10.0 - distances**2)
    assert_allclose(distance_correlation(distances, reversed_), -1.0, rtol=1e-12)


def test_the_correlation_does_not_see_which_side_is_true():
    distances, embedded = noisy()
    assert_allclose(
        distance_correlation(embedded, distances),
        distance_correlation(distances, embedded),
        rtol=1e-12,
    )


@pytest.mark.parametrize("unit", [1e-300, 1e-160, 1e160, 1e300])
def test_huge_and_tiny_distances_are_as_correlated_as_others(unit):
    distances, embedded = noisy()
    expected = distance_correlation(distances, embedded)
    found = distance_correlation(unit * distances, unit * embedded)
    assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("distances", "embedded"),
    [
        ([1.0], [2.0]),
        ([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]),
        ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]),
        ([0.0, 0.0], [0.0, 0.0]),
    ],
    ids=["one pair", "all equally far", "all embedded equally far", "all the same"],
)
def test_a_correlation_that_is_undefined_is_nan_and_warns(distances, embedded):
    with pytest.warns(UndefinedMetricWarning, match="two pairs or more") as caught:
        found = distance_correlation(distances, embedded)
    assert np.isnan(found)
    assert caught[0].filename == __file__


# --- relative_error ---------------------------------------------------------------


def test_the_relative_error_is_a_mean_over_pairs():
    distances, embedded = noisy()
    expected = np.mean(np.abs(embedded / distances - 1))
    found = relative_error(distances, embedded)
    assert type(found) is float
    assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("factor", [0.0, 0.75, 1.0, 1.25])
def test_the_relative_error_of_a_factor_is_what_it_lacks_of_one(factor):
    distances, _ = noisy()
    assert_allclose(relative_error(distances, factor * distances), abs(1 - factor))


def test_pairs_at_no_distance_do_not_count():
    assert relative_error([0.0, 1.0, 2.0], [9.0, 1.5, 2.0]) == 0.25


def test_a_relative_error_that_is_undefined_is_nan_and_warns():
    with pytest.warns(UndefinedMetricWarning, match="all true distances") as caught:
        assert np.isnan(relative_error([0.0, 0.0], [0.0, 1.0]))
    assert caught[0].filename == __file__


# --- stress -----------------------------------------------------------------------


def test_stress_is_a_sum_of_squares_and_stress_1_its_relative_root():
    distances, embedded = noisy()
    raw = np.sum((distances - embedded) ** 2)
    assert_allclose(stress(distances, embedded), raw, rtol=1e-12)
    assert_allclose(
        stress(distances, embedded, normalized=True),
        np.sqrt(raw / np.sum(embedded**2)),
        rtol=1e-12,
    )
    assert stress(distances, distances) == 0.0
    assert stress(distances, distances, normalized=True) == 0.0


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.2])
def test_stress_1_of_a_factor_is_what_its_inverse_lacks_of_one(factor):
    distances, _ = noisy()
    found = stress(distances, factor * distances, normalized=True)
    assert_allclose(found, abs(1 - 1 / factor), rtol=1e-12)


def test_stress_1_has_no_unit_and_stress_a_squared_one():
    distances, embedded = noisy()
    for unit in (1e-3, 7.0):
        assert_allclose(
            stress(unit * distances, unit * embedded),
            unit**2 * stress(distances, embedded),
        )
    for unit in (1e-200, 1e-3, 7.0, 1e200):
        assert_allclose(
            stress(unit * distances, unit * embedded, normalized=True),
            stress(distances, embedded, normalized=True),
        )


def test_stress_1_of_a_collapsed_embedding_is_nan_and_warns():
    with pytest.warns(UndefinedMetricWarning, match="all embedded") as caught:
        assert np.isnan(stress([0.0, 1.0], [0.0, 0.0], normalized=True))
    assert caught[0].filename == __file__
    assert stress([0.0, 1.0], [0.0, 0.0]) == 1.0


def fitted_mds(normalized_stress):
    X = load_iris().data[::5]
    with warnings.catch_warnings():
        # defaults that other versions of scikit-learn are about to change
        warnings.simplefilter("ignore", FutureWarning)
        mds = MDS(2, n_init=1, random_state=0, normalized_stress=normalized_stress)
        mds.fit(X)
    return mds, pdist(X), pdist(mds.embedding_)


needs_stress_of_the_embedding = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.7"),
    reason="MDS told the stress of the last but one step, and no metric stress-1",
)


@needs_stress_of_the_embedding
def test_stress_is_that_of_mds():
    mds, distances, embedded = fitted_mds(False)
    assert mds.stress_ > 0.1
    assert_allclose(stress(distances, embedded), mds.stress_, rtol=1e-9)


@needs_stress_of_the_embedding
def test_stress_1_is_that_of_mds():
    mds, distances, embedded = fitted_mds(True)
    assert mds.stress_ > 0.01
    found = stress(distances, embedded, normalized=True)
    assert_allclose(found, mds.stress_, rtol=1e-9)


# --- bad input --------------------------------------------------------------------

METRICS = pytest.mark.parametrize(
    "metric",
    [distance_correlation, relative_error, stress],
    ids=lambda metric: metric.__name__,
)


@METRICS
@pytest.mark.parametrize(
    ("distances", "embedded", "message"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0], r"inconsistent.*\[3, 2\]"),
        ([1.0, -2.0], [1.0, 2.0], "distances must be non-negative"),
        ([1.0, 2.0], [1.0, -2.0], "embedded must be non-negative"),
        ([1.0, np.nan], [1.0, 2.0], "distances contains NaN"),
        ([1.0, 2.0], [1.0, np.nan], "embedded contains NaN"),
        ([1.0, np.inf], [1.0, 2.0], "distances contains infinity"),
        (np.ones((2, 2)), np.ones(2), r"distances must .*got shape \(2, 2\)"),
        (np.ones(2), np.ones((2, 2)), r"embedded must .*got shape \(2, 2\)"),
        (np.ones((2, 2, 2)), np.ones(2), "dim 3"),
        (["a", "b"], [1.0, 2.0], "could not convert string"),
        ([], [], "minimum of 1 is required"),
    ],
)
def test_bad_distances_are_refused_by_name(metric, distances, embedded, message):
    with pytest.raises(ValueError, match=message):
        metric(distances, embedded)


@METRICS
@pytest.mark.parametrize("convert", [list, tuple, np.float32, np.asarray])
def test_any_sequence_of_numbers_will_do(metric, convert):
    distances, embedded = noisy(20)
    found = metric(convert(distances), convert(embedded))
    assert_allclose(found, metric(distances, embedded), rtol=1e-5)


@METRICS
def test_what_is_given_is_left_as_it_was(metric):
    distances, embedded = noisy(20)
    copies = distances.copy(), embedded.copy()
    metric(distances, embedded)
    assert np.array_equal(distances, copies[0])
    assert np.array_equal(embedded, copies[1])
