"""Which distance between points is meant by `metric`."""

from itertools import permutations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from skwass import sampled_wasserstein_distances, wasserstein_distances
from skwass.transport._ground import ground_metric

SCALES = np.array([0.5, 2.0, 8.0])
MATRIX = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 0.0], [0.0, 0.0, 1.0]])


def scaled_gap(u, v, *, scale=1.0):
    return scale * np.max(np.abs(u - v)) + np.abs(u[0] - v[0])


def clouds_of_five(seed=0, n_features=3):
    return np.random.default_rng(seed).uniform(0.1, 1.0, size=(4, 5, n_features))


def best_assignment(x, y, metric, **params):
    """Between clouds of equal weights some permutation is optimal: try them all."""
    costs = cdist(x, y, metric, **params) ** 2
    n = len(x)
    return min(costs[range(n), order].mean() for order in permutations(range(n)))


@pytest.mark.parametrize(
    ("metric", "params", "name"),
    [
        ("wasserstein", {}, "euclidean"),
        ("euclidean", {}, "euclidean"),
        ("l2", {}, "euclidean"),
        ("l1", {}, "cityblock"),
        ("manhattan", {}, "cityblock"),
        ("cityblock", {}, "cityblock"),
        ("chebyshev", {}, "chebyshev"),
        ("cosine", {}, "cosine"),
        ("sqeuclidean", {}, "sqeuclidean"),
        ("braycurtis", {}, "braycurtis"),
        ("minkowski", {"p": 3}, "minkowski"),
        ("minkowski", {"p": 3, "w": SCALES}, "minkowski"),
        ("wasserstein", {"w": SCALES}, "euclidean"),
        ("seuclidean", {"V": SCALES}, "seuclidean"),
        ("mahalanobis", {"VI": MATRIX}, "mahalanobis"),
        (scaled_gap, {}, scaled_gap),
        (scaled_gap, {"scale": 3.0}, scaled_gap),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_the_metric_is_that_of_scipy_under_the_optimal_assignment(metric, params, name):
    clouds = clouds_of_five()
    options = {"metric": metric, "metric_params": params, "squared": True}
    found = wasserstein_distances(clouds, **options)
    for i in range(4):
        for j in range(i):
            expected = best_assignment(clouds[i], clouds[j], name, **params)
            assert_allclose(found[i, j], expected, rtol=1e-9)
    pairs = [[1, 0], [3, 2]]
    assert_allclose(
        sampled_wasserstein_distances(clouds, pairs, **options),
        [found[1, 0], found[3, 2]],
        rtol=1e-12,
    )


@pytest.mark.parametrize(
    "metric",
    ["cityblock", "cosine", scaled_gap],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_single_points_are_as_far_apart_as_the_metric_says(metric):
    x, y = clouds_of_five()[:2, :, :]
    expected = cdist(x, y, metric)
    pairs = np.argwhere(expected)
    assert_allclose(wasserstein_distances(x, y, metric=metric), expected, rtol=1e-12)
    assert_allclose(
        sampled_wasserstein_distances(x, pairs, y, metric=metric),
        expected.ravel(),
        rtol=1e-12,
    )


def test_on_a_line_another_metric_than_the_euclidean_is_respected():
    clouds = clouds_of_five(n_features=1)
    found = wasserstein_distances(clouds, metric="sqeuclidean", squared=True)
    expected = best_assignment(clouds[0], clouds[1], "sqeuclidean")
    assert_allclose(found[0, 1], expected, rtol=1e-9)


@pytest.mark.parametrize("n_features", [1, 2])
def test_all_names_of_the_euclidean_metric_need_no_function(n_features):
    for name in ("wasserstein", "euclidean", "l2"):
        assert ground_metric(name) is None
        assert ground_metric(name, {}) is None
    clouds = clouds_of_five(n_features=n_features)
    assert_array_equal(
        wasserstein_distances(clouds, metric="l2"), wasserstein_distances(clouds)
    )


@pytest.mark.parametrize("metric", ["earthmover", "precomputed", "haversine", ""])
def test_an_unknown_metric_raises_and_is_named(metric):
    with pytest.raises(ValueError, match=f"metric='{metric}'.*no ground distance"):
        wasserstein_distances(clouds_of_five(), metric=metric)
    with pytest.raises(ValueError, match=f"metric='{metric}'.*no ground distance"):
        sampled_wasserstein_distances(np.eye(2), [[0, 1]], metric=metric)


@pytest.mark.parametrize(
    "metric",
    [None, 2, ["euclidean"]],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_metric_that_is_neither_name_nor_function_raises(metric):
    with pytest.raises(ValueError, match="metric must be a string or a callable"):
        wasserstein_distances(clouds_of_five(), metric=metric)


def test_parameters_that_a_metric_does_not_have_raise():
    with pytest.raises(ValueError, match=r"metric='minkowski' .*'q': 3.* is no ground"):
        ground_metric("minkowski", {"q": 3})


@pytest.mark.parametrize(
    ("metric", "missing"), [("seuclidean", "V"), ("mahalanobis", "VI")]
)
def test_a_metric_that_would_be_estimated_from_each_pair_raises(metric, missing):
    with pytest.raises(ValueError, match=f"metric='{metric}' needs '{missing}'"):
        wasserstein_distances(clouds_of_five(), metric=metric)


def test_weights_of_another_length_raise():
    with pytest.raises(ValueError, match="same size as input vector"):
        wasserstein_distances(
            clouds_of_five(), metric="minkowski", metric_params={"w": [1.0, 1.0]}
        )


@pytest.mark.parametrize("n_points", [1, 3])
def test_a_metric_that_is_not_finite_raises_and_is_named(n_points):
    clouds = np.ones((2, n_points, 2))
    clouds[0, 0] = 0.0  # no angle
    with pytest.raises(ValueError, match="metric='cosine' is NaN or infinite"):
        wasserstein_distances(clouds, metric="cosine")
