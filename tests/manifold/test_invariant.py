"""Rows that tell the shape of a cloud, and not its pose."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skwass import as_point_clouds
from skwass.manifold import _invariant
from skwass.manifold._invariant import fit_invariant

TRIANGLE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
ROUNDING = 1e-4  # relative to rows of norm about one


def random_clouds(n_clouds=24, n_features=3, seed=0, sizes=(1, 30)):
    rng = np.random.default_rng(seed)
    clouds = []
    for size in rng.integers(*sizes, size=n_clouds):
        stretch = rng.uniform(0.3, 2, n_features)
        points = rng.normal(size=(size, n_features)) * stretch
        clouds.append((points, rng.uniform(0.2, 1.0, size)))
    return clouds


def describe(clouds, description=None):
    description = description or fitted(clouds)
    return description.describe(as_point_clouds(clouds))


def fitted(clouds, n_reference=12, seed=0):
    random_state = np.random.RandomState(seed)
    return fit_invariant(as_point_clouds(clouds), n_reference, random_state)


@pytest.fixture(scope="module")
def clouds():
    return random_clouds()


@pytest.fixture(scope="module")
def description(clouds):
    return fitted(clouds)


@pytest.fixture(scope="module")
def rows(clouds, description):
    return describe(clouds, description)


def turn(seed, n_features=3):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=[n_features] * 2))[0]


@pytest.mark.parametrize(
    "move",
    [
        lambda x: x @ turn(0),
        lambda x: x * [-1, 1, 1],
        lambda x: x + np.array([5.0, -3.0, 2.0]),
        lambda x: np.pad(x @ turn(1), ((0, 0), (0, 2))),
    ],
    ids=["turned", "mirrored", "shifted", "in more dimensions"],
)
def test__describe__moved_cloud__same_row(clouds, description, rows, move):
    moved = [(move(points), weights) for points, weights in clouds]
    assert_allclose(describe(moved, description), rows, atol=ROUNDING)


def test__describe__turned_symmetric_cloud__same_row(description):
    angles = 2 * np.pi * np.arange(24) / 24
    ring = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    turned = describe([ring, ring @ turn(2) + 1, ring[::-1]], description)
    assert_allclose(turned[1:], turned[[0, 0]], atol=ROUNDING)


def test__describe__another_order__same_row(clouds, description, rows):
    mixed = []
    for seed, (points, weights) in enumerate(clouds):
        order = np.random.default_rng(seed).permutation(len(points))
        mixed.append((points[order], weights[order]))
    assert_allclose(describe(mixed, description), rows, atol=1e-6)


def test__describe__point_given_twice__like_doubled_weight(description):
    points = np.random.default_rng(0).normal(size=(9, 3))
    weights = np.ones(9)
    weights[2] = 2
    twice = np.concatenate([points, points[[2]]])
    one, other = describe([(points, weights), twice], description)
    assert_allclose(one, other, atol=ROUNDING)


def test__describe__weights_rescaled__same_row(clouds, description, rows):
    scaled = [(points, 7 * weights) for points, weights in clouds]
    assert_allclose(describe(scaled, description), rows, atol=ROUNDING)


def test__describe__among_others__same_bits(clouds, description, rows):
    assert_array_equal(describe(clouds[5:6], description), rows[5:6])


def test__describe__threads__same_bits(clouds, description, rows):
    threaded = description.describe(as_point_clouds(clouds), n_jobs=2)
    assert_array_equal(threaded, rows)


def test__describe__other_shapes__other_rows(clouds, rows):
    large = rows[[len(points) > 1 for points, _ in clouds]]
    gaps = np.linalg.norm(large[:, None] - large, axis=2)
    assert gaps[np.triu_indices(len(large), 1)].min() > 100 * ROUNDING


def test__describe__same_distances_elsewhere__other_rows():
    # two sets of points on a line with the same distances, each once
    left, right = [0.0, 1, 4, 10, 12, 17], [0.0, 1, 8, 11, 13, 17]
    twins = [np.array([points]).T for points in (left, right)]
    rows = describe(twins, fitted(twins))
    assert np.linalg.norm(rows[0] - rows[1]) > 0.1


def test__describe__scaled_cohort__same_rows_in_another_unit(clouds, rows):
    scaled = [(1024 * points, weights) for points, weights in clouds]
    description = fitted(scaled)
    assert description.scale == 1024 * fitted(clouds).scale
    assert_array_equal(describe(scaled, description), rows)


def test__describe__spectra__are_lower_bounds_in_units_of_scale(description):
    points = np.random.default_rng(0).normal(size=(10, 3))
    rows = describe([points, 1.5 * points], description)
    start = description.reference.points.size
    spectra = rows[:, start : start + description.n_eigenvalues] * description.scale
    assert_allclose(spectra[1], 1.5 * spectra[0], rtol=1e-5)


def test__describe__clouds_of_1_and_2000_points__finite(description):
    rng = np.random.default_rng(0)
    rows = describe([rng.normal(size=(n, 3)) for n in (1, 2, 2000)], description)
    assert rows.shape == (3, description.width)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()


def test__fit_invariant__parts__vary_alike(description, rows):
    start = description.reference.points.size + description.n_eigenvalues
    variances = rows.var(axis=0)
    assert variances[:start].sum() == pytest.approx(variances[start:].sum(), rel=1e-3)


def test__fit_invariant__single_points__rows_of_zeros():
    table = np.random.default_rng(0).normal(size=(6, 4))
    rows = describe(table)
    assert_array_equal(rows, np.zeros_like(rows))


def test__fit_invariant__equal_clouds__equal_rows():
    rows = describe([TRIANGLE, TRIANGLE, TRIANGLE])
    assert_array_equal(rows, rows[[0, 0, 0]])


def test__fit_invariant__auto__64_profiles():
    description = fitted(random_clouds(sizes=(10, 20)), "auto")
    assert len(description.reference.points) == 64


def test__fit_invariant__same_seed__same_bits(clouds, description):
    again = fitted(clouds)
    assert_array_equal(again.reference.points, description.reference.points)


def test__fit_invariant__many_distances__looks_at_some_clouds(monkeypatch, clouds):
    monkeypatch.setattr(_invariant, "_MOST_DISTANCES", 2000)
    description = fitted(clouds)
    assert np.isfinite(describe(clouds, description)).all()
