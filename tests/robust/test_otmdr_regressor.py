"""OTMDRRegressor: means, spreads, and what several targets change."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from torch import nn

from skwass import OTMDRRegressor

RNG = np.random.default_rng(0)
X = RNG.uniform(-2, 2, size=(240, 2))
NOISE = 0.1 + 0.4 * (X[:, 0] > 0)
Y = np.sin(X[:, 0]) + X[:, 1] + NOISE * RNG.normal(size=len(X))
FEW = {"max_iter": 60, "lr": 0.01, "random_state": 0}


@pytest.mark.parametrize("distribution", ["single", "ensemble", "bayesian"])
def test__a_noisy_curve__is_learnt(distribution):
    regressor = OTMDRRegressor(distribution=distribution, kl_weight=0.01, **FEW)
    assert regressor.fit(X, Y).score(X, Y) > 0.85


def test__spreads__follow_the_noise():
    _, std = OTMDRRegressor(**FEW).fit(X, Y).predict(X, return_std=True)
    noisy = std[NOISE > 0.2].mean()
    assert 0.3 < noisy < 0.7
    assert std[NOISE < 0.2].mean() < 0.6 * noisy


def test__the_spread_of_an_ensemble__is_that_of_the_mixture():
    regressor = OTMDRRegressor(distribution="ensemble", n_members=3, **FEW).fit(X, Y)
    means, stds = regressor.predict_members(X)
    assert means.shape == stds.shape == (3, len(X))
    mean, std = regressor.predict(X, return_std=True)
    assert_allclose(mean, means.mean(axis=0))
    assert_allclose(std**2, (stds**2 + means**2).mean(axis=0) - mean**2, rtol=1e-6)


def test__far_from_the_data__members_disagree():
    regressor = OTMDRRegressor(distribution="ensemble", **FEW).fit(X, Y)
    near, _ = regressor.predict_members(X)
    far, _ = regressor.predict_members(X + 8)
    assert far.std(axis=0).mean() > 3 * near.std(axis=0).mean()


@pytest.mark.parametrize(("unit", "shift"), [(1e6, 0.0), (1e-6, 0.0), (1.0, 1e4)])
def test__the_unit_of_targets__does_not_matter(unit, shift):
    plain = OTMDRRegressor(**FEW).fit(X, Y)
    other = OTMDRRegressor(**FEW).fit(X, unit * Y + shift)
    for one, two in zip(
        plain.predict(X, return_std=True),
        other.predict(X, return_std=True),
        strict=True,
    ):
        expected = unit * one + (shift if one is not None and one.min() < 0 else 0)
        assert_allclose(two, expected, atol=0.05 * unit)


def test__several_targets__are_told_each():
    both = np.stack([Y, -100 * Y], axis=1)
    regressor = OTMDRRegressor(**FEW).fit(X, both)
    mean, std = regressor.predict(X, return_std=True)
    assert mean.shape == std.shape == both.shape
    assert regressor.n_outputs_ == 2
    assert regressor.score(X, both) > 0.85
    with pytest.raises(ValueError, match="2 targets"):
        regressor.partial_fit(X, both[:, :1])
    with pytest.raises(ValueError, match="2 dimensions"):
        regressor.partial_fit(X, Y)


def test__constant_targets__are_told_as_they_are():
    regressor = OTMDRRegressor(**FEW).fit(X, np.full(len(X), 7.0))
    assert_allclose(regressor.predict(X), 7.0, atol=0.1)


def test__weights__pull_the_mean():
    y = np.repeat([0.0, 1.0], len(X) // 2)
    X_same = np.zeros_like(X)
    weights = np.where(y > 0, 3.0, 1.0)
    regressor = OTMDRRegressor(**FEW).fit(X_same, y, sample_weight=weights)
    assert_allclose(regressor.predict(X_same[:1]), 0.75, atol=0.06)


def test__modules__give_means_and_raw_scales():
    regressor = OTMDRRegressor(nn.Linear(2, 2), **(FEW | {"lr": 0.1})).fit(X, Y)
    assert regressor.score(X, Y) > 0.6
    with pytest.raises(ValueError, match=r"\(16, 2\) for 16 samples; got \(16, 1\)"):
        OTMDRRegressor(nn.Linear(2, 1), **FEW).fit(X, Y)


def test__partial_fit__learns_on():
    regressor = OTMDRRegressor(lr=0.01, random_state=0)
    for _ in range(40):
        regressor.partial_fit(X, Y)
    assert regressor.score(X, Y) > 0.8


def test__the_same_seed__gives_the_same_bits():
    regressor = OTMDRRegressor(n_particles=2, **(FEW | {"max_iter": 5}))
    first = regressor.fit(X, Y).predict(X)
    assert_array_equal(clone(regressor).fit(X, Y).predict(X), first)
    assert cross_val_score(regressor, X, Y, cv=2).shape == (2,)


def test__targets_that_are_no_numbers__raise():
    with pytest.raises(ValueError, match="NaN"):
        OTMDRRegressor(**FEW).fit(X, np.where(Y > 1, np.nan, Y))
