"""Batches, and workers, against all rows at once."""

import pickle

import numpy as np
import pandas
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from skwass.metrics import WassersteinUniformity, wasserstein_uniformity


# The checks feed rows of zeros, which cannot be normalised.
@parametrize_with_checks([WassersteinUniformity(normalize=False)])
def test__accumulator__passes_scikit_learns_check(estimator, check):
    check(estimator)


def problem(n_samples=203, n_features=12, offset=0.0):
    rng = np.random.default_rng(0)
    return offset + rng.normal(size=(n_samples, n_features)) * np.arange(
        1, n_features + 1
    )


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("batch_size", [1, 7, 100, 203])
def test__batches_of_any_size__are_the_whole(batch_size, normalize, offset):
    Z = problem(offset=offset)
    running = WassersteinUniformity(normalize=normalize)
    for start in range(0, len(Z), batch_size):
        running.partial_fit(Z[start : start + batch_size])
    for options in ({}, {"squared": True}, {"corrected": True}):
        expected = wasserstein_uniformity(Z, normalize=normalize, **options)
        assert running.distance(**options) == pytest.approx(expected, abs=1e-6)
    assert running.n_samples_seen_ == len(Z)
    rows = Z / np.linalg.norm(Z, axis=1, keepdims=True) if normalize else Z
    assert_allclose(running.mean_, rows.mean(axis=0))
    assert_allclose(running.covariance_, np.cov(rows.T, bias=True), rtol=1e-6)


def test__fewer_samples_than_features__are_the_whole():
    Z = problem(9, 30)
    running = WassersteinUniformity().partial_fit(Z[:4]).partial_fit(Z[4:])
    assert running.distance() == pytest.approx(wasserstein_uniformity(Z), abs=1e-6)


def test__uniform_and_collapsed_samples__are_exact():
    axes = np.vstack([np.eye(5), -np.eye(5)])
    running = WassersteinUniformity().partial_fit(axes[:3]).partial_fit(axes[3:])
    assert running.distance() == pytest.approx(0, abs=1e-6)
    same = WassersteinUniformity().partial_fit(np.ones((4, 5)))
    same.partial_fit(np.full((3, 5), 7.0))
    assert same.distance(squared=True) == pytest.approx(2, abs=1e-6)


def test__workers__merge_in_any_order_and_stay_as_they_are():
    Z = problem()
    parts = [Z[:50], Z[50:51], Z[51:]]
    workers = [WassersteinUniformity().partial_fit(part) for part in parts]
    before = pickle.dumps(workers)
    expected = wasserstein_uniformity(Z)
    for order in ([0, 1, 2], [2, 0, 1]):
        total = WassersteinUniformity()
        for index in order:
            assert total.merge(workers[index]) is total
        assert total.distance() == pytest.approx(expected, abs=1e-9)
        total.partial_fit(Z[:5])  # its moments are its own
    assert pickle.dumps(workers) == before


def test__empty_workers__add_nothing():
    total = WassersteinUniformity().partial_fit(problem())
    before = total.distance()
    assert total.merge(WassersteinUniformity()).distance() == before
    with pytest.raises(NotFittedError):
        WassersteinUniformity().merge(WassersteinUniformity()).distance()


def test__merge__keeps_names_of_columns():
    frame = pandas.DataFrame(problem(), columns=list("abcdefghijkl"))
    total = WassersteinUniformity().merge(WassersteinUniformity().fit(frame))
    assert list(total.feature_names_in_) == list(frame.columns)


def test__copies__go_on_where_they_were():
    Z = problem()
    running = WassersteinUniformity().partial_fit(Z[:100])
    again = pickle.loads(pickle.dumps(running)).partial_fit(Z[100:])
    assert again.distance() == pytest.approx(wasserstein_uniformity(Z))
    assert running.n_samples_seen_ == 100
    assert not hasattr(clone(running), "n_samples_seen_")


def test__fit__forgets():
    Z = problem()
    running = WassersteinUniformity().partial_fit(Z[:100]).fit(Z[100:])
    assert running.distance() == pytest.approx(wasserstein_uniformity(Z[100:]))


def test__tensors__are_read():
    Z = torch.tensor(problem(), dtype=torch.float32, requires_grad=True)
    running = WassersteinUniformity().partial_fit(Z[:100]).partial_fit(Z[100:])
    assert running.distance() == pytest.approx(wasserstein_uniformity(Z), abs=1e-6)


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (np.zeros((3, 4)), "X must have no row of zeros.* got 3 of 3, rows 0, 1, 2"),
        (np.full((3, 4), np.nan), "NaN"),
        (np.ones((3, 1)), "X has 1 features, but .* is expecting 4"),
        (np.ones((3, 4)) + 1j, "[Cc]omplex"),
        (np.ones((3, 4, 5)), "dim 3"),
        (np.ones((3, 5)), "X has 5 features, but .* is expecting 4"),
    ],
)
def test__bad_batch__is_told_and_changes_nothing(X, match):
    running = WassersteinUniformity().partial_fit(problem(20, 4))
    before = running.distance()
    with pytest.raises(ValueError, match=match):
        running.partial_fit(X)
    assert running.distance() == before
    assert running.n_samples_seen_ == 20


def test__a_bad_batch_that_begins_anew__changes_nothing():
    running = WassersteinUniformity()
    with pytest.raises(ValueError, match="row of zeros"):
        running.partial_fit(np.zeros((3, 4)))
    with pytest.raises(NotFittedError):
        running.distance()
    before = running.fit(problem(20, 4)).distance()
    with pytest.raises(ValueError, match="row of zeros"):
        running.fit(np.zeros((3, 5)))
    assert running.n_features_in_ == 4
    assert running.distance() == before


def test__single_feature__cannot_be_normalised():
    with pytest.raises(ValueError, match="n_features = 1"):
        WassersteinUniformity().fit(np.ones((3, 1)))
    assert WassersteinUniformity(normalize=False).fit([[1.0], [-1.0]]).distance() == 0


def test__distance__of_too_little_raises():
    with pytest.raises(NotFittedError):
        WassersteinUniformity().distance()
    with pytest.raises(ValueError, match="n_samples_seen_ = 1"):
        WassersteinUniformity().partial_fit([[1.0, 2.0]]).distance()


@pytest.mark.parametrize(
    ("other", "error", "match"),
    [
        (1, TypeError, "got int"),
        (WassersteinUniformity(normalize=False), ValueError, "normalize=True"),
        (WassersteinUniformity().fit(problem(5, 3)), ValueError, "12 features; got 3"),
    ],
)
def test__merge_of_what_does_not_fit__raises(other, error, match):
    with pytest.raises(error, match=match):
        WassersteinUniformity().fit(problem()).merge(other)
