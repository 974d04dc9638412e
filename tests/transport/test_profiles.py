"""Clouds told by the distances within them: lower bounds that no pose changes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from skwass import as_point_clouds
from skwass.transport import _profiles, distance_spectra, profile_clouds
from skwass.transport._exact import transport_cost
from skwass.transport._gromov import squared_gromov, third_lower_bound

TURNED_SQUARE = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])


def test__profile_clouds__square__every_corner_sees_the_same():
    (profiles, weights), *_ = profile_clouds(as_point_clouds([TURNED_SQUARE]), 4)
    seen = np.array([0, np.sqrt(2), np.sqrt(2), 2]) / 2
    assert_allclose(profiles, np.tile(seen, (4, 1)), atol=1e-15)
    assert_array_equal(weights, 0.25)


def test__profile_clouds__transport__is_third_lower_bound(weighted_clouds):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 16, 3))
    uniform = np.full(16, 1 / 16)
    first, second = profile_clouds(as_point_clouds([x, y]), 16)
    bound = third_lower_bound((x, uniform), (y, uniform))
    assert_allclose(transport_cost(first, second), bound, rtol=1e-9)


def test__profile_clouds__many_blocks__change_nothing(monkeypatch, weighted_clouds):
    clouds = as_point_clouds(weighted_clouds())
    whole = profile_clouds(clouds, 8)
    monkeypatch.setattr(_profiles, "_NUMBERS_A_BLOCK", 10)
    assert_allclose(profile_clouds(clouds, 8).points, whole.points, atol=1e-15)


def test__profile_clouds__single_point__sees_nothing():
    profiles = profile_clouds(as_point_clouds([[[3.0, 4.0]]]), 5)
    assert_array_equal(profiles.points, np.zeros((1, 5)))


def test__distance_spectra__square__known_eigenvalues():
    # the distances of a square are circulant: root 2, 2, root 2 from each corner
    spectrum = distance_spectra(as_point_clouds([TURNED_SQUARE]), 6)[0]
    root = np.sqrt(2)
    known = np.array([2 + 2 * root, 2 - 2 * root, -2, -2, 0, 0]) / 4
    assert_allclose(np.sort(spectrum), np.sort(known), atol=1e-12)
    assert spectrum[0] == pytest.approx((2 + 2 * root) / 4)


def test__distance_spectra__weights__like_repeated_points():
    rng = np.random.default_rng(0)
    points, counts = rng.normal(size=(7, 2)), rng.integers(1, 4, 7)
    weighted = as_point_clouds([(points, counts / counts.sum())])
    repeated = cdist(*[np.repeat(points, counts, axis=0)] * 2) / counts.sum()
    values = np.linalg.eigvalsh(repeated)
    known = np.append(values[-1], values[:6])
    assert_allclose(distance_spectra(weighted, 7)[0], known, atol=1e-12)


def test__distance_spectra__gaps__are_lower_bounds_of_gromov(weighted_clouds):
    clouds = as_point_clouds(weighted_clouds())
    rows = distance_spectra(clouds, 12)
    for i in range(len(clouds)):
        for j in range(i):
            gap = np.sum((rows[i] - rows[j]) ** 2)
            assert gap <= squared_gromov(clouds[i], clouds[j]) * (1 + 1e-9)


def test__distance_spectra__large_cloud__as_of_full_matrix(monkeypatch):
    clouds = as_point_clouds([np.random.default_rng(0).normal(size=(300, 3))])
    full = distance_spectra(clouds, 16)
    monkeypatch.setattr(_profiles, "_DENSE", 10)
    assert_allclose(distance_spectra(clouds, 16), full, atol=1e-5 * full[0, 0])


def test__distance_spectra__few_points__filled_with_zeros():
    spectra = distance_spectra(as_point_clouds([[[1.0]], [[1.0], [3.0]]]), 4)
    assert_allclose(spectra, [[0, 0, 0, 0], [1, -1, 0, 0]], atol=1e-15)


@pytest.mark.parametrize("tell", [distance_spectra, profile_clouds])
@pytest.mark.parametrize("factor", [2.0**-500, 2.0**300])
def test__both__scaled_cloud__scaled_result(tell, factor):
    points = np.random.default_rng(0).normal(size=(20, 2))
    small, large = (tell(as_point_clouds([s * points]), 8) for s in (1.0, factor))
    small, large = (getattr(rows, "points", rows) for rows in (small, large))
    assert_array_equal(large, factor * small)
