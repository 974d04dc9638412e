"""Losses as functions of weights, against functions that are known by heart."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from skwass.nn import (
    Landscape,
    Perceptron,
    make_bayesian,
    random_direction,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


class Point(nn.Module):
    """Nothing but weights, in two parts."""

    def __init__(self, values):
        super().__init__()
        values = torch.as_tensor(values, dtype=torch.float64)
        self.first = nn.Parameter(values[:2].clone())
        self.rest = nn.Parameter(values[2:].clone())

    def forward(self):
        return torch.cat([self.first, self.rest])


def quadratic(matrix, start=None):
    """The landscape x'Ax/2, as two terms."""
    matrix = torch.as_tensor(matrix)
    point = Point(np.zeros(len(matrix)) if start is None else start)
    half = lambda: point() @ matrix @ point() / 4  # noqa: E731
    return Landscape(point, [half, half]), point


def symmetric(size, seed=0):
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return noise + noise.T


def flat(parts):
    return torch.cat([part.detach().reshape(-1) for part in parts]).numpy()


# --- derivatives ------------------------------------------------------------------


def test__gradient__is_the_sum_over_terms():
    matrix, start = symmetric(6), np.arange(6.0)
    landscape, _ = quadratic(matrix, start)
    loss, gradient = landscape.gradient()
    assert_allclose(loss, start @ matrix @ start / 2, rtol=1e-12)
    assert_allclose(landscape.loss(), loss, rtol=1e-12)
    assert_allclose(flat(gradient), matrix @ start, rtol=1e-12)


def test__hessian_product__is_that_of_the_matrix():
    matrix = symmetric(6)
    landscape, _ = quadratic(matrix)
    direction = np.random.default_rng(1).normal(size=6)
    parts = [torch.as_tensor(direction[:2]), torch.as_tensor(direction[2:])]
    assert_allclose(flat(landscape.hessian_product(parts)), matrix @ direction)


def test__weights_that_the_loss_does_not_know__have_no_slope():
    module = nn.ModuleDict({"used": nn.Linear(2, 1), "idle": nn.Linear(3, 3)}).double()
    x = torch.ones(4, 2, dtype=torch.float64)
    landscape = Landscape(module, [lambda: module["used"](x).square().mean()])
    direction = random_direction(landscape.parameters, seeded())
    gradient = landscape.gradient()[1]
    product = landscape.hessian_product(direction)
    assert [bool(part.any()) for part in gradient] == [True, True, False, False]
    assert [bool(part.any()) for part in product] == [True, True, False, False]


def test__frozen_weights__are_no_coordinates():
    module = Perceptron(3, 2, (4,))
    module[0].weight.requires_grad_(False)
    assert [p.shape for p in Landscape(module, []).parameters] == [(4,), (2, 4), (2,)]


def test__spreads_of_bayesian_layers__are_no_coordinates():
    plain = Perceptron(3, 2, (4,))
    shapes = [p.shape for p in Landscape(plain, []).parameters]
    bayesian = make_bayesian(plain)
    assert [p.shape for p in Landscape(bayesian, []).parameters] == shapes


@pytest.mark.parametrize(
    "layer",
    [
        lambda: nn.LSTM(3, 4, batch_first=True),
        lambda: nn.TransformerEncoderLayer(3, 1, 8, batch_first=True),
        lambda: nn.Sequential(nn.Conv1d(5, 4, 3, padding=1), nn.MaxPool1d(2)),
    ],
    ids=["lstm", "attention", "convolution"],
)
def test__fused_layers__have_second_derivatives(layer):
    torch.manual_seed(0)
    module = layer().double().eval()
    x = torch.randn(2, 5, 3, dtype=torch.float64)

    def loss():
        found = module(x)
        return (found[0] if isinstance(found, tuple) else found).pow(3).sum()

    landscape = Landscape(module, [loss])
    direction = random_direction(landscape.parameters, seeded())
    product = flat(landscape.hessian_product(direction))
    width, ends = 1e-6, []
    for sign in (1, -1):
        with torch.no_grad():
            torch._foreach_add_(landscape.parameters, direction, alpha=sign * width)
            ends.append(flat(landscape.gradient()[1]))
            torch._foreach_add_(landscape.parameters, direction, alpha=-sign * width)
    expected = (ends[0] - ends[1]) / (2 * width)
    assert_allclose(product, expected, atol=1e-6 * np.abs(expected).max())


# --- the largest eigenvalue -------------------------------------------------------


@pytest.mark.parametrize("size", [3, 8, 60])
def test__top_eigenvalue__is_the_largest_with_its_sign(size):
    matrix = symmetric(size) - 3 * np.sqrt(size) * np.eye(size)
    values = np.linalg.eigvalsh(matrix)
    assert abs(values[0]) > values[-1]
    found, converged = quadratic(matrix)[0].top_eigenvalue(seeded(), tol=1e-6)
    assert converged
    assert_allclose(found, values[-1], rtol=1e-9)


@pytest.mark.parametrize(
    ("diagonal", "expected"),
    [([0, 0, 0, 0], 0), ([5, 5, 5, 5], 5), ([-2, -1, 0, 0], 0), ([-3, -2, -9, -5], -2)],
)
def test__top_eigenvalue__of_special_matrices(diagonal, expected):
    matrix = np.diag(np.asarray(diagonal, dtype=float))
    found, converged = quadratic(matrix)[0].top_eigenvalue(seeded())
    assert converged
    assert_allclose(found, expected, rtol=1e-6, atol=1e-12)


def test__top_eigenvalue__of_one_weight_is_the_second_derivative():
    weight = nn.Linear(1, 1, bias=False).double()
    landscape = Landscape(weight, [lambda: 3 * weight.weight.square().sum()])
    assert_allclose(landscape.top_eigenvalue(seeded()), (6, True), rtol=1e-12)


def test__top_eigenvalue__stopped_early_is_a_lower_bound():
    matrix = symmetric(60)
    top = np.linalg.eigvalsh(matrix)[-1]
    landscape, _ = quadratic(matrix)
    found = [landscape.top_eigenvalue(seeded(), max_iter=k) for k in (1, 4, 8)]
    values = [value for value, _ in found]
    assert not any(converged for _, converged in found)
    assert values == sorted(values)
    assert values[-1] < top


def test__top_eigenvalue__is_decided_by_the_generator():
    landscape, _ = quadratic(symmetric(60))
    before = torch.get_rng_state()
    first, again, other = (
        landscape.top_eigenvalue(seeded(seed), max_iter=5)[0] for seed in (0, 0, 1)
    )
    assert first == again != other
    assert torch.equal(before, torch.get_rng_state())


# --- along directions -------------------------------------------------------------


def test__profile__is_a_parabola_over_a_quadratic_and_moves_nothing():
    matrix, start = symmetric(6), np.full(6, 0.1)
    landscape, point = quadratic(matrix, start)
    before = flat(point.parameters()).tobytes()
    direction = [torch.ones(2).double(), torch.zeros(4).double()]
    steps = np.linspace(-1, 1, 5)
    moved = start + steps[:, None] * np.r_[1, 1, 0, 0, 0, 0]
    found = landscape.profile(direction, steps)
    assert_allclose(found, np.einsum("si,ij,sj->s", moved, matrix, moved) / 2)
    assert flat(point.parameters()).tobytes() == before


def test__profile__that_fails_leaves_the_weights_as_they_were():
    module = nn.Linear(2, 2)
    before = module.weight.detach().clone()

    def fails():
        raise RuntimeError("no memory")

    landscape = Landscape(module, [fails])
    direction = random_direction(landscape.parameters, seeded())
    with pytest.raises(RuntimeError, match="no memory"):
        landscape.profile(direction, [0.5])
    assert torch.equal(module.weight, before)


def test__filters_of_a_direction__are_as_long_as_those_of_the_weights():
    torch.manual_seed(0)
    linear, convolution = nn.Linear(5, 3), nn.Conv2d(2, 4, 3)
    norm = nn.BatchNorm2d(4)
    parameters = [*linear.parameters(), *convolution.parameters(), *norm.parameters()]
    rows, bias, kernels, *rest = random_direction(
        parameters, seeded(), filter_normalised=True
    )
    assert_allclose(rows.norm(dim=1), linear.weight.detach().norm(dim=1), rtol=1e-6)
    assert_allclose(
        kernels.flatten(1).norm(dim=1),
        convolution.weight.detach().flatten(1).norm(dim=1),
        rtol=1e-6,
    )
    assert not any(bool(part.any()) for part in (bias, *rest))


def test__directions__scale_with_the_weights_and_are_else_the_same():
    weight = torch.randn(4, 3, generator=seeded(1))
    (one,), (ten,) = (
        random_direction([scale * weight], seeded(), filter_normalised=True)
        for scale in (1, 10)
    )
    assert_allclose(ten, 10 * one, rtol=1e-5)


def test__filters_without_weight__stay():
    weight = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    (rows,) = random_direction([weight], seeded(), filter_normalised=True)
    assert not rows[0].any()
    assert rows[1].any()


# --- stacks of perceptrons --------------------------------------------------------


def test__members_of_a_stack__say_alone_what_they_say_together():
    torch.manual_seed(0)
    mean, scale = torch.arange(3.0), torch.full((3,), 2.0)
    stack = Perceptron(3, 2, (4, 5), n_members=3, mean=mean, scale=scale)
    x = torch.randn(7, 3)
    before = torch.get_rng_state()
    members = stack.alone()
    assert torch.equal(before, torch.get_rng_state())
    together = stack(x).detach()
    for place, member in enumerate(members):
        assert_allclose(member(x).detach(), together[place], atol=1e-6)
        member[1].weight.data.zero_()
    assert torch.equal(stack(x), together)


def test__a_single_perceptron__is_no_stack():
    assert Perceptron(3, 2).alone() == []
