"""Barycentres of clouds against answers known by theory, and POT's."""

import warnings

import numpy as np
import ot
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skwass import ImageToCloud, PointClouds, as_point_clouds, wasserstein_distances
from skwass.transport._barycenter import wasserstein_barycenter


def random_clouds(n_clouds=5, n_features=2, seed=0, sizes=(8, 15)):
    rng = np.random.default_rng(seed)
    clouds = []
    for size in rng.integers(*sizes, size=n_clouds):
        points = rng.normal(size=(size, n_features)) + 2 * rng.normal(size=n_features)
        clouds.append((points, rng.uniform(0.1, 1.0, size)))
    return clouds


def objective(barycenter, clouds, sample_weight=None):
    squared = wasserstein_distances([barycenter], clouds, squared=True)[0]
    return np.average(squared, weights=sample_weight)


def in_order(points):
    return points[np.lexsort(points.T[::-1])]


# --- answers from theory ----------------------------------------------------------


@pytest.mark.parametrize("n_points", [None, 1, 3])
def test_single_points_have_their_weighted_mean(n_points):
    X, weight = np.random.default_rng(0).normal(size=(2, 6, 3))
    weight = np.abs(weight[:, 0])
    points, mass = wasserstein_barycenter(X, sample_weight=weight, n_points=n_points)
    assert_allclose(points, np.average(X, axis=0, weights=weight)[None], rtol=1e-12)
    assert_array_equal(mass, [1.0])


def test_translates_have_the_cloud_at_their_mean():
    rng = np.random.default_rng(0)
    cloud, shifts = rng.normal(size=(12, 2)), 5 * rng.normal(size=(4, 2))
    weight = np.array([1.0, 2.0, 0.5, 3.0])
    X = [rng.permutation(cloud + shift) for shift in shifts]
    points, mass = wasserstein_barycenter(X, sample_weight=weight)
    expected = cloud + np.average(shifts, axis=0, weights=weight)
    assert_allclose(in_order(points), in_order(expected), atol=1e-12)
    assert_allclose(mass, 1 / 12)


@pytest.mark.parametrize("seed", range(3))
def test_on_a_line_quantiles_are_averaged(seed):
    rng = np.random.default_rng(seed)
    X = rng.gamma(2.0, size=(5, 20, 1)) + rng.normal(size=(5, 1, 1))
    weight = rng.uniform(size=5)
    points, _ = wasserstein_barycenter(X, sample_weight=weight)
    expected = np.average(np.sort(X[..., 0], axis=1), axis=0, weights=weight)
    assert_allclose(np.sort(points[:, 0]), expected, rtol=1e-10)


def test_on_a_line_quantiles_of_clouds_of_any_size_are_averaged():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(size, 1)) for size in (6, 12, 4)]
    points, _ = wasserstein_barycenter(X, n_points=12, random_state=0)
    quantiles = [np.repeat(np.sort(x[:, 0]), 12 // len(x)) for x in X]
    assert_allclose(np.sort(points[:, 0]), np.mean(quantiles, axis=0), atol=1e-10)


def test_clouds_scaled_about_their_mean_have_the_mean_scale():
    cloud = np.random.default_rng(0).normal(size=(15, 3))
    X = [scale * cloud for scale in (0.5, 1.0, 3.0)]
    points, _ = wasserstein_barycenter(X, sample_weight=[1, 1, 2])
    assert_allclose(in_order(points), in_order(1.875 * cloud), atol=1e-12)


def test_all_weight_on_one_cloud_gives_that_cloud():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2, 10, 2))
    points, _ = wasserstein_barycenter(X, sample_weight=[1, 0])
    assert_allclose(in_order(points), in_order(X[0]), atol=1e-12)
    # a cloud of other weights is met as well as equal weights can
    cloud = random_clouds(1)[0]
    points, mass = wasserstein_barycenter(
        [cloud, X[0]], sample_weight=[1, 0], n_points=200, random_state=0
    )
    spread = np.sum(np.var(cloud[0], axis=0))
    assert objective((points, mass), [cloud]) < 0.03 * spread


# --- the objective ----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_it_is_nearer_to_all_clouds_than_any_of_them(seed):
    clouds = random_clouds(seed=seed)
    weight = np.random.default_rng(seed).uniform(size=5)
    found = wasserstein_barycenter(clouds, sample_weight=weight, random_state=0)
    least = min(objective(cloud, clouds, weight) for cloud in clouds)
    assert objective(found, clouds, weight) < 0.95 * least


def test_steps_of_the_mean_lower_the_objective():
    clouds = random_clouds()
    values = []
    for max_iter in (1, 2, 3, 100):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = wasserstein_barycenter(clouds, max_iter=max_iter, random_state=0)
        values.append(objective(found, clouds))
    assert values[0] > values[-1]
    assert (np.diff(values) <= 0).all()


def test_it_is_as_good_as_that_of_pot_from_the_same_start():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4, 15, 2)) * rng.uniform(0.5, 2, (4, 1, 2))
    mass, weight = np.full(15, 1 / 15), np.array([0.4, 0.3, 0.2, 0.1])
    pots = ot.lp.free_support_barycenter(
        list(X), [mass] * 4, X[0].copy(), weights=weight, stopThr=1e-14
    )
    found = wasserstein_barycenter(X, sample_weight=weight, tol=0.0)
    ours, theirs = (objective(b, X, weight) for b in (found, (pots, mass)))
    assert_allclose(ours, theirs, rtol=1e-9)


def test_images_have_a_barycenter():
    from sklearn.datasets import load_digits

    digits = load_digits()
    threes = digits.data[digits.target == 3][:8]
    clouds = ImageToCloud((8, 8)).fit_transform(threes)
    found = wasserstein_barycenter(clouds, random_state=0)
    assert found[0].shape == (int(np.median(clouds.sizes)), 2)
    least = min(objective(clouds[i], clouds) for i in range(8))
    assert objective(found, clouds) < least


# --- invariance -------------------------------------------------------------------


def test_the_same_seed_gives_the_same_points():
    clouds = random_clouds()
    first, _ = wasserstein_barycenter(clouds, random_state=3)
    again, _ = wasserstein_barycenter(clouds, random_state=3)
    assert_array_equal(first, again)


def test_global_randomness_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    wasserstein_barycenter(random_clouds(), random_state=0)
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("factor", [1e-8, 2.0**300, 1e8, 2.0**-300])
def test_the_unit_of_length_does_not_matter(factor):
    clouds = random_clouds()
    scaled = [(factor * points, weights) for points, weights in clouds]
    points, _ = wasserstein_barycenter(clouds, random_state=0)
    found, _ = wasserstein_barycenter(scaled, random_state=0)
    assert_allclose(found / factor, points, rtol=1e-8)


def test_clouds_far_from_the_origin_keep_their_digits():
    X = np.random.default_rng(0).normal(size=(3, 10, 2))
    points, _ = wasserstein_barycenter(X)
    found, _ = wasserstein_barycenter(X + 1e8)
    assert_allclose(found - 1e8, points, atol=1e-6)


def test_the_scale_of_sample_weight_does_not_matter():
    clouds = random_clouds()
    weight = np.arange(1.0, 6.0)
    points, _ = wasserstein_barycenter(clouds, sample_weight=weight, random_state=0)
    for factor in (2.0, 2.0**1000, 2.0**-1000):
        found, _ = wasserstein_barycenter(
            clouds, sample_weight=factor * weight, random_state=0
        )
        assert_array_equal(found, points)


def test_a_cloud_of_no_weight_does_not_matter():
    clouds = random_clouds()
    far = [(np.full((50, 2), 1e6), np.ones(50))]
    points, _ = wasserstein_barycenter(clouds, random_state=0)
    found, _ = wasserstein_barycenter(
        clouds + far, sample_weight=[1, 1, 1, 1, 1, 0], random_state=0
    )
    assert_array_equal(found, points)


def test_every_form_of_clouds_is_taken():
    X = np.random.default_rng(0).normal(size=(3, 6, 2)).astype(np.float32)
    points, _ = wasserstein_barycenter(X)
    assert points.dtype == np.float64
    flat = PointClouds(X.reshape(-1, 2), offsets=[0, 6, 12, 18])
    for form in (list(X), flat, as_point_clouds(X)):
        assert_array_equal(wasserstein_barycenter(form)[0], points)


def test_the_number_of_points_is_the_median_size_or_what_is_asked():
    X = [np.random.default_rng(i).normal(size=(n, 2)) for i, n in enumerate((5, 9, 30))]
    assert wasserstein_barycenter(X)[0].shape == (9, 2)
    points, mass = wasserstein_barycenter(X, n_points=20, random_state=0)
    assert points.shape == (20, 2)
    assert_allclose(mass, 0.05)


def test_equal_points_are_their_own_barycenter():
    X = np.full((3, 4, 2), 7.0)
    points, mass = wasserstein_barycenter(X)
    assert_allclose(points, 7.0)
    assert_allclose(mass.sum(), 1.0)
    assert_allclose(wasserstein_barycenter(X, n_points=9, random_state=0)[0], 7.0)


# --- what is refused --------------------------------------------------------------


@pytest.mark.parametrize(
    ("sample_weight", "message"),
    [
        ([1, 2], r"sample_weight must have shape \(3,\).*got shape \(2,\)"),
        ([[1, 2, 3]], r"got shape \(1, 3\)"),
        (1.0, r"got shape \(\)"),
        ([1, -1, 2], "non-negative; got -1 for cloud 1"),
        ([1, 1, np.nan], "finite and non-negative; got nan for cloud 2"),
        ([np.inf, 1, 1], "got inf for cloud 0"),
        ([0, 0, 0], "positive for at least one cloud; got only zeros"),
        (["a", "b", "c"], "sample_weight must be numbers"),
    ],
)
def test_bad_weights_of_clouds_are_refused(sample_weight, message):
    X = np.ones((3, 4, 2))
    with pytest.raises(ValueError, match=message):
        wasserstein_barycenter(X, sample_weight=sample_weight)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("n_points", 0, ValueError),
        ("n_points", 2.5, TypeError),
        ("max_iter", 0, ValueError),
        ("tol", -1e-3, ValueError),
        ("tol", "small", TypeError),
    ],
)
def test_bad_parameters_are_refused(name, value, error):
    with pytest.raises(error, match=name):
        wasserstein_barycenter(np.ones((3, 4, 2)), **{name: value})


def test_too_few_steps_warn():
    with pytest.warns(ConvergenceWarning, match=r"not converged in max_iter=1 steps"):
        wasserstein_barycenter(random_clouds(), max_iter=1, random_state=0)


def test_squares_that_overflow_are_avoided():
    X = 1e200 * np.random.default_rng(0).normal(size=(2, 5, 2))
    points, _ = wasserstein_barycenter(X)
    assert np.isfinite(points).all()
    with pytest.raises(ValueError, match="overflow; rescale X"):
        wasserstein_barycenter([[[1.5e308]], [[-1.5e308]]])


def test_progress_is_shown(capsys):
    wasserstein_barycenter(random_clouds(), random_state=0, verbose=1)
    assert "barycenter" in capsys.readouterr().err
    wasserstein_barycenter(random_clouds(), random_state=0)
    assert capsys.readouterr().err == ""
