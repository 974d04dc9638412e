"""The loss against singular values in double precision, where that has an answer."""

import math
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from skwass.nn import WassersteinUniformityLoss, wasserstein_uniformity_value

SHAPES = [(60, 8), (8, 60), (20, 20)]


def normal(n_samples, n_features, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_samples, n_features, generator=generator, dtype=dtype)


def by_singular_values(z, normalize=True, cut_off=1e-6):
    """Squared distance and gradient by NumPy's svd, in float64."""
    z = z.detach().double().numpy()
    lengths = np.linalg.norm(z, axis=1, keepdims=True) if normalize else np.ones(1)
    rows = z / np.where(lengths == 0, np.inf, lengths)
    n, m = rows.shape
    left, values, right = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    square = 1 + np.sum(rows**2) / n - 2 * values.sum() / math.sqrt(n * m)
    kept = values > cut_off * max(values[0], 1e-12)
    gradient = -2 / math.sqrt(n * m) * left[:, kept] @ right[kept] + 2 / n * rows
    if normalize:
        gradient -= rows * np.sum(rows * gradient, axis=1, keepdims=True)
        gradient /= np.where(lengths == 0, np.inf, lengths)
    return square, gradient


def loss_and_gradient(z, **options):
    z = z.clone().requires_grad_()
    loss = WassersteinUniformityLoss(**options)(z)
    loss.backward()
    return loss.item(), z.grad


def degenerate(dtype=torch.float32):
    """Inputs at which derivatives of singular values are not defined."""
    z = normal(48, 16, dtype=dtype)
    collapsed = z.clone()
    collapsed[:, 8:] = 0
    white = torch.linalg.qr(z - z.mean(0))[0]
    return {
        "half collapsed": collapsed,
        "one dimension": z[:, :1] * normal(1, 16, seed=1, dtype=dtype),
        "constant": z[:1].repeat(48, 1),
        "nearly constant": z[:1] + 1e-7 * z,
        "white": torch.cat([torch.eye(16), -torch.eye(16)]).to(dtype),
        "white and rotated": torch.cat([torch.eye(16), -torch.eye(16)]).to(dtype)
        @ torch.linalg.qr(z[:16])[0],
        "orthogonal columns": white,
        "repeated rows": z[:3].repeat(16, 1),
        "repeated columns": z[:, :4].repeat(1, 4),
        "few samples": z[:5],
        "two samples": z[:2],
        "a row of zeros": z * (torch.arange(48) > 0)[:, None],
        "zeros": torch.zeros_like(z),
        "tiny": z * 1e-37,
        "huge": z * 1e37,
    }


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test__loss_and_gradient__are_those_of_singular_values(shape, normalize):
    z = normal(*shape)
    square, gradient = by_singular_values(z, normalize)
    loss, found = loss_and_gradient(z, normalize=normalize)
    assert loss == pytest.approx(square, rel=1e-6)
    error = np.linalg.norm(found.double().numpy() - gradient)
    assert error <= 1e-6 * np.linalg.norm(gradient)


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test__gradient__is_that_of_finite_differences(shape, normalize, squared):
    z = normal(*shape, dtype=torch.float64).requires_grad_()
    loss = WassersteinUniformityLoss(squared, normalize)
    assert gradcheck(lambda z: 10 * loss(z), (z,), eps=1e-5, atol=1e-6)


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("kind", degenerate())
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test__gradient__is_always_finite(kind, normalize, squared, dtype):
    if not normalize and kind == "huge":
        pytest.skip("the squares are no numbers of float32")
    z = degenerate()[kind].to(dtype)
    loss, gradient = loss_and_gradient(z, squared=squared, normalize=normalize)
    assert math.isfinite(loss)
    assert gradient.dtype == dtype
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("kind", degenerate())
def test__gradient__is_that_of_singular_values_where_they_are_there(kind):
    if kind in ("zeros", "constant"):
        pytest.skip("there are none")
    z = degenerate()[kind]
    square, gradient = by_singular_values(z)
    loss, found = loss_and_gradient(z)
    assert loss == pytest.approx(square, abs=1e-6)
    error = np.linalg.norm(found.double().numpy() - gradient)
    # where all is white, the gradient is zero, and both are rounding
    assert error <= 1e-5 * max(np.linalg.norm(gradient), 1e-6)


def test__known_values():
    axes = torch.cat([torch.eye(4), -torch.eye(4)])
    assert wasserstein_uniformity_value(axes).item() == pytest.approx(0, abs=1e-6)
    constant = torch.ones(6, 4)
    assert wasserstein_uniformity_value(constant).item() == pytest.approx(math.sqrt(2))
    assert wasserstein_uniformity_value(constant, squared=True).item() == 2
    half = torch.cat([axes, torch.zeros(8, 4)], dim=1)  # half of the dimensions
    expected = math.sqrt(2 - 2 * math.sqrt(0.5))
    assert wasserstein_uniformity_value(half).item() == pytest.approx(expected)
    # not normalised, and twice as far out: variances of 1 instead of 1/4
    found = wasserstein_uniformity_value(2 * axes, squared=True, normalize=False)
    assert found.item() == pytest.approx(4 + 1 - 2 / 2 * 4)


def test__row_of_zeros__gets_no_gradient_and_spoils_no_other():
    z = degenerate()["a row of zeros"]
    _, gradient = loss_and_gradient(z)
    assert not gradient[0].any()
    assert gradient[1:].any(dim=1).all()


def test__length_of_rows__does_not_matter():
    z = normal(30, 6, dtype=torch.float64)
    lengths = torch.logspace(-200, 200, 30, dtype=torch.float64)[:, None]
    loss, gradient = loss_and_gradient(z)
    other, scaled = loss_and_gradient(z * lengths)
    assert other == pytest.approx(loss)
    assert torch.allclose(scaled * lengths, gradient, rtol=1e-9)


def test__descent__makes_collapsed_samples_uniform():
    z = normal(64, 8)
    z[:, 4:] *= 0.01
    z.requires_grad_()
    loss = WassersteinUniformityLoss()
    before = loss(z).item()
    optimizer = torch.optim.SGD([z], lr=5.0)
    for _ in range(100):
        optimizer.zero_grad()
        loss(z).backward()
        optimizer.step()
    assert before > 0.4
    assert loss(z).item() < 0.02


def test__nan__stays_nan():
    z = normal(10, 4)
    z[3, 1] = math.nan
    loss, gradient = loss_and_gradient(z)
    assert math.isnan(loss)
    assert torch.isnan(gradient).all()


def test__half_precision__gives_a_loss_in_single():
    z = normal(10, 4).half().requires_grad_()
    loss = WassersteinUniformityLoss()(z)
    assert loss.dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = WassersteinUniformityLoss()(z.float())
    assert cast.item() == pytest.approx(loss.item(), rel=1e-6)


def test__input__is_left_alone():
    for dtype in (torch.float32, torch.float64):
        z = normal(10, 4, dtype=dtype)
        before = z.clone()
        WassersteinUniformityLoss()(z)
        WassersteinUniformityLoss(normalize=False)(z)
        assert torch.equal(z, before)


def test__second_derivative__is_refused():
    z = normal(10, 4).requires_grad_()
    loss = WassersteinUniformityLoss()(z).square()
    (gradient,) = torch.autograd.grad(loss, z, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize(
    ("z", "match"),
    [
        (torch.ones(3), r"got shape \(3,\)"),
        (torch.ones(3, 2, 2), r"got shape \(3, 2, 2\)"),
        (torch.ones(1, 4), "two representations or more; got n_samples = 1"),
        (torch.ones(5, 1), "got n_features = 1"),
        (
            torch.ones(5, 4, dtype=torch.int64),
            "floating-point numbers; got torch.int64",
        ),
        (torch.ones(5, 4, dtype=torch.complex64), "got torch.complex64"),
    ],
)
def test__bad_input__is_told(z, match):
    with pytest.raises(ValueError, match=match):
        WassersteinUniformityLoss()(z)


def test__bad_cut_off__is_told():
    with pytest.raises(ValueError, match=r"eps must be between 0 and 1; got -1"):
        WassersteinUniformityLoss(eps=-1)


def test__repr__tells_the_options():
    assert repr(WassersteinUniformityLoss(False)) == (
        "WassersteinUniformityLoss(squared=False, normalize=True, eps=1e-06)"
    )


# --- several processes ------------------------------------------------------------

WORKER = textwrap.dedent("""
    import sys
    from datetime import timedelta

    import torch
    from torch import distributed
    from torch.nn.parallel import DistributedDataParallel

    from skwass.nn import WassersteinUniformityLoss

    rank, folder = int(sys.argv[1]), sys.argv[2]
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meet",
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=60),
    )
    X, weight = torch.load(f"{folder}/problem.pt")
    mine = X[:12] if rank == 0 else X[12:]  # not as many as the other
    layer = torch.nn.Linear(*weight.T.shape, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(weight)
    found = {}
    for squared in (True, False):
        for normalize in (True, False):
            parallel = DistributedDataParallel(layer)
            layer.zero_grad()
            loss = WassersteinUniformityLoss(squared, normalize)(parallel(mine))
            loss.backward()
            found[squared, normalize] = loss.detach(), layer.weight.grad.clone()
    found["alone"] = WassersteinUniformityLoss(sync=False)(layer(mine)).detach()
    try:
        WassersteinUniformityLoss()(layer(X[: 1 - rank]))
    except ValueError as error:
        found["error"] = str(error)
    torch.save(found, f"{folder}/found{rank}.pt")
    distributed.destroy_process_group()
""")


def test__two_processes__have_the_loss_and_gradient_of_one(tmp_path):
    X = normal(30, 5, dtype=torch.float64)
    weight = normal(7, 5, seed=1, dtype=torch.float64)  # more features than rank
    torch.save((X, weight), tmp_path / "problem.pt")
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(rank), str(tmp_path)])
        for rank in range(2)
    ]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    found = [torch.load(tmp_path / f"found{rank}.pt") for rank in range(2)]
    for squared in (True, False):
        for normalize in (True, False):
            w = weight.clone().requires_grad_()
            loss = WassersteinUniformityLoss(squared, normalize)(X @ w.T)
            loss.backward()
            for worker in found:
                theirs, gradient = worker[squared, normalize]
                assert theirs.item() == pytest.approx(loss.item(), rel=1e-9)
                torch.testing.assert_close(gradient, w.grad, rtol=1e-7, atol=1e-12)
    alone = WassersteinUniformityLoss()(X[12:] @ weight.T)
    assert found[1]["alone"].item() == pytest.approx(alone.item())
    assert "over all workers; got n_samples = 1" in found[0]["error"]
