"""Contrastive and predictive losses, by known answers."""

import math

import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose
from torch.autograd import gradcheck

from skwass.nn import InfoNCELoss, NegativeCosineLoss, NTXentLoss


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("n_samples", [2, 5])
def test__ntxent__of_orthogonal_samples__is_known(n_samples, temperature):
    z = torch.eye(n_samples, dtype=torch.float64)
    own = math.exp(1 / temperature)
    expected = -math.log(own / (own + 2 * n_samples - 2))
    assert_allclose(NTXentLoss(temperature)(z, 3 * z), expected, rtol=1e-12)


def test__ntxent__of_one_point__is_chance():
    z = torch.ones(6, 4)
    assert_allclose(NTXentLoss()(z, z), math.log(11), rtol=1e-6)


def test__ntxent__is_the_formula_written_out():
    first, second = drawn(4, 3), drawn(4, 3, seed=1)
    z = F.normalize(torch.cat([first, second]), dim=1)
    terms = []
    for i in range(8):
        others = [math.exp(z[i] @ z[j] / 0.3) for j in range(8) if j != i]
        terms.append(-math.log(math.exp(z[i] @ z[(i + 4) % 8] / 0.3) / sum(others)))
    expected = sum(terms) / 8
    assert_allclose(NTXentLoss(0.3)(first, second), expected, rtol=1e-12)
    assert_allclose(NTXentLoss(0.3)(second, first), expected, rtol=1e-12)


@pytest.mark.parametrize("n_negatives", [1, 30])
def test__info_nce__against_orthogonal_negatives__is_known(n_negatives):
    rows = torch.eye(n_negatives + 1, dtype=torch.float64)
    expected = -math.log(math.exp(5) / (math.exp(5) + n_negatives))
    found = InfoNCELoss(0.2)(rows[:1], 2 * rows[:1], rows[1:])
    assert_allclose(found, expected, rtol=1e-12)


def test__info_nce__without_negatives__takes_those_of_the_batch():
    z, k = drawn(5, 3), drawn(5, 3, seed=1)
    each = [
        InfoNCELoss()(z[i : i + 1], k[i : i + 1], k[torch.arange(5) != i])
        for i in range(5)
    ]
    assert_allclose(InfoNCELoss()(z, k), sum(each) / 5, rtol=1e-12)


def test__negative_cosine__knows_angles():
    targets = torch.eye(3)
    assert NegativeCosineLoss()(2 * targets, targets) == -1
    assert NegativeCosineLoss()(-targets, targets) == 1
    assert NegativeCosineLoss()(targets.roll(1, 0), targets) == 0


def test__negative_cosine__sends_no_gradient_to_targets():
    predictions, targets = drawn(4, 3).requires_grad_(), drawn(4, 3).requires_grad_()
    NegativeCosineLoss()(predictions, targets + 1).backward()
    assert targets.grad is None
    assert predictions.grad.abs().sum() > 0


@pytest.mark.parametrize(
    "loss", [NTXentLoss(), InfoNCELoss(), lambda z, k: InfoNCELoss()(z, k, drawn(7, 3))]
)
def test__gradients__are_those_of_finite_differences(loss):
    views = [drawn(4, 3, seed=seed).requires_grad_() for seed in (0, 1)]
    assert gradcheck(loss, views)


@pytest.mark.parametrize("loss", [NTXentLoss(), InfoNCELoss(), NegativeCosineLoss()])
def test__rows_of_zeros__give_finite_gradients(loss):
    z = torch.zeros(4, 3, requires_grad=True)
    value = loss(z, torch.ones(4, 3))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(z.grad).all()
