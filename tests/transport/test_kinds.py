"""How far points of one kind lie from points of another."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skwass import as_point_clouds
from skwass.transport import Kinds, _profiles, fit_kinds, kind_distances
from skwass.transport._spaces import Space

ONE_KIND = Kinds(np.zeros((1, 4)), 1.0)


def fitted(clouds, n_kinds=3, seed=0):
    return fit_kinds(as_point_clouds(clouds), n_kinds, 8, np.random.RandomState(seed))


def matrices(features, n_kinds, n_rings):
    """The symmetric matrix of each ring, back from its upper triangle."""
    i, j = np.triu_indices(n_kinds)
    found = np.zeros((len(features), n_rings, n_kinds, n_kinds))
    entries = features.reshape(len(features), n_rings, -1)
    found[:, :, i, j] = found[:, :, j, i] = entries / np.where(i == j, 1, np.sqrt(2))
    return found


def test__kind_distances__one_kind__counts_distances():
    # two points a distance r sqrt(2) apart; rings at 0, 1.25 r and 2.5 r
    pair = as_point_clouds([[[0.0], [3.0]]])
    size = 3 / np.sqrt(2)
    beyond = (np.sqrt(2) - 1.25) / 1.25
    known = size * np.array([0.5, 0.5 * (1 - beyond), 0.5 * beyond])
    assert_allclose(kind_distances(pair, ONE_KIND, 3)[0], known)


def test__kind_distances__sum__is_size_of_cloud(weighted_clouds):
    clouds = as_point_clouds(weighted_clouds())
    found = matrices(kind_distances(clouds, fitted(clouds), 5), 3, 5)
    sizes = [Space(cloud).mean_distance for cloud in clouds]
    assert_allclose(found.sum(axis=(1, 2, 3)), sizes)


def test__kind_distances__centre_and_rim__lie_one_radius_apart():
    # the centre of a wheel sees otherwise than its rim
    angles = 2 * np.pi * np.arange(40) / 40
    rim = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.concatenate([rim, np.zeros((1, 2))])
    clouds = as_point_clouds([(points, np.append(np.full(40, 1 / 80), 0.5))])
    kinds = fitted(clouds, 2)
    shares = kinds.shares(kinds.centres)
    assert_allclose(np.diag(shares), shares.max(axis=1))
    found = matrices(kind_distances(clouds, kinds, 40), 2, 40)[0]
    # the mean squared distance is 1, so the rings are 2.5 / 39 apart
    assert found[:, 0, 1].argmax() == round(39 / 2.5)


def test__kind_distances__many_blocks__change_nothing(monkeypatch, weighted_clouds):
    clouds = as_point_clouds(weighted_clouds())
    kinds = fitted(clouds)
    whole = kind_distances(clouds, kinds, 4)
    monkeypatch.setattr(_profiles, "_NUMBERS_A_BLOCK", 10)
    assert_allclose(kind_distances(clouds, kinds, 4), whole, atol=1e-14)


@pytest.mark.parametrize("factor", [2.0**-500, 2.0**300])
def test__kind_distances__scaled_clouds__scaled_features(weighted_clouds, factor):
    clouds = weighted_clouds()
    scaled = [(factor * points, weights) for points, weights in clouds]
    one, other = (
        kind_distances(as_point_clouds(c), fitted(c), 4) for c in (clouds, scaled)
    )
    assert_array_equal(other, factor * one)


def test__kind_distances__single_points__zeros():
    table = as_point_clouds(np.arange(6.0).reshape(3, 2))
    assert_array_equal(kind_distances(table, fitted(table), 4), np.zeros((3, 4)))


def test__kinds__shares__sum_to_one(weighted_clouds):
    kinds = fitted(weighted_clouds())
    shares = kinds.shares(np.random.default_rng(0).uniform(size=(5, 8)))
    assert_allclose(shares.sum(axis=1), 1)


def test__mean_distance__by_definition():
    points = np.array([[0.0], [4.0]])
    space = Space((points, np.array([0.25, 0.75])))
    assert space.mean_distance == pytest.approx(np.sqrt(2 * 0.25 * 0.75 * 16))
