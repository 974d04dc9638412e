"""Whether the optimiser does what the mathematics says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from _otmdr_peer import Batch, Pass, TextbookSAM
from _problems import Scope
from _records import Figures
from torch import Tensor, nn

from skwass.nn import Perceptron
from skwass.robust import OTMDR
from skwass.robust._gibbs import gibbs_particles

N_STEPS = 20
_RHO = 0.2
_SGD = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}
#: inverse temperatures of the inner problem
TEMPERATURES = (1.0, 10.0, 100.0)
NORMS = (1.0, 2.0, math.inf)


def measure(scope: Scope) -> Figures:
    figures = {
        f"sam_{kind}": _distance_from_textbook(scope.seed, getattr(torch, kind))
        for kind in ("float32", "float64")
    }
    for temperature in TEMPERATURES:
        error = _error_of_gibbs(temperature, scope)
        figures[f"gibbs_{temperature:g}"] = error
    figures["ball"] = max(_farthest(norm, scope) for norm in NORMS)
    return figures


def batches(seed: int, n: int, dtype: torch.dtype = torch.float32) -> list[Batch]:
    """As many batches of 50 samples with 64 columns and ten classes."""
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(50, 64, generator=generator, dtype=dtype),
            torch.randint(10, (50,), generator=generator),
        )
        for _ in range(n)
    ]


def perceptron(
    seed: int, sizes: Sequence[int] = (128, 128), dtype: torch.dtype = torch.float32
) -> Perceptron:
    """One for such batches."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Perceptron(64, 10, sizes).to(dtype)


def _distance_from_textbook(seed: int, dtype: torch.dtype) -> float:
    """Largest difference of a parameter after 20 steps."""
    first, second = perceptron(seed, dtype=dtype), perceptron(seed, dtype=dtype)
    ours = OTMDR(first.parameters(), torch.optim.SGD, rho=_RHO, **_SGD)
    textbook = TextbookSAM(torch.optim.SGD(second.parameters(), **_SGD), _RHO)
    for batch in batches(seed, N_STEPS, dtype):
        ours.step(Pass(first, batch))
        textbook.step(Pass(second, batch))
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return max(float((one - other).detach().abs().max()) for one, other in pairs)


def _error_of_gibbs(temperature: float, scope: Scope) -> float:
    """Of the mean gradient of particles, relative to quadrature of the same density."""
    # the loss rises to one end of the ball, where the gradient is far from zero
    centre, rho = -0.1, 0.5

    def loss(x: np.ndarray) -> np.ndarray:
        return np.sin(3 * x) + x**2

    grid = np.linspace(centre - rho, centre + rho, 20_001)
    density = np.exp(temperature * (loss(grid) - loss(grid).max()))
    slopes = 3 * np.cos(3 * grid) + 2 * grid
    exact = np.trapezoid(density * slopes, grid) / np.trapezoid(density, grid)

    # noise of a step: well within the ball, and less where the density is steep
    noise = min(rho / 2, 1 / temperature)
    particles = gibbs_particles(
        lambda x: torch.sin(3 * x[:, 0]) + x[:, 0].square(),
        torch.tensor([centre], dtype=torch.float64),
        rho=rho,
        inverse_temperature=temperature,
        n_steps=scope.less(400, 200),
        step_size=temperature * noise**2 / 2,
        n_particles=scope.less(40_000, 10_000),
        generator=torch.Generator().manual_seed(scope.seed),
    )
    found = float((3 * torch.cos(3 * particles) + 2 * particles).mean())
    return abs(found - exact) / abs(exact)


def _farthest(norm: float, scope: Scope) -> float:
    """The largest distance of a particle from the parameters, over the radius."""
    network = perceptron(scope.seed)
    optimizer = OTMDR(
        network.parameters(),
        torch.optim.SGD,
        rho=_RHO,
        n_particles=4,
        n_ascent_steps=3,
        noise=0.5,
        norm=norm,
        generator=torch.Generator().manual_seed(scope.seed),
        **_SGD,
    )
    distances = []
    for batch in batches(scope.seed, N_STEPS):
        centre = _flat(network)
        plain = Pass(network, batch)

        def watched(
            centre: Tensor = centre, plain: Callable[..., Tensor] = plain
        ) -> Tensor:
            offset = _flat(network) - centre
            distances.append(float(torch.linalg.vector_norm(offset, norm)) / _RHO)
            return plain()

        optimizer.step(watched)
    return max(distances)


def _flat(network: nn.Module) -> Tensor:
    """All parameters in double precision."""
    return torch.cat([p.detach().double().flatten() for p in network.parameters()])
