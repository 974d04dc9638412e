"""Four properties, the law of collapse, published figures, and bad input."""

import math
from itertools import combinations

import numpy as np
import pandas
import polars
import pytest
import scipy.sparse
import torch
from numpy.testing import assert_allclose

import skwass
from skwass.metrics import (
    alignment,
    effective_rank,
    singular_spectrum,
    uniformity_floor,
    wang_isola_uniformity,
    wasserstein_uniformity,
)
from skwass.nn import AlignmentLoss, WangIsolaLoss, wasserstein_uniformity_value

ONE_SIDED = [
    wasserstein_uniformity,
    wang_isola_uniformity,
    effective_rank,
    singular_spectrum,
]


def normal(n_samples=40, n_features=8, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, n_features))


def clouds():
    return [normal(*shape) for shape in ((40, 8), (8, 40), (20, 20), (2, 3))]


def by_definition(Z):
    """From mean and covariance; the root by scipy."""
    n_features = Z.shape[1]
    mean, covariance = Z.mean(axis=0), np.cov(Z.T, bias=True)
    roots = np.sqrt(np.linalg.eigvalsh(covariance).clip(0)).sum()
    return mean @ mean + 1 + np.trace(covariance) - 2 / math.sqrt(n_features) * roots


# --- values -----------------------------------------------------------------------


@pytest.mark.parametrize("Z", clouds(), ids=lambda Z: str(Z.shape))
def test__distance__is_that_of_two_normal_distributions(Z):
    rows = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    expected = by_definition(rows)
    assert wasserstein_uniformity(Z, squared=True) == pytest.approx(expected, abs=1e-6)
    assert wasserstein_uniformity(Z) == pytest.approx(math.sqrt(expected), abs=1e-6)
    found = wasserstein_uniformity(Z, squared=True, normalize=False)
    assert found == pytest.approx(by_definition(Z), abs=1e-6)


@pytest.mark.parametrize("Z", clouds(), ids=lambda Z: str(Z.shape))
def test__distance__is_the_value_of_the_loss(Z):
    for squared in (True, False):
        for normalize in (True, False):
            loss = wasserstein_uniformity_value(torch.tensor(Z), squared, normalize)
            found = wasserstein_uniformity(Z, squared=squared, normalize=normalize)
            assert found == pytest.approx(loss.item(), abs=1e-9)


@pytest.mark.parametrize("Z", clouds(), ids=lambda Z: str(Z.shape))
def test__spectrum__is_that_of_singular_values(Z):
    rows = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    n_samples, n_features = Z.shape
    found = singular_spectrum(Z)
    assert found.shape == (n_features,)
    assert_allclose(
        found[: len(values)], values * math.sqrt(n_features / n_samples), atol=1e-7
    )
    assert not found[len(values) :].any()
    square = wasserstein_uniformity(Z, squared=True)
    assert 2 - 2 * found.mean() == pytest.approx(square)


def test__ends__of_the_range():
    axes = np.vstack([np.eye(5), -np.eye(5)])
    assert wasserstein_uniformity(axes) == pytest.approx(0, abs=1e-7)
    assert effective_rank(axes) == pytest.approx(5)
    same = np.ones((7, 5))
    assert wasserstein_uniformity(same) == pytest.approx(math.sqrt(2))
    assert wasserstein_uniformity(same, corrected=True) == pytest.approx(1)
    assert effective_rank(same) == 0
    assert wang_isola_uniformity(same) == pytest.approx(0, abs=1e-12)
    assert alignment(same, 3 * same) == pytest.approx(0, abs=1e-12)
    assert alignment(same, -same) == pytest.approx(4)


def test__effective_rank__does_not_see_a_small_cloud__the_distance_does():
    Z = 1 + 1e-3 * normal(2000, 16)
    assert effective_rank(Z) > 14.5
    assert wasserstein_uniformity(Z) > 1.4


@pytest.mark.parametrize("t", [0.5, 2.0])
@pytest.mark.parametrize("block", [1, 50, 10**6])
def test__wang_isola__is_its_definition_in_blocks_of_any_size(monkeypatch, block, t):
    monkeypatch.setattr("skwass.metrics._uniformity._BLOCK", block)
    Z = normal(23, 4)
    for normalize in (True, False):
        rows = Z / np.linalg.norm(Z, axis=1, keepdims=True) if normalize else Z
        kernel = [math.exp(-t * np.sum((a - b) ** 2)) for a, b in combinations(rows, 2)]
        found = wang_isola_uniformity(Z, t=t, normalize=normalize)
        assert found == pytest.approx(math.log(np.mean(kernel)))


def test__other_figures__are_the_values_of_the_losses():
    Z, other = torch.tensor(normal()), torch.tensor(normal(seed=1))
    assert wang_isola_uniformity(Z) == pytest.approx(WangIsolaLoss()(Z).item())
    for alpha in (0.5, 2, 3):
        expected = AlignmentLoss(alpha)(Z, other).item()
        assert alignment(Z, other, alpha=alpha) == pytest.approx(expected)


# --- the four properties ----------------------------------------------------------


@pytest.mark.parametrize("Z", clouds(), ids=lambda Z: str(Z.shape))
def test__order_of_samples__makes_no_difference(Z):
    shuffled = np.random.default_rng(1).permutation(Z)
    distance = wasserstein_uniformity(Z)
    assert wasserstein_uniformity(shuffled) == pytest.approx(distance, abs=1e-6)
    known = wang_isola_uniformity(Z)
    assert wang_isola_uniformity(shuffled) == pytest.approx(known)


@pytest.mark.parametrize("copies", [2, 5])
@pytest.mark.parametrize("Z", clouds(), ids=lambda Z: str(Z.shape))
def test__copies_of_samples__make_no_difference(Z, copies):
    cloned = np.tile(Z, (copies, 1))
    distance = wasserstein_uniformity(Z)
    assert wasserstein_uniformity(cloned) == pytest.approx(distance, abs=1e-6)
    # the other measure takes the copies for pairs of their own
    assert abs(wang_isola_uniformity(cloned) - wang_isola_uniformity(Z)) > 1e-3


@pytest.mark.parametrize("copies", [2, 5])
@pytest.mark.parametrize("Z", clouds(), ids=lambda Z: str(Z.shape))
def test__copies_of_features__make_it_worse(Z, copies):
    cloned = np.tile(Z, (1, copies))
    before = wasserstein_uniformity(Z, squared=True)
    expected = 2 - (2 - before) / math.sqrt(copies)
    found = wasserstein_uniformity(cloned, squared=True)
    assert found == pytest.approx(expected, abs=1e-6)
    assert found > before + 1e-3
    # the other measure does not see it
    known = wang_isola_uniformity(Z)
    assert wang_isola_uniformity(cloned) == pytest.approx(known)


@pytest.mark.parametrize("n_zeros", [1, 30])
@pytest.mark.parametrize("Z", clouds(), ids=lambda Z: str(Z.shape))
def test__features_of_zeros__make_it_worse(Z, n_zeros):
    n_samples, n_features = Z.shape
    padded = np.hstack([Z, np.zeros((n_samples, n_zeros))])
    before = wasserstein_uniformity(Z, squared=True)
    expected = 2 - (2 - before) * math.sqrt(n_features / (n_features + n_zeros))
    found = wasserstein_uniformity(padded, squared=True)
    assert found == pytest.approx(expected, abs=1e-6)
    assert found > before + 1e-3
    known = wang_isola_uniformity(Z)
    assert wang_isola_uniformity(padded) == pytest.approx(known)


# --- collapse ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "expected"), [(0.25, 0.5176), (0.5, 0.7654), (0.75, 1.0), (0.9, 1.1695)]
)
def test__collapse__follows_the_law(share, expected):
    n_features = 40
    alive = round(n_features * (1 - share))
    axes = np.vstack([np.eye(n_features)[:alive], -np.eye(n_features)[:alive]])
    found = wasserstein_uniformity(axes)
    assert found == pytest.approx(math.sqrt(2 - 2 * math.sqrt(1 - share)), abs=1e-6)
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("share", "published"),
    [(0.05, 0.2271), (0.25, 0.5183), (0.5, 0.7656), (0.75, 1.0), (0.99, 1.3416)],
)
def test__collapse__has_the_published_values(share, published):
    Z = normal(10000, 200)
    Z[:, round(200 * (1 - share)) :] = 0
    assert wasserstein_uniformity(Z) == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize(("n_samples", "n_features"), [(500, 16), (100, 100), (50, 80)])
def test__excess__of_uniform_samples_is_about_zero(n_samples, n_features):
    found = [
        wasserstein_uniformity(normal(n_samples, n_features, seed), corrected=True)
        for seed in range(5)
    ]
    assert np.mean(found) == pytest.approx(0, abs=0.01)
    Z = normal(n_samples, n_features)
    floor = uniformity_floor(n_samples, n_features)
    square = wasserstein_uniformity(Z, squared=True)
    assert wasserstein_uniformity(Z, squared=True, corrected=True) == pytest.approx(
        (square - floor**2) / (2 - floor**2)
    )


# --- input ------------------------------------------------------------------------


class Wrapped:
    """Anything that NumPy can read."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype=dtype)


@pytest.mark.parametrize("metric", ONE_SIDED)
@pytest.mark.parametrize(
    "form",
    [
        np.ndarray.tolist,
        np.asfortranarray,
        Wrapped,
        pandas.DataFrame,
        polars.DataFrame,
        torch.tensor,
        lambda Z: torch.tensor(Z, requires_grad=True),
        lambda Z: torch.tensor(Z).T.contiguous().T,
    ],
)
def test__input__of_any_kind_is_the_same(form, metric):
    Z = normal()
    assert_allclose(metric(form(Z)), metric(Z))


@pytest.mark.parametrize("metric", ONE_SIDED)
def test__numbers__of_any_kind_are_read(metric):
    Z = np.round(10 * normal(30, 4)) + 0.25
    for dtype in (np.float32, np.float16):
        assert_allclose(metric(Z.astype(dtype)), metric(Z))
    whole = Z.astype(np.int64)
    for integers in (whole, whole.astype(np.int8), torch.tensor(whole)):
        assert_allclose(metric(integers), metric(whole.astype(float)))
    halves = torch.tensor(Z).bfloat16()
    assert_allclose(metric(halves), metric(halves.double().numpy()))


@pytest.mark.parametrize("metric", ONE_SIDED)
def test__length_of_rows__does_not_matter(metric):
    Z = normal(30, 6)
    lengths = np.logspace(-300, 300, 30)[:, None]
    assert_allclose(metric(Z * lengths), metric(Z), atol=1e-12)
    assert_allclose(metric(Z * 1e-310), metric(Z), rtol=1e-2)


@pytest.mark.parametrize("metric", ONE_SIDED)
def test__input__is_left_alone(metric):
    Z = normal()
    before = Z.copy()
    metric(Z)
    metric(Z, normalize=False)
    assert_allclose(Z, before, rtol=0)


def spoilt(where, value):
    Z = normal()
    Z[where] = value
    return Z


@pytest.mark.parametrize("metric", ONE_SIDED)
@pytest.mark.parametrize(
    ("Z", "match"),
    [
        (spoilt([7], 0), "Z must have no row of zeros.* got 1 of 40, row 7"),
        (
            spoilt(slice(3, 12), 0),
            "got 9 of 40, rows 3, 4, 5, 6, 7, …",
        ),
        (spoilt((3, 2), np.nan), "Z contains NaN"),
        (spoilt((3, 2), np.inf), "Z contains infinity"),
        (normal(1), "2 samples or more; got n_samples = 1"),
        (np.ones((0, 4)), "2 samples or more; got n_samples = 0"),
        (normal(9, 1), "two features or more to be normalised; got n_features = 1"),
        (np.ones((4, 0)), "0 feature"),
        (normal() + 1j, "[Cc]omplex"),
        (torch.tensor(normal() + 1j), "[Cc]omplex"),
        (np.ones((4, 3, 2)), r"got shape \(4, 3, 2\)"),
        (np.ones(4), r"got shape \(4,\)"),
        ([["a", "b"], ["c", "d"]], "could not convert string"),
    ],
)
def test__bad_input__is_told(metric, Z, match):
    with pytest.raises(ValueError, match=match):
        metric(Z)


def test__sparse_input__is_told():
    with pytest.raises(TypeError, match="dense"):
        wasserstein_uniformity(scipy.sparse.csr_array(normal()))


def test__rows_of_zeros_and_single_features__are_fine_as_they_are():
    Z = np.array([[1.0], [-1.0], [0.0]])
    found = wasserstein_uniformity(Z, normalize=False, squared=True)
    assert found == pytest.approx(1 + 2 / 3 - 2 * math.sqrt(2 / 3))


def test__views__that_do_not_fit__raise():
    with pytest.raises(ValueError, match=r"got \(40, 8\) and \(40, 7\)"):
        alignment(normal(), normal(40, 7))
    with pytest.raises(ValueError, match="Z_positive must have no row of zeros"):
        alignment(normal(), spoilt([7], 0))


@pytest.mark.parametrize("value", [0, -1.0, math.inf])
def test__constants_that_are_not_positive__raise(value):
    with pytest.raises(ValueError, match="t "):
        wang_isola_uniformity(normal(), t=value)
    with pytest.raises(ValueError, match="alpha "):
        alignment(normal(), normal(), alpha=value)


def test__main_names__stand_at_the_top():
    assert skwass.wasserstein_uniformity is wasserstein_uniformity
