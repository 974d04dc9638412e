"""Sliced transport: directions, features whose distances it is, the best line."""

from itertools import pairwise

import numpy as np
import ot
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist

from skwass import PointClouds, as_point_clouds, wasserstein_distances
from skwass.transport import random_directions, sliced_features, squared_max_sliced


def directions(n_projections, n_features, seed=0):
    return random_directions(n_projections, n_features, np.random.RandomState(seed))


def weighted_cloud(rng, size, n_features=2):
    weights = rng.uniform(0.2, 1, size)
    points = rng.normal(size=(size, n_features)) @ np.diag(
        rng.uniform(0.3, 2, n_features)
    )
    return points + rng.normal(size=n_features), weights / weights.sum()


def weighted_clouds(n_clouds, n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 12, n_clouds)
    return [weighted_cloud(rng, size, n_features) for size in sizes]


def along(source, target, theta):
    """Squared transport of projections by another library."""
    return ot.emd2_1d(source[0] @ theta, target[0] @ theta, source[1], target[1])


# --- directions -------------------------------------------------------------------


@pytest.mark.parametrize("n_features", [2, 3, 5, 40])
@pytest.mark.parametrize("n_projections", [1, 7, 20])
def test_directions_are_unit_vectors(n_projections, n_features):
    found = directions(n_projections, n_features)
    assert found.shape == (n_projections, n_features)
    assert_allclose(np.linalg.norm(found, axis=1), 1)


def test_on_a_line_there_is_one_direction():
    assert_array_equal(directions(9, 1), [[1.0]])


def test_in_the_plane_directions_are_equally_spaced():
    found = directions(5, 2)
    angles = np.sort(np.arctan2(found[:, 1], found[:, 0]) % np.pi)
    assert_allclose(np.diff(angles), np.pi / 5)
    assert not np.allclose(found, directions(5, 2, seed=1))


def test_in_space_directions_come_in_orthogonal_blocks():
    found = directions(10, 4)
    for block in (found[:4], found[4:8], found[8:]):
        assert_allclose(block @ block.T, np.eye(len(block)), atol=1e-12)


@pytest.mark.parametrize("n_features", [2, 3, 10])
def test_directions_cover_the_sphere_evenly(n_features):
    found = np.vstack([directions(7, n_features, seed) for seed in range(2000)])
    second = found.T @ found / len(found)
    assert_allclose(second, np.eye(n_features) / n_features, atol=0.02)
    fourth = np.mean(found**4, axis=0)  # 3 / (d (d + 2)) on the sphere
    assert_allclose(fourth, 3 / (n_features * (n_features + 2)), rtol=0.1)


@pytest.mark.parametrize("n_features", [2, 3, 10])
def test_directions_vary_less_than_independent_ones(n_features):
    shape = np.diag(np.linspace(0.5, 2, n_features))
    rng = np.random.default_rng(0)

    def spread(draw):
        return np.std([np.mean(np.abs(draw(k) @ shape).sum(axis=1)) for k in range(99)])

    def independent(_):
        found = rng.normal(size=(20, n_features))
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    ours = spread(lambda seed: directions(20, n_features, seed))
    assert ours < 0.8 * spread(independent)


# --- features ---------------------------------------------------------------------


@pytest.mark.parametrize("n_features", [1, 2, 4])
def test_distances_of_features_are_sliced_distances(n_features):
    rng = np.random.default_rng(0)
    clouds = rng.normal(size=(8, 6, n_features))
    thetas = directions(10, n_features)
    rows = sliced_features(as_point_clouds(clouds), thetas, 12).reshape(8, -1)
    weights = np.full(6, 1 / 6)
    expected = [
        np.sqrt(np.mean([along((x, weights), (y, weights), theta) for theta in thetas]))
        for k, x in enumerate(clouds)
        for y in clouds[k + 1 :]
    ]
    assert_allclose(pdist(rows), expected)


def test_few_quantiles_give_a_lower_bound_and_many_the_distance():
    clouds = as_point_clouds(weighted_clouds(6))
    thetas = directions(10, 2)
    exact = [
        np.sqrt(np.mean([along(clouds[i], clouds[j], theta) for theta in thetas]))
        for i in range(6)
        for j in range(i + 1, 6)
    ]
    bounds = [
        pdist(sliced_features(clouds, thetas, n).reshape(6, -1))
        for n in (1, 4, 16, 2000)
    ]
    for fewer, more in pairwise(bounds):
        assert (fewer <= more * (1 + 1e-9)).all()
    assert (bounds[-1] <= np.array(exact) * (1 + 1e-9)).all()
    assert_allclose(bounds[-1], exact, rtol=5e-3)


def test_features_change_sign_with_the_direction_and_lose_nothing():
    clouds = as_point_clouds(weighted_clouds(6))
    thetas = directions(5, 2)
    one = sliced_features(clouds, thetas, 16)
    other = sliced_features(clouds, -thetas, 16)
    assert_allclose(other, -one[:, :, ::-1], atol=1e-12)


def test_a_centre_changes_no_distance_and_saves_digits():
    clouds = weighted_clouds(6)
    thetas = directions(5, 2)
    near = sliced_features(as_point_clouds(clouds), thetas, 8).reshape(6, -1)
    away = as_point_clouds([(x + 2.0**30, w) for x, w in clouds])
    told = sliced_features(
        away, thetas, 8, centre=np.full(2, 2.0**30), dtype=np.float32
    )
    assert told.dtype == np.float32
    assert_allclose(pdist(told.reshape(6, -1)), pdist(near), rtol=1e-5)


def test_single_points_have_equal_quantiles():
    table = np.random.default_rng(0).normal(size=(50, 3))
    thetas = directions(3, 3)
    found = sliced_features(as_point_clouds(table), thetas, 4)
    expected = table @ thetas.T / np.sqrt(12)
    assert_allclose(found, np.repeat(expected[:, :, None], 4, axis=2))
    mixed = as_point_clouds([*table[:, None], np.eye(3)])
    assert_allclose(sliced_features(mixed, thetas, 4)[:-1], found, atol=1e-14)


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_threads_change_no_bit(n_jobs):
    clouds = as_point_clouds(weighted_clouds(40))
    thetas = directions(5, 2)
    expected = sliced_features(clouds, thetas, 8)
    assert_array_equal(sliced_features(clouds, thetas, 8, n_jobs=n_jobs), expected)


def test_float32_points_are_read_in_float64():
    clouds = as_point_clouds(weighted_clouds(4))
    single = PointClouds(
        clouds.points.astype(np.float32), clouds.weights, clouds.offsets
    )
    found = sliced_features(single, directions(5, 2), 8)
    assert found.dtype == np.float64
    assert_allclose(found, sliced_features(clouds, directions(5, 2), 8), atol=1e-6)


# --- the line of most difference --------------------------------------------------


@pytest.mark.parametrize("n_features", [1, 2, 3, 8])
@pytest.mark.parametrize("seed", range(4))
def test_max_sliced_lies_between_its_starts_and_transport(n_features, seed):
    source, target = weighted_clouds(2, n_features, seed)
    thetas = directions(10, n_features, seed)
    found = squared_max_sliced(source, target, thetas)
    starts = [along(source, target, theta) for theta in thetas]
    exact = wasserstein_distances([source], [target])[0, 0] ** 2
    assert max(starts) * (1 - 1e-9) <= found <= exact * (1 + 1e-9)
    between = source[1] @ source[0] - target[1] @ target[0]
    assert found >= between @ between * (1 - 1e-9)
    if n_features == 1:
        assert_allclose(found, exact)


def test_max_sliced_in_the_plane_is_the_maximum_over_all_angles():
    angles = np.linspace(0, np.pi, 721)
    grid = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for seed in range(5):
        source, target = weighted_clouds(2, seed=seed)
        most = max(along(source, target, theta) for theta in grid)
        found = squared_max_sliced(source, target, directions(16, 2))
        assert_allclose(found, most, rtol=1e-3)


def test_max_sliced_needs_no_good_start_to_find_one_stretched_axis():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 6))
    axis = np.eye(6)[2]
    weights = np.full(40, 1 / 40)
    moved = points + 3 * np.sign(points[:, [2]]) * axis
    found = squared_max_sliced((points, weights), (moved, weights), directions(6, 6))
    assert_allclose(found, 9, rtol=0.05)


def test_max_sliced_of_a_shift_is_its_squared_length():
    points, weights = weighted_cloud(np.random.default_rng(0), 9, 3)
    shift = np.array([1.0, 2.0, 2.0])
    found = squared_max_sliced(
        (points, weights), (points + shift, weights), directions(4, 3)
    )
    assert_allclose(found, 9)


def test_max_sliced_from_a_single_point_is_the_largest_second_moment():
    cloud = weighted_cloud(np.random.default_rng(0), 9, 3)
    point = np.array([[1.0, -2.0, 0.5]]), np.ones(1)
    gaps = cloud[0] - point[0]
    expected = np.linalg.eigvalsh((cloud[1][:, None] * gaps).T @ gaps)[-1]
    for pair in ((cloud, point), (point, cloud)):
        assert_allclose(squared_max_sliced(*pair, directions(2, 3)), expected)
    other = np.array([[1.0, 1.0, 4.5]]), np.ones(1)
    assert_allclose(squared_max_sliced(point, other, directions(2, 3)), 25)


def test_max_sliced_of_a_cloud_to_itself_is_zero():
    cloud = weighted_cloud(np.random.default_rng(0), 9, 3)
    assert squared_max_sliced(cloud, cloud, directions(4, 3)) == 0
    copy = cloud[0].copy(), cloud[1].copy()
    assert squared_max_sliced(cloud, copy, directions(4, 3)) == 0
    # other order, and a point in two halves
    other = np.vstack([cloud[0][::-1], cloud[0][:1]]), np.append(cloud[1][::-1], 0.0)
    other[1][[-2, -1]] = cloud[1][0] / 2
    assert squared_max_sliced(cloud, other, directions(4, 3)) < 1e-14
    point = np.ones((1, 3)), np.ones(1)
    assert squared_max_sliced(point, point, directions(4, 3)) == 0
    same = np.ones((5, 3)), np.full(5, 0.2)
    assert squared_max_sliced(point, same, directions(4, 3)) == 0
    assert squared_max_sliced((same[0][:3], np.full(3, 1 / 3)), same, np.eye(3)) == 0


@pytest.mark.parametrize("exponent", [-300, -27, 27, 300])
def test_max_sliced_scales_with_the_square_of_the_unit(exponent):
    (x, a), (y, b) = weighted_clouds(2, 3)
    thetas = directions(8, 3)
    expected = squared_max_sliced((x, a), (y, b), thetas)
    unit = 2.0**exponent
    found = squared_max_sliced((x * unit, a), (y * unit, b), thetas)
    assert_allclose(found / unit / unit, expected, rtol=1e-12)


def test_max_sliced_is_the_same_far_from_zero():
    (x, a), (y, b) = weighted_clouds(2, 3)
    thetas = directions(8, 3)
    expected = squared_max_sliced((x, a), (y, b), thetas)
    away = 2.0**30
    found = squared_max_sliced((x + away, a), (y + away, b), thetas)
    assert_allclose(found, expected, rtol=1e-5)


def test_max_sliced_is_symmetric_and_grows_with_steps():
    source, target = weighted_clouds(2, 5, seed=3)
    thetas = directions(3, 5)
    values = [
        squared_max_sliced(source, target, thetas, max_iter=n) for n in (0, 1, 3, 50)
    ]
    assert values == sorted(values)
    assert values[0] < values[-1]
    assert_allclose(squared_max_sliced(target, source, thetas), values[-1], rtol=1e-3)
