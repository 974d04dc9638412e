"""Clouds of a few equal points that stand for weighted ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skwass import PointClouds, as_point_clouds, paired_wasserstein_distances
from skwass.transport import quantised


def clouds_of(sizes, seed=0):
    rng = np.random.default_rng(seed)
    return as_point_clouds(
        [(rng.normal(size=(n, 2)), rng.uniform(0.1, 1, n)) for n in sizes]
    )


def test__one_point__is_the_mean():
    clouds = clouds_of([3, 7])
    means = [np.average(points, axis=0, weights=mass) for points, mass in clouds]
    assert_allclose(quantised(clouds, 1, None).points, means)


def test__points__are_so_many_and_weigh_the_same():
    found = quantised(clouds_of([9, 30]), 4, None)
    assert_array_equal(found.sizes, [4, 4])
    assert_allclose(found.weights, 0.25)


def test__equal_points__stay_where_they_are():
    points = np.random.default_rng(0).normal(size=(6, 3))
    found = quantised(PointClouds(points), 6, None)
    assert_allclose(np.sort(found.points, axis=0), np.sort(points, axis=0), atol=1e-9)


def test__clusters__get_a_point_each():
    centres = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    noise = 0.01 * np.random.default_rng(0).normal(size=(3, 10, 2))
    found = quantised(PointClouds((centres[:, None] + noise).reshape(-1, 2)), 3, None)
    order = np.lexsort(found.points.round().T)
    assert_allclose(found.points[order], centres, atol=0.02)


def test__more_points__come_closer():
    clouds = clouds_of([40])
    gaps = [
        paired_wasserstein_distances(quantised(clouds, k, None), clouds)[0]
        for k in (1, 4, 16)
    ]
    assert gaps[0] > 1.5 * gaps[1] > 2 * gaps[2]


def test__threads__change_nothing():
    clouds = clouds_of([9, 30, 12])
    one, two = (quantised(clouds, 5, n_jobs) for n_jobs in (None, 2))
    assert_array_equal(one.points, two.points)


@pytest.mark.parametrize("n_points", [0, -3, 2.5, "3", None])
def test__number_of_points__is_checked(n_points):
    with pytest.raises((ValueError, TypeError), match="n_points"):
        quantised(clouds_of([4]), n_points, None)
