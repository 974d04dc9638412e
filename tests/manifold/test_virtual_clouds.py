"""Virtual clouds are new, near the given ones, and move with them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skwass import PointClouds, wasserstein_distances
from skwass.manifold._virtual_clouds import virtual_clouds


def make_clouds(sizes=(5, 1, 9), n_features=3, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(sum(sizes), n_features))
    return PointClouds(points, offsets=np.concatenate([[0], np.cumsum(sizes)]))


def make(clouds, n_clouds=50, seed=0):
    return virtual_clouds(clouds, n_clouds, np.random.RandomState(seed))


def test__virtual_clouds__are_checked_clouds_of_given_sizes():
    made = make(make_clouds())
    assert len(made) == 50
    assert set(made.sizes) == {5, 1, 9}
    assert (made.weights > 0).all()
    assert_allclose(np.add.reduceat(made.weights, made.offsets[:-1]), 1.0)


def test__virtual_clouds__are_near_the_given_ones_and_not_the_same():
    clouds = make_clouds((30,), 2)
    spread = np.sqrt(clouds.points.var(axis=0).sum())
    distances = wasserstein_distances(make(clouds), clouds) / spread
    assert distances.min() > 0.02
    assert 0.1 < np.median(distances) < 0.8


def test__virtual_clouds__of_single_points_are_these_points():
    table = make_clouds((1,) * 8)
    made = make(table)
    gaps = np.abs(made.points[:, None] - table.points).max(axis=2).min(axis=1)
    assert_allclose(gaps, 0, atol=1e-15)


def test__virtual_clouds__stay_within_what_a_cloud_spans():
    clouds = make_clouds((9,), 6)
    clouds.points[:, 2:] = 4.0
    assert_allclose(make(clouds).points[:, 2:], 4.0)


@pytest.mark.parametrize("factor", [2.0**-30, 2.0**30])
def test__virtual_clouds__scale_with_the_given_ones(factor):
    clouds = make_clouds()
    scaled = PointClouds(factor * clouds.points, clouds.weights, clouds.offsets)
    assert_allclose(make(scaled).points / factor, make(clouds).points)


def test__same_seed__makes_the_same_clouds():
    first, second, other = (make(make_clouds(), seed=s) for s in (0, 0, 1))
    assert_array_equal(first.points, second.points)
    assert_array_equal(first.weights, second.weights)
    assert not np.array_equal(first.points[:5], other.points[:5])
