"""The floor and the spectrum against simulations and numerical integrals."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from skwass.metrics import singular_spectrum, uniformity_floor, wasserstein_uniformity
from skwass.metrics._marchenko_pastur import expected_spectrum


def by_integral(ratio):
    low, high = (1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2

    def integrand(eigenvalue):
        inside = max(0.0, (high - eigenvalue) * (eigenvalue - low))
        return math.sqrt(inside / eigenvalue) / (2 * math.pi * ratio)

    return quad(integrand, low, high, limit=200)[0]


@pytest.mark.parametrize("shape", [(4001, 4000), (3000, 1000), (1000, 3000)])
def test__floor__of_large_shapes_is_the_integral(shape):
    n_samples, n_features = shape
    # for more features than samples, singular values are those of the other side
    few, many = sorted((n_features, n_samples))
    mean = by_integral(few / many) * math.sqrt(min(1, n_samples / n_features))
    assert uniformity_floor(*shape) == pytest.approx(math.sqrt(2 - 2 * mean), rel=3e-3)


def test__floor__of_as_many_features_as_samples():
    # singular values then fill a quarter of a circle of radius two
    expected = math.sqrt(2 - 2 * 8 / (3 * math.pi))
    assert uniformity_floor(10**6, 10**6) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("n_samples", "expected"),
    [(512, [0.184, 0.258, 0.369, 0.552]), (4096, [0.063, 0.089, 0.126, 0.179])],
)
def test__floor__has_the_simulated_values(n_samples, expected):
    found = [uniformity_floor(n_samples, m) for m in (64, 128, 256, 512)]
    assert found == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(
    ("n_samples", "n_features", "tolerance"),
    [
        (400, 50, 0.01),
        (100, 100, 0.01),
        (50, 300, 0.01),
        (20, 10, 0.1),
        (5, 20, 0.1),
        (2, 50, 0.1),
        (200, 3, 0.1),
    ],
)
def test__floor__is_what_uniform_samples_have(n_samples, n_features, tolerance):
    rng = np.random.default_rng(0)
    found = [
        wasserstein_uniformity(rng.normal(size=(n_samples, n_features)))
        for _ in range(50)
    ]
    floor = uniformity_floor(n_samples, n_features)
    assert floor == pytest.approx(np.mean(found), rel=tolerance)


def test__floor__of_many_samples():
    assert uniformity_floor(10**7, 100) == pytest.approx(
        math.sqrt(103 / (4 * 10**7)), rel=1e-3
    )


@pytest.mark.parametrize(
    ("n_samples", "n_features"), [(300, 60), (101, 100), (60, 300)]
)
def test__expected_spectrum__is_that_of_uniform_samples(n_samples, n_features):
    rng = np.random.default_rng(0)
    found = np.mean(
        [singular_spectrum(rng.normal(size=(n_samples, n_features))) for _ in range(9)],
        axis=0,
    )
    expected = expected_spectrum(n_samples, n_features)
    assert expected.shape == (n_features,)
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert np.count_nonzero(expected) == min(n_features, n_samples - 1)
    # both describe the same law
    floor = uniformity_floor(n_samples, n_features)
    assert math.sqrt(2 - 2 * expected.mean()) == pytest.approx(floor, rel=1e-3)


@pytest.mark.parametrize(
    ("numbers", "error", "match"),
    [
        ((1, 4), ValueError, "n_samples == 1, must be >= 2"),
        ((9, 0), ValueError, "n_features == 0, must be >= 1"),
        ((9.0, 4), TypeError, "n_samples must be an instance of"),
    ],
)
def test__bad_numbers__are_told(numbers, error, match):
    with pytest.raises(error, match=match):
        uniformity_floor(*numbers)
