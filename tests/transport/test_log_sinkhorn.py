"""Entropic transport against its optimality conditions and against known answers."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.optimize import linprog

from skwass.transport import _log_sinkhorn
from skwass.transport._divergence import sinkhorn_divergences
from skwass.transport._log_sinkhorn import entropic_plans, log_sinkhorn


def problem(n_problems=3, n=7, m=9, seed=0, dtype=torch.float64):
    """Points and weights of a batch, the costs between them, and their mean."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n_problems, n, 2, generator=generator, dtype=dtype)
    y = torch.randn(n_problems, m, 2, generator=generator, dtype=dtype) + 0.5
    a = torch.rand(n_problems, n, generator=generator, dtype=dtype) + 0.1
    b = torch.rand(n_problems, m, generator=generator, dtype=dtype) + 0.1
    a, b = a / a.sum(1, keepdim=True), b / b.sum(1, keepdim=True)
    return x, y, a, b, torch.cdist(x, y).square()


def plan_of(costs, a, b, reg, f, g):
    total = (f[:, :, None] + g[:, None] - costs) / reg
    return a[:, :, None] * b[:, None] * total.exp()


@pytest.mark.parametrize("reg", [10.0, 1.0, 0.1, 0.02])
def test_potentials_give_a_plan_with_the_marginals(reg):
    _, _, a, b, costs = problem()
    f, g, error = log_sinkhorn(costs, a, b, reg, tol=1e-10, max_iter=20_000)
    plan = plan_of(costs, a, b, reg, f, g)
    assert error.max() <= 1e-10
    assert_allclose(plan.sum(2), a, rtol=1e-9)
    assert_allclose(plan.sum(1), b, atol=1e-10)


def test_the_dual_value_equals_the_primal_one():
    _, _, a, b, costs = problem()
    f, g, _ = log_sinkhorn(costs, a, b, 0.2, tol=1e-12)
    plan = entropic_plans(costs, a, b, torch.full((3,), 0.2, dtype=a.dtype), g)
    entropy = (plan * (plan / (a[:, :, None] * b[:, None])).log()).sum((1, 2))
    primal = (plan * costs).sum((1, 2)) + 0.2 * entropy
    assert_allclose((a * f).sum(1) + (b * g).sum(1), primal, rtol=1e-10)


def test_the_error_is_the_one_of_the_marginals():
    _, _, a, b, costs = problem()
    f, g, error = log_sinkhorn(costs, a, b, 0.05, max_iter=1, tol=0.0)
    plan = plan_of(costs, a, b, 0.05, f, g)
    assert error.min() > 1e-6
    assert_allclose(plan.sum(2), a, rtol=1e-12)
    assert_allclose((plan.sum(1) - b).abs().sum(1), error, rtol=1e-9)


def test_little_regularisation_gives_the_value_of_the_linear_program():
    _, _, a, b, costs = problem(1, 6, 5)
    rows = np.kron(np.eye(6), np.ones(5))
    columns = np.kron(np.ones(6), np.eye(5))
    exact = linprog(
        costs[0].flatten().numpy(),
        A_eq=np.vstack([rows, columns]),
        b_eq=np.concatenate([a[0], b[0]]),
    ).fun
    f, g, _ = log_sinkhorn(costs, a, b, 1e-3, tol=1e-4, max_iter=10_000)
    assert_allclose((a * f).sum() + (b * g).sum(), exact, rtol=1e-3)


def test_much_regularisation_gives_the_product_of_the_weights():
    _, _, a, b, costs = problem()
    _, g, _ = log_sinkhorn(costs, a, b, 1e9)
    plan = entropic_plans(costs, a, b, torch.full((3,), 1e9, dtype=a.dtype), g)
    assert_allclose(plan, a[:, :, None] * b[:, None], rtol=1e-6)


def test_each_problem_may_have_its_own_regularisation():
    _, _, a, b, costs = problem()
    reg = torch.tensor([0.1, 1.0, 5.0], dtype=a.dtype)
    f, _, _ = log_sinkhorn(costs, a, b, reg, tol=1e-11)
    for k in range(3):
        one = slice(k, k + 1)
        alone, _, _ = log_sinkhorn(costs[one], a[one], b[one], reg[k], tol=1e-11)
        assert_allclose(f[one] - f[one].mean(), alone - alone.mean(), atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("symmetric", [False, True])
def test_next_to_no_regularisation_stays_finite(dtype, symmetric):
    x, _, a, b, costs = problem(dtype=dtype)
    if symmetric:
        costs, b = torch.cdist(x, x).square(), a
    reg = 1e-12 * costs.mean()
    f, g, error = log_sinkhorn(costs, a, b, reg, symmetric=symmetric, max_iter=50)
    plans = entropic_plans(costs, a, b, reg.expand(3), g)
    for part in (f, g, error, plans):
        assert part.isfinite().all()
        assert part.dtype == dtype
    assert_allclose(plans.sum(2), a, rtol=1e-5)


@pytest.mark.parametrize("junk", [0.0, 1e30, float("inf"), float("nan")])
@pytest.mark.parametrize("reg", [1e-12, 0.3])
def test_padding_changes_nothing_whatever_its_costs(junk, reg):
    _, _, a, b, costs = problem()
    wide = torch.full((3, 9, 12), junk, dtype=a.dtype)
    wide[:, :7, :9] = costs
    long_a, long_b = torch.zeros(3, 9).to(a), torch.zeros(3, 12).to(b)
    long_a[:, :7], long_b[:, :9] = a, b
    f, g, error = log_sinkhorn(costs, a, b, reg, max_iter=200)
    wide_f, wide_g, wide_error = log_sinkhorn(wide, long_a, long_b, reg, max_iter=200)
    assert_allclose(wide_f[:, :7], f, atol=1e-10)
    assert_allclose(wide_g[:, :9], g, atol=1e-10)
    # rounding errors of the potentials, relative to so small a number, are large
    assert_allclose(wide_error, error, atol=1e-9 if reg == 0.3 else 0.1)
    assert wide_f.isfinite().all()
    assert wide_g.isfinite().all()
    regs = torch.full((3,), reg, dtype=a.dtype)
    plans = entropic_plans(wide, long_a, long_b, regs, wide_g)
    assert (plans[:, 7:] == 0).all()
    assert (plans[:, :, 9:] == 0).all()


def test_a_point_against_itself_has_equal_potentials_in_few_iterations():
    x, _, a, _, _ = problem()
    costs = torch.cdist(x, x).square()
    f, g, error = log_sinkhorn(costs, a, a, 0.5, symmetric=True, max_iter=30, tol=1e-9)
    assert error.max() <= 1e-9
    assert_allclose(f, g, atol=1e-8)
    plain, other, _ = log_sinkhorn(costs, a, a, 0.5, tol=1e-11)
    assert_allclose((a * (f + g)).sum(1), (a * (plain + other)).sum(1), rtol=1e-12)


def centred(tensor):
    """Without what potentials may share out among themselves."""
    return tensor - tensor.mean(1, keepdim=True) if tensor.ndim == 2 else tensor


def test_large_batches_are_worked_on_in_parts(monkeypatch):
    x, y, a, b, costs = problem(5)
    whole = log_sinkhorn(costs, a, b, 1.0, tol=1e-11)
    divergences, _ = sinkhorn_divergences(x, y, a, b, 1.0, tol=1e-11)
    monkeypatch.setattr(_log_sinkhorn, "_CHUNK", 130)
    parts = log_sinkhorn(costs, a, b, 1.0, tol=1e-11)
    for part, expected in zip(parts, whole, strict=True):
        assert_allclose(centred(part), centred(expected), atol=1e-9)
    parts, _ = sinkhorn_divergences(x, y, a, b, 1.0, tol=1e-11)
    for part, expected in zip(parts, divergences, strict=True):
        assert_allclose(centred(part), centred(expected), atol=1e-9)


@pytest.mark.parametrize("reg", [0.0, -1.0, float("nan")])
def test_a_regularisation_that_is_not_positive_is_refused(reg):
    _, _, a, b, costs = problem()
    with pytest.raises(ValueError, match="reg must be positive"):
        log_sinkhorn(costs, a, b, reg)


def test_costs_of_zero_alone_have_potentials_of_zero():
    _, _, a, b, costs = problem()
    f, g, error = log_sinkhorn(torch.zeros_like(costs), a, b, 0.1)
    assert_allclose(f[:, :, None] + g[:, None], 0.0, atol=1e-12)
    assert error.max() < 1e-12


def test_the_divergence_between_single_points_is_their_cost():
    x = torch.tensor([[[0.0, 0.0]], [[1.0, 1.0]]], dtype=torch.float64)
    y = torch.tensor([[[3.0, 4.0]], [[1.0, 1.0]]], dtype=torch.float64)
    one = torch.ones(2, 1, dtype=torch.float64)
    found, _ = sinkhorn_divergences(x, y, one, one)
    assert_allclose(found.values, [25.0, 0.0], atol=1e-12)
    assert_allclose(found.x, [[[-6.0, -8.0]], [[0.0, 0.0]]], atol=1e-12)
