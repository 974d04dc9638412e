"""The gradient of the loss: where others have none, how exact it is, what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from _otmdr_speed import Run, turns
from _problems import Scope
from _records import Figures
from torch import Tensor, nn

from skwass.nn import (
    ResidualEncoder,
    SimSiam,
    WangIsolaLoss,
    WassersteinUniformityLoss,
)

Loss = Callable[[Tensor], Tensor]
SHAPES = ((512, 128), (4096, 256), (512, 2048))
ERROR_SHAPES = ((512, 128), (256, 256), (128, 512))
#: widths of projections whose loss is compared with a step; both are in use
STEP_WIDTHS = (64, 256)
STEP_BATCH = 256
_STEP_ENCODER = 128
_N_STEPS = {128: 20, 256: 4, 2048: 2}


def by_singular_values(z: Tensor) -> Tensor:
    """The squared distance as torch would differentiate it."""
    n_samples, n_features = z.shape
    rows = F.normalize(z)
    values = torch.linalg.svdvals(rows - rows.mean(0))
    return 2 - 2 / math.sqrt(n_samples * n_features) * values.sum()


def root_by_singular_values(z: Tensor) -> Tensor:
    """The distance itself, whose slope is infinite where all is white."""
    return by_singular_values(z).sqrt()


def by_eigenvalues(z: Tensor) -> Tensor:
    """The same by the covariance, as it is written in the paper."""
    rows = F.normalize(z)
    mean = rows.mean(0)
    covariance = (rows - mean).T @ (rows - mean) / len(z)
    values, vectors = torch.linalg.eigh(covariance)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    spread = 1 + mean.square().sum() + covariance.trace()
    return spread - 2 / math.sqrt(z.shape[1]) * root.trace()


CONTESTANTS: dict[str, Loss] = {
    "ours": WassersteinUniformityLoss(),
    "ours, root": WassersteinUniformityLoss(squared=False),
    "svdvals": by_singular_values,
    "svdvals, root": root_by_singular_values,
    "eigh": by_eigenvalues,
}


def robust(scope: Scope) -> Figures:
    """Whether value and gradient are numbers, for inputs that have collapsed."""
    figures: Figures = {}
    for kind, z in hard_inputs(scope.seed).items():
        for name, loss in CONTESTANTS.items():
            figures[f"{name} {kind}"] = float(not _is_finite(loss, z))
    return figures


def error(scope: Scope) -> Figures:
    """Largest relative error in float32, the reference being svdvals in float64."""
    figures: Figures = {}
    for shape in ERROR_SHAPES:
        generator = torch.Generator().manual_seed(scope.seed)
        normal = torch.randn(shape, generator=generator)
        scales = torch.logspace(0, -3, shape[1])
        for kind, z in {"uniform": normal, "decaying": normal * scales}.items():
            value, slope = _differentiated(CONTESTANTS["ours"], z)
            right, right_slope = _differentiated(by_singular_values, z.double())
            name = f"{shape[0]} {shape[1]} {kind}"
            figures[f"{name} value"] = abs(value.item() / right.item() - 1)
            gap = (slope.double() - right_slope).norm() / right_slope.norm()
            figures[f"{name} gradient"] = gap.item()
    return figures


def speed(scope: Scope) -> Figures:
    """Milliseconds for value and gradient, one thread."""
    figures: Figures = {}
    for n_samples, n_features in SHAPES[: scope.less(len(SHAPES), 1)]:
        generator = torch.Generator().manual_seed(scope.seed)
        z = torch.randn(n_samples, n_features, generator=generator)
        n_steps = scope.less(_N_STEPS[n_features], 1)
        losses = CONTESTANTS | {"wang-isola": WangIsolaLoss()}
        runs = {name: _repeated(loss, z, n_steps) for name, loss in losses.items()}
        found = turns(runs, "ours", scope.less(7, 1), threads=(1,))
        figures |= {f"{n_samples} {n_features} {key}": x for key, x in found.items()}
    return figures


def step(scope: Scope) -> Figures:
    """A step of SimSiam on 32 × 32 pixels, beside the loss of both its views.

    Views are not drawn here, so the true share is a little less.
    """
    batch = scope.less(STEP_BATCH, 64)
    generator = torch.Generator().manual_seed(scope.seed)
    images = torch.rand(2, batch, 3, 32, 32, generator=generator)
    runs: dict[str, Run] = {"plain": _step(scope.seed, images, 0.0)}
    runs["with"] = _step(scope.seed, images, 1.0)
    loss = WassersteinUniformityLoss(squared=False)
    for width in STEP_WIDTHS:
        z = torch.randn(batch, width, generator=generator)
        runs[f"loss {width}"] = _repeated(loss, z, 20)
    found = turns(runs, "plain", scope.less(5, 1), threads=(1,))
    shares = {
        # both views
        f"share {width}": 2 * found[f"loss {width}_cpu_1"] / found["plain_cpu_1"]
        for width in STEP_WIDTHS
    }
    return found | shares


def hard_inputs(seed: int) -> dict[str, Tensor]:
    """Inputs in float32 at which derivatives of singular values are not defined."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(128, 32, generator=generator)
    half = z.clone()
    half[:, 16:] = 0
    axes = torch.cat([torch.eye(32), -torch.eye(32)])
    return {
        "half of the dimensions": half,
        "one dimension": z[:, :1] * z[:1],
        "constant": z[:1].repeat(128, 1),
        "nearly constant": z[:1] + 1e-7 * z,
        "white (W₂ = 0)": axes.repeat(2, 1),
        "white and rotated": axes @ torch.linalg.qr(z[:32])[0],
        "repeated samples": z[:3].repeat(43, 1),
        "repeated features": z[:, :8].repeat(1, 4),
        "fewer samples than features": z[:8],
        "two samples": z[:2],
        "a row of zeros": z * (torch.arange(128) > 0)[:, None],
        "all zeros": torch.zeros_like(z),
        "entries of 1e-37": z * 1e-37,
        "entries of 1e37": z * 1e37,
    }


def _is_finite(loss: Loss, z: Tensor) -> bool:
    try:
        value, slope = _differentiated(loss, z)
    except torch.linalg.LinAlgError:
        return False
    return bool(value.isfinite() and slope.isfinite().all())


def _differentiated(loss: Loss, z: Tensor) -> tuple[Tensor, Tensor]:
    z = z.clone().requires_grad_()
    value = loss(z)
    (slope,) = torch.autograd.grad(value, z)
    return value.detach(), slope


def _repeated(loss: Loss, z: Tensor, n_steps: int) -> Run:
    def run() -> int:
        for _ in range(n_steps):
            _differentiated(loss, z)
        return n_steps

    return run


def _step(seed: int, images: Tensor, weight: float) -> Run:
    """One step of the recipe that `SelfSupervisedEmbedder` has by default."""
    width = _STEP_ENCODER
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        siamese: nn.Module = SimSiam(
            ResidualEncoder(3, width),
            width,
            (4 * width, 4 * width, width // 2),
            predictor_sizes=(width // 8,),
        )
    optimizer = torch.optim.AdamW(siamese.parameters(), lr=1e-3)
    return partial(_one_step, siamese, optimizer, images, weight)


def _one_step(
    siamese: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, weight: float
) -> int:
    optimizer.zero_grad()
    loss, first, second = siamese.compare(*images)
    if weight:
        uniformity = WassersteinUniformityLoss(squared=False)
        loss = loss + weight * (uniformity(first) + uniformity(second)) / 2
    loss.backward()
    optimizer.step()
    return 1
