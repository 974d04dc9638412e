"""Losses of Gaussian tokens are what their formulas say, also where slopes vanish."""

import math

import pytest
import torch
from torch.testing import assert_close

from skwass.nn import (
    ContrastiveWassersteinLoss,
    GaussianTokens,
    TripletWassersteinLoss,
    gaussian_wasserstein,
)


@pytest.fixture(autouse=True)
def _same_numbers():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def gaussians(*shape, shift=0.0):
    mean = torch.randn(shape, dtype=torch.float64) + shift
    return GaussianTokens(mean, torch.rand(shape, dtype=torch.float64) + 0.1)


# --- the distance -----------------------------------------------------------------


def test__distance__is_the_one_of_covariance_matrices():
    first, second = gaussians(4), gaussians(4)
    covariances = [part.variance.diag() for part in (first, second)]
    root = covariances[0].sqrt()
    values = torch.linalg.eigvalsh(root @ covariances[1] @ root)
    expected = (first.mean - second.mean).square().sum() - 2 * values.sqrt().sum()
    expected = expected + sum(c.trace() for c in covariances)
    assert_close(gaussian_wasserstein(first, second), expected)


def test__distance__broadcasts_and_vanishes_between_equals():
    tokens = gaussians(2, 5, 3)
    assert torch.count_nonzero(gaussian_wasserstein(tokens, tokens)) == 0
    one = GaussianTokens(*(part[0, 0] for part in tokens))
    assert gaussian_wasserstein(tokens, one).shape == (2, 5)


def test__distance__has_the_gradient_of_differences():
    inputs = [part.requires_grad_() for t in (gaussians(3), gaussians(3)) for part in t]

    def function(*parts):
        return gaussian_wasserstein(
            GaussianTokens(*parts[:2]), GaussianTokens(*parts[2:])
        )

    assert torch.autograd.gradcheck(function, inputs)


def test__distance__of_points_has_a_finite_slope():
    variance = torch.zeros(3, requires_grad=True)
    found = gaussian_wasserstein(
        GaussianTokens(torch.zeros(3), variance),
        GaussianTokens(torch.ones(3), torch.ones(3)),
    )
    assert_close(found, torch.tensor(6.0))
    found.backward()
    assert variance.grad.isfinite().all()


def test__distance__keeps_its_digits_in_half_precision():
    # 1e5 is beyond float16
    tokens = GaussianTokens(torch.full((9,), 200.0).half(), torch.ones(9).half())
    other = GaussianTokens(torch.zeros(9).half(), torch.ones(9).half())
    with torch.autocast("cpu", torch.bfloat16):
        assert gaussian_wasserstein(tokens, other).item() == 360_000


# --- the losses -------------------------------------------------------------------


def test__triplet__is_its_formula():
    z, near, far = gaussians(5, 3), gaussians(5, 3), gaussians(5, 3)
    to_near, to_far = (gaussian_wasserstein(z, other) for other in (near, far))
    between = gaussian_wasserstein(near, far)
    first = -torch.log(torch.sigmoid(to_far - to_near)).mean()
    second = (to_near - between).clamp_min(0).mean()
    found = TripletWassersteinLoss(lambda1=0.3, lambda2=0.7)(z, near, far)
    assert_close(found, 0.3 * first + 0.7 * second)


def test__triplet__is_small_where_classes_are_apart():
    loss = TripletWassersteinLoss(1.0, 1.0)
    z, near, far = gaussians(5, 3), gaussians(5, 3), gaussians(5, 3, shift=50)
    assert loss(z, near, far) < 1e-6
    assert loss(z, far, near) > 1000


def test__triplet__without_weights_is_zero():
    tokens = gaussians(5, 3)
    assert TripletWassersteinLoss(0, 0)(tokens, tokens, tokens) == 0


def test__contrastive__is_its_formula():
    student, teacher = gaussians(2, 5, 3), gaussians(2, 5, 3)
    distances = gaussian_wasserstein(student, teacher)
    expected = -torch.log(torch.sigmoid(-distances)).mean()
    assert_close(ContrastiveWassersteinLoss()(student, teacher), expected)
    assert_close(
        ContrastiveWassersteinLoss()(student, student),
        torch.tensor(math.log(2), dtype=torch.float64),
    )


def test__losses__stay_finite_far_away():
    near, far = gaussians(5, 3), gaussians(5, 3, shift=1e6)
    assert ContrastiveWassersteinLoss()(near, far).isfinite()
    assert TripletWassersteinLoss(1.0, 1.0)(near, far, near).isfinite()


def test__repr__tells_the_weights():
    assert repr(TripletWassersteinLoss(0.5, 0.25)) == (
        "TripletWassersteinLoss(lambda1=0.5, lambda2=0.25)"
    )


# --- bad input --------------------------------------------------------------------


@pytest.mark.parametrize("weight", [-1.0, math.inf, math.nan])
def test__weights_that_cannot_be__raise(weight):
    with pytest.raises(ValueError, match="lambda1 must not be negative"):
        TripletWassersteinLoss(lambda1=weight)
    with pytest.raises(ValueError, match="lambda2 must not be negative"):
        TripletWassersteinLoss(lambda2=weight)


def test__shapes_that_do_not_fit__raise():
    bad = GaussianTokens(torch.zeros(2, 3), torch.ones(2, 1))
    with pytest.raises(ValueError, match="second must hold means and variances"):
        gaussian_wasserstein(gaussians(2, 3), bad)
    with pytest.raises(ValueError, match="second must be of the width of first, 3"):
        gaussian_wasserstein(gaussians(2, 3), gaussians(2, 1))
