"""Losses on the sphere against their definitions, pair by pair."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from skwass.nn import AlignmentLoss, WangIsolaLoss, unit_rows


def normal(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype)


def pair_by_pair(z, t):
    rows = z / z.norm(dim=1, keepdim=True)
    pairs = [
        math.exp(-t * (rows[i] - rows[j]).square().sum().item())
        for i, j in combinations(range(len(z)), 2)
    ]
    return math.log(sum(pairs) / len(pairs))


@pytest.mark.parametrize("t", [0.5, 2, 5.0])
@pytest.mark.parametrize("n_samples", [2, 3, 17])
def test__wang_isola__is_its_definition(n_samples, t):
    z = normal(n_samples, 4)
    assert WangIsolaLoss(t)(z).item() == pytest.approx(pair_by_pair(z, t))


def test__wang_isola__has_the_gradient_of_finite_differences():
    assert gradcheck(WangIsolaLoss(), (normal(7, 3).requires_grad_(),))


@pytest.mark.parametrize("t", [2.0, 1e4])
def test__wang_isola__is_finite_at_its_ends(t):
    apart = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert WangIsolaLoss(t)(apart).item() == -4 * t
    same = torch.ones(5, 3, requires_grad=True)
    loss = WangIsolaLoss(t)(same)
    assert loss.item() == pytest.approx(0, abs=1e-6 * t)
    loss.backward()
    assert torch.isfinite(same.grad).all()


@pytest.mark.parametrize("n_samples", [0, 1])
def test__wang_isola__without_a_pair__raises(n_samples):
    with pytest.raises(ValueError, match=f"n_samples = {n_samples}, and no pair"):
        WangIsolaLoss()(torch.ones(n_samples, 3))


@pytest.mark.parametrize("alpha", [0.5, 1, 2, 3])
def test__alignment__is_its_definition(alpha):
    z1, z2 = normal(9, 4), normal(9, 4, seed=1)
    a, b = (z / z.norm(dim=1, keepdim=True) for z in (z1, z2))
    expected = (a - b).norm(dim=1).pow(alpha).mean().item()
    assert AlignmentLoss(alpha)(z1, z2).item() == pytest.approx(expected)
    z1.requires_grad_()
    assert gradcheck(lambda z: AlignmentLoss(alpha)(z, z2), (z1,))


@pytest.mark.parametrize("alpha", [0.5, 1, 2, 3])
def test__alignment__of_equal_views__is_zero_with_a_finite_gradient(alpha):
    z = normal(5, 3, dtype=torch.float32).requires_grad_()
    loss = AlignmentLoss(alpha)(z, z.detach())
    assert loss.item() == pytest.approx(0, abs=1e-9)
    loss.backward()
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test__unit_rows__have_length_one_or_zero(dtype):
    tiny, largest = torch.finfo(dtype).tiny, torch.finfo(dtype).max / 4
    z = torch.tensor([[3.0, 4.0], [0.0, 0.0], [3.0, -4.0], [1.0, 0.0]], dtype=dtype)
    z *= torch.tensor([[tiny], [1.0], [largest / 4], [1.0]], dtype=dtype)
    z.requires_grad_()
    rows = unit_rows(z)
    np.testing.assert_allclose(
        rows.detach().numpy(), [[0.6, 0.8], [0, 0], [0.6, -0.8], [1, 0]], rtol=2e-3
    )
    rows[:, 0].sum().backward()
    assert torch.isfinite(z.grad).all()
    assert not z.grad[1].any()


@pytest.mark.parametrize(
    ("z1", "z2", "match"),
    [
        (torch.ones(3, 2), torch.ones(4, 2), r"\(3, 2\) and \(4, 2\)"),
        (torch.ones(0, 2), torch.ones(0, 2), "not empty"),
        (torch.ones(3), torch.ones(3), r"z1 must be .* got shape \(3,\)"),
        (torch.ones(3, 2), torch.ones(3, 2).int(), "z2 must hold floating-point"),
    ],
)
def test__alignment__of_views_that_do_not_fit__raises(z1, z2, match):
    with pytest.raises(ValueError, match=match):
        AlignmentLoss()(z1, z2)


@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan])
def test__constants_that_are_not_positive__raise(value):
    with pytest.raises(ValueError, match="t must be positive"):
        WangIsolaLoss(value)
    with pytest.raises(ValueError, match="alpha must be positive"):
        AlignmentLoss(value)
