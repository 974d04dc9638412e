"""The loss against known answers, its gradient against finite differences."""

import copy
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from torch.autograd import gradcheck
from torch.nn.functional import cosine_similarity

from skwass import wasserstein_distances
from skwass.transport import TransportLoss

EXACT = {}
SINKHORN = {"solver": "sinkhorn", "reg": 0.5, "tol": 1e-9, "max_iter": 10_000}
SOLVERS = [pytest.param(EXACT, id="exact"), pytest.param(SINKHORN, id="sinkhorn")]
both_solvers = pytest.mark.parametrize("options", SOLVERS)


def problem(n_problems=3, n=5, m=6, seed=0, dtype=torch.float64):
    """Points and weights, in general position, that require gradients."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n_problems, n, 2, generator=generator, dtype=dtype)
    y = torch.randn(n_problems, m, 2, generator=generator, dtype=dtype) + 0.5
    a = torch.rand(n_problems, n, generator=generator, dtype=dtype) + 0.1
    b = torch.rand(n_problems, m, generator=generator, dtype=dtype) + 0.1
    return [tensor.requires_grad_() for tensor in (x, y, a, b)]


def gradients(loss, *inputs):
    return torch.autograd.grad(loss.sum(), inputs)


# --- derivatives --------------------------------------------------------------------


@both_solvers
@pytest.mark.parametrize(("order", "squared"), [(2, True), (2, False), (1, True)])
def test_gradients_are_those_of_finite_differences(options, order, squared):
    loss = TransportLoss(order=order, squared=squared, reduction="none", **options)
    assert gradcheck(loss, problem(1, 3, 4))


@both_solvers
def test_gradients_with_padding_are_those_of_finite_differences(options):
    x, y, a, b = problem(1, 4, 3)
    there = torch.tensor([[1.0, 1.0, 0.0, 1.0]], dtype=torch.float64)
    loss = TransportLoss(reduction="none", **options)
    assert gradcheck(lambda x, y, a, b: loss(x, y, a * there, b), (x, y, a, b))


@both_solvers
def test_the_gradient_of_a_zero_weight_is_the_one_of_a_little_weight(options):
    x, y, a, b = problem(1)
    zero = a.detach().clone()
    zero[0, 2] = 0.0
    little = zero.clone()
    little[0, 2] = 1e-9
    loss = TransportLoss(**options)
    found = [
        gradients(loss(x, y, weights.requires_grad_(), b), weights)[0]
        for weights in (zero, little)
    ]
    assert_allclose(*found, rtol=1e-6, atol=1e-7)


def test_second_derivatives_are_refused():
    x, y, _, _ = problem()
    (first,) = torch.autograd.grad(TransportLoss()(x, y), x, create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivatives"):
        first.sum().backward()


@both_solvers
def test_a_loss_may_be_used_twice_in_one_graph(options):
    x, y, a, b = problem()
    loss = TransportLoss(**options)
    once = gradients(loss(x, y, a, b), x, a)
    twice = gradients(loss(x, y, a, b) + 2 * loss(x, y, a, b), x, a)
    for single, triple in zip(once, twice, strict=True):
        assert_allclose(triple, 3 * single, rtol=1e-12)


# --- known answers ------------------------------------------------------------------


@both_solvers
def test_a_translation_costs_its_square_and_pulls_straight_back(options):
    x, _, a, _ = problem()
    shift = torch.tensor([3.0, 4.0], dtype=torch.float64)
    loss = TransportLoss(reduction="none", **options)(x + shift, x.detach(), a, a)
    assert_allclose(loss.detach(), [25.0] * 3, rtol=1e-9)
    (found,) = gradients(loss, x)
    share = (a / a.sum(1, keepdim=True)).detach()
    assert_allclose(found, 2 * share[:, :, None] * shift, atol=1e-8)


@pytest.mark.parametrize(("order", "value", "pull"), [(2, 25.0, 6.0), (1, 5.0, 0.6)])
@both_solvers
def test_between_single_points_it_is_the_cost(options, order, value, pull):
    x = torch.tensor([[3.0, 4.0]], dtype=torch.float64, requires_grad=True)
    loss = TransportLoss(order=order, **options)(x, torch.zeros_like(x))
    assert loss.shape == ()
    assert_allclose(loss.item(), value, rtol=1e-12)
    (found,) = gradients(loss, x)
    assert_allclose(found, [[pull, pull * 4 / 3]], rtol=1e-12)


def test_the_exact_value_is_the_squared_wasserstein_distance():
    x, y, a, b = problem(4, 20, 30)
    first, second = (
        [(p.numpy(), w.numpy()) for p, w in zip(*pair, strict=True)]
        for pair in ((x.detach(), a.detach()), (y.detach(), b.detach()))
    )
    expected = np.diag(wasserstein_distances(first, second, squared=True))
    found = TransportLoss(reduction="none")(x, y, a, b).detach()
    assert_allclose(found, expected, rtol=1e-13)
    distance = TransportLoss(reduction="none", squared=False)(x, y, a, b).detach()
    assert_allclose(distance, np.sqrt(expected), rtol=1e-13)


def test_the_cost_of_order_one_on_a_line_is_the_area_between_quantiles():
    x, y, _, _ = problem(1, 8, 8)
    x, y = x.detach()[0, :, :1], y.detach()[0, :, :1]
    expected = (x.sort(0).values - y.sort(0).values).abs().mean()
    assert_allclose(TransportLoss(order=1)(x, y), expected, rtol=1e-13)


@both_solvers
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("squared", [True, False])
def test_equal_clouds_have_no_loss_and_no_gradient(options, order, squared):
    x, _, a, _ = problem()
    loss = TransportLoss(order=order, squared=squared, **options)
    value = loss(x, x.detach().clone(), a, a.detach().clone())
    tolerance = 0 if options is EXACT else 1e-5 if not squared else 1e-10
    assert_allclose(value.detach(), 0.0, atol=tolerance)
    if squared or options is EXACT:
        (found,) = gradients(value, x)
        assert_allclose(found, 0.0, atol=tolerance)


def test_little_regularisation_has_the_gradient_of_exact_transport():
    x, y, a, b = problem(4, 30, 30)
    (exact,) = gradients(TransportLoss()(x, y, a, b), x)
    loss = TransportLoss("sinkhorn", reg=0.01, tol=1e-3, max_iter=5000)
    (smooth,) = gradients(loss(x, y, a, b), x)
    assert cosine_similarity(exact.flatten(), smooth.flatten(), dim=0) > 0.99


def test_regularisation_is_a_share_of_the_mean_cost_unless_given():
    x, y, a, b = (tensor.detach() for tensor in problem(1))
    share = (a[:, :, None] / a.sum()) * (b[:, None] / b.sum())
    mean = (share * torch.cdist(x, y).square()).sum().item()
    chosen = TransportLoss("sinkhorn", reg=0.05 * mean, tol=1e-10)(x, y, a, b)
    assert_allclose(TransportLoss("sinkhorn", tol=1e-10)(x, y, a, b), chosen)


# --- invariances --------------------------------------------------------------------


@both_solvers
@pytest.mark.parametrize("junk", [1.0, 1e200, float("inf"), float("nan")])
def test_padding_changes_nothing_and_has_no_gradient(options, junk):
    x, y, a, b = problem()
    loss = TransportLoss(reduction="none", **options)
    plain = loss(x, y, a, b)
    expected = gradients(plain, x, y, a, b)
    far = torch.full((3, 2, 2), junk, dtype=x.dtype)
    none = torch.zeros(3, 2, dtype=x.dtype)
    padded = [torch.cat([t, far], 1).detach().requires_grad_() for t in (x, y)]
    padded += [torch.cat([t, none], 1).detach().requires_grad_() for t in (a, b)]
    value = loss(*padded)
    assert_allclose(value.detach(), plain.detach(), rtol=1e-9)
    for found, want in zip(gradients(value, *padded), expected, strict=True):
        assert_allclose(found[:, : want.shape[1]], want, atol=1e-8)
        assert found.isfinite().all()
        if found.ndim == 3:
            assert (found[:, want.shape[1] :] == 0).all()


@both_solvers
def test_gradients_follow_a_permutation_of_the_points(options):
    x, y, a, b = problem()
    order = torch.tensor([3, 0, 4, 1, 2])
    loss = TransportLoss(**options)
    expected = gradients(loss(x, y, a, b), x, a)
    shuffled = [t.detach()[:, order].requires_grad_() for t in (x, a)]
    found = gradients(loss(shuffled[0], y, shuffled[1], b), *shuffled)
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one, other[:, order], atol=1e-9)


@pytest.mark.parametrize("unit", [1e-8, 1e8])
@pytest.mark.parametrize("options", [{}, {"solver": "sinkhorn", "tol": 1e-10}])
def test_the_loss_scales_with_the_unit(options, unit):
    x, y, a, b = problem()
    loss = TransportLoss(**options)
    plain = loss(x, y, a, b)
    (pull,) = gradients(plain, x)
    scaled = (unit * x).detach().requires_grad_()
    value = loss(scaled, unit * y, a, b)
    assert_allclose(value.detach(), unit**2 * plain.detach(), rtol=1e-9)
    assert_allclose(gradients(value, scaled)[0] / unit, pull, atol=1e-8)


@both_solvers
def test_the_unit_of_the_weights_does_not_matter(options):
    x, y, a, b = problem()
    loss = TransportLoss(**options)
    assert_allclose(
        loss(x, y, 7 * a, b).detach(), loss(x, y, a, b).detach(), rtol=1e-10
    )


@both_solvers
def test_no_weights_are_equal_weights(options):
    x, y, _, _ = (tensor.detach() for tensor in problem())
    loss = TransportLoss(**options)
    whole, mask = torch.full((3, 5), 2), torch.ones(3, 6, dtype=torch.bool)
    assert loss(x, y) == loss(x, y, whole, mask)


@both_solvers
def test_a_far_origin_costs_few_digits(options):
    x, y, a, b = problem()
    loss = TransportLoss(**options)
    (expected,) = gradients(loss(x, y, a, b), x)
    far = (x + 1e6).detach().requires_grad_()
    (found,) = gradients(loss(far, y + 1e6, a, b), far)
    assert_allclose(found, expected, atol=1e-7)


# --- torch --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("options", [{}, {"solver": "sinkhorn"}])
def test_the_floating_type_is_kept(options, dtype):
    x, y, a, b = (t.detach().to(dtype).requires_grad_() for t in problem())
    loss = TransportLoss(**options)(x, y, a, b)
    assert loss.dtype == dtype
    for gradient, tensor in zip(gradients(loss, x, y, a, b), (x, y, a, b), strict=True):
        assert gradient.dtype == tensor.dtype
        assert gradient.isfinite().all()


def test_reductions_and_single_clouds():
    x, y, a, b = (tensor.detach() for tensor in problem())
    each = TransportLoss(reduction="none")(x, y, a, b)
    assert each.shape == (3,)
    assert_allclose(TransportLoss()(x, y, a, b), each.mean(), rtol=1e-12)
    assert_allclose(TransportLoss(reduction="sum")(x, y, a, b), each.sum(), rtol=1e-12)
    single = TransportLoss(reduction="none")(x[1], y[1], a[1], b[1])
    assert single.shape == ()
    assert single == each[1]


def test_threads_change_nothing():
    x, y, a, b = (tensor.detach() for tensor in problem(6))
    one, two = (TransportLoss(n_jobs=n_jobs)(x, y, a, b) for n_jobs in (1, 2))
    assert one == two


@both_solvers
def test_random_numbers_of_torch_are_left_alone(options):
    x, y, a, b = problem()
    before = torch.get_rng_state()
    TransportLoss(**options)(x, y, a, b).backward()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("options", [{}, {"solver": "sinkhorn", "reg": 0.5}])
def test_training_moves_points_onto_others(options):
    x, y, _, _ = problem(1)
    x, y = x.detach()[0, :, :].requires_grad_(), y.detach()[0, :5]
    loss = TransportLoss(**options)
    optimizer = torch.optim.Adam([x], lr=0.1)
    before = loss(x, y).item()
    for _ in range(40):
        optimizer.zero_grad()
        value = loss(x, y)
        value.backward()
        optimizer.step()
    assert value.item() < 0.05 * before


@pytest.mark.parametrize("options", [{}, {"solver": "sinkhorn"}])
def test_autocast_does_not_round_the_loss(options):
    x, y, a, b = problem(dtype=torch.float32)
    loss = TransportLoss(**options)
    (expected,) = gradients(loss(x, y, a, b), x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(x, y, a, b)
    assert_allclose(gradients(value, x)[0], expected, rtol=1e-5, atol=1e-7)


def test_a_loss_can_be_moved_copied_and_shown():
    x, y, a, b = problem()
    loss = TransportLoss(order=1).to(torch.float32)
    assert copy.deepcopy(loss).to("cpu")(x, y, a, b) == loss(x, y, a, b)
    assert list(loss.parameters()) == []
    assert "order=1" in repr(loss)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@both_solvers
def test_a_gpu_gives_the_same(options):
    inputs = problem()
    there = [t.detach().cuda().requires_grad_() for t in inputs]
    loss = TransportLoss(**options)
    value = loss(*there)
    assert value.is_cuda
    assert_allclose(value.item(), loss(*inputs).item(), rtol=1e-9)
    for found, want in zip(
        gradients(value, *there), gradients(loss(*inputs), *inputs), strict=True
    ):
        assert_allclose(found.cpu(), want, atol=1e-8)


# --- what is refused ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "simplex"}, "solver must be one of"),
        ({"order": 3}, "order must be one of"),
        ({"reduction": "max"}, "reduction must be one of"),
        ({"reg": 0.1}, "reg is for solver='sinkhorn'"),
        ({"solver": "sinkhorn", "reg": 0.0}, "reg must be positive"),
        ({"max_iter": 0}, "max_iter must be at least 1"),
        ({"tol": float("nan")}, "tol not negative"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TransportLoss(**options)


@pytest.mark.parametrize(
    ("x_shape", "y_shape"),
    [
        ((3, 5, 2), (5, 2)),
        ((3, 5, 2), (2, 5, 2)),
        ((5, 2), (5, 3)),
        ((5,), (5,)),
        ((3, 0, 2), (3, 5, 2)),
        ((0, 5, 2), (0, 5, 2)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(x_shape, y_shape):
    with pytest.raises(ValueError, match="x and y must have shapes"):
        TransportLoss()(torch.zeros(x_shape), torch.zeros(y_shape))


@pytest.mark.parametrize("points", [torch.zeros(5, 2, dtype=int), np.zeros((5, 2))])
def test_points_that_are_no_floating_tensors_are_refused(points):
    with pytest.raises(TypeError, match="y must be a tensor of floating type"):
        TransportLoss()(torch.zeros(5, 2), points)


def test_weights_that_are_no_weights_are_refused():
    x, y, a, _ = problem()
    loss = TransportLoss()
    with pytest.raises(ValueError, match=r"x_weights must have the shape \(3, 5\)"):
        loss(x, y, a[:, :4])
    with pytest.raises(TypeError, match="y_weights must be a tensor"):
        loss(x, y, None, [1.0])
    for value, message in [(-1.0, "negative"), (float("nan"), "not finite")]:
        broken = a.detach().clone()
        broken[1, 0] = value
        with pytest.raises(ValueError, match=f"In cloud 1, x_weights are {message}"):
            loss(x, y, broken)
    empty = a.detach().clone()
    empty[2] = 0.0
    with pytest.raises(ValueError, match="In cloud 2, x_weights give no mass"):
        loss(x, y, empty)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_points_that_are_not_finite_are_refused(value):
    x, y, _, _ = problem()
    broken = y.detach().clone()
    broken[1, 2, 0] = value
    with pytest.raises(ValueError, match="In cloud 1, points of y that have weight"):
        TransportLoss()(x, broken)


@pytest.mark.parametrize("solver", ["exact", "sinkhorn"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_overflows_is_refused(solver, dtype):
    x, y, _, _ = (tensor.detach().to(dtype) for tensor in problem())
    huge = 1e25 if dtype == torch.float32 else 1e200
    with pytest.raises(ValueError, match="overflow"):
        TransportLoss(solver)(huge * x, huge * y)


def test_one_warning_tells_of_all_problems_that_did_not_converge():
    x, y, _, _ = problem()
    loss = TransportLoss("sinkhorn", reg=1e-3, max_iter=1, tol=1e-9)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = loss(x, y)
    assert value.isfinite()
    assert [warning.category for warning in caught] == [ConvergenceWarning]
    assert "for 3 of 3 problems" in str(caught[0].message)
    assert "max_iter" in str(caught[0].message)
    assert caught[0].filename == __file__
