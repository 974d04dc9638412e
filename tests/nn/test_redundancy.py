"""Barlow Twins and Zero-CL, and the whitening under it, by known answers."""

import pytest
import torch
from numpy.testing import assert_allclose
from torch.autograd import gradcheck

from skwass.nn import BarlowTwinsLoss, ZeroCLLoss
from skwass.nn._whitening import whitened


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def corners(n_features):
    """All signs: columns of variance one that do not correlate."""
    rows = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * n_features)
    return rows.double()


@pytest.mark.parametrize("off_diagonal", [0.005, 1.0])
def test__barlow_twins__of_uncorrelated_features__is_zero(off_diagonal):
    z = corners(3)
    loss = BarlowTwinsLoss(off_diagonal)
    assert_allclose(loss(z, 5 * z + 2), 0, atol=1e-8)


def test__barlow_twins__of_equal_features__counts_pairs():
    z = corners(2)[:, :1].expand(-1, 4)
    assert_allclose(BarlowTwinsLoss(0.5)(z, z), 0.5 * 12, rtol=1e-4)


def test__barlow_twins__of_unrelated_views__counts_features():
    z = corners(4)
    assert_allclose(BarlowTwinsLoss()(z[:, :2], z[:, 2:]), 2, rtol=1e-6)


def test__barlow_twins__of_constants__has_a_finite_gradient():
    z = torch.ones(8, 3, requires_grad=True)
    loss = BarlowTwinsLoss()(z, z)
    loss.backward()
    assert_allclose(loss.item(), 3)
    assert torch.isfinite(z.grad).all()


def test__whitened__has_the_identity_as_covariance():
    z = drawn(40, 5) @ drawn(5, 5, seed=1)
    z = z - z.mean(dim=0)
    white = whitened(z, 40, shrinkage=0.0)
    assert_allclose(white.T @ white / 40, torch.eye(5), atol=1e-9)


def test__whitened__is_the_nearest_white_matrix():
    z = drawn(30, 4)
    left, _, right = torch.linalg.svd(z, full_matrices=False)
    expected = (left @ right) * 30**0.5
    assert_allclose(whitened(z, 30, shrinkage=0.0), expected, atol=1e-8)


def test__whitened__has_the_gradient_of_finite_differences():
    z = drawn(9, 3).requires_grad_()
    assert gradcheck(lambda z: whitened(z, 9), [z])


@pytest.mark.parametrize(
    "z",
    [
        torch.zeros(8, 4),
        torch.ones(8, 4),
        torch.eye(8)[:, :4],
        drawn(8, 1).expand(8, 4),
    ],
    ids=["zero", "constant", "equal values", "rank one"],
)
def test__zero_cl__of_degenerate_views__has_a_finite_gradient(z):
    first = z.float().clone().requires_grad_()
    loss = ZeroCLLoss()(first, drawn(8, 4).float())
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(first.grad).all()


def test__zero_cl__of_what_is_not_finite__is_nan():
    z = drawn(8, 4).index_fill(0, torch.tensor([3]), torch.nan).requires_grad_()
    loss = ZeroCLLoss()(z, drawn(8, 4))
    loss.backward()
    assert torch.isnan(loss)
    assert torch.isnan(z.grad).all()


def test__zero_cl__of_views_that_agree__is_zero():
    z = drawn(20, 6)
    assert_allclose(ZeroCLLoss()(z, 3 * z), 0, atol=1e-12)


def test__zero_cl__of_opposite_views__is_four_for_each_part():
    z = drawn(50, 6)
    assert_allclose(ZeroCLLoss(instance_weight=0.0)(z, -z), 4, rtol=1e-2)
    assert_allclose(ZeroCLLoss()(z, -z), 8, rtol=1e-2)


def test__zero_cl__of_unrelated_views__is_two_for_each_part():
    rows = corners(6)
    loss = ZeroCLLoss(instance_weight=0.0, shrinkage=0.0)
    assert_allclose(loss(rows[:, :3], rows[:, 3:]), 2, rtol=1e-9)


def test__zero_cl__has_the_gradient_of_finite_differences():
    views = [drawn(7, 3, seed=seed).requires_grad_() for seed in (0, 1)]
    assert gradcheck(ZeroCLLoss(), views)


def test__zero_cl__of_fewer_samples_than_features__raises():
    with pytest.raises(ValueError, match=r"whitens 5 features, .* got 4"):
        ZeroCLLoss()(drawn(4, 5), drawn(4, 5))
