"""Steps to compare with: textbook SAM, and the authors' step as our notes describe it.

Neither is anyone's code. Each takes a closure that computes the gradients of a batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Closure = Callable[[], Tensor]
#: keeps a zero gradient from dividing by zero
_TINY = 1e-12


class TextbookSAM:
    """Up by the normalised gradient, and down by the gradient found there."""

    def __init__(self, base: torch.optim.Optimizer, rho: float) -> None:
        self.base = base
        self.rho = rho
        self.parameters = [p for group in base.param_groups for p in group["params"]]

    def step(self, closure: Closure) -> None:
        closure()
        with torch.no_grad():
            size = torch.cat([p.grad.flatten() for p in self.parameters]).norm()
            old = [p.clone() for p in self.parameters]
            for p in self.parameters:
                p += self.rho * p.grad / (size + _TINY)
        closure()
        with torch.no_grad():
            for p, before in zip(self.parameters, old, strict=True):
                p.copy_(before)
        self.base.step()


class DescribedStep:
    """One particle after the other, each with two gradients and three copies.

    A particle starts at the parameters, takes the gradient there, which all of them
    would share, draws noise that counts for nothing, and moves without a projection.
    The gradients that particles find are *summed*. All is done parameter by parameter.
    """

    def __init__(
        self, base: torch.optim.Optimizer, rho: float, n_particles: int
    ) -> None:
        self.base = base
        self.rho = rho
        self.n_particles = n_particles
        self.parameters = [p for group in base.param_groups for p in group["params"]]
        self.kept: dict[tuple[str, int, Tensor], Tensor] = {}

    def step(self, closure: Closure) -> None:
        self.gather(closure)
        self.base.step()

    def gather(self, closure: Closure) -> None:
        """Leave the summed gradients where the base finds them."""
        for particle in range(self.n_particles):
            closure()
            self._move(particle)
            closure()
            self._come_back(particle)
        with torch.no_grad():
            for p in self.parameters:
                p.grad = torch.zeros_like(p)
                for particle in range(self.n_particles):
                    p.grad += self.kept["gradient", particle, p]

    @torch.no_grad()
    def _move(self, particle: int) -> None:
        norms = torch.stack([p.grad.norm(p=2) for p in self.parameters])
        scale = self.rho / (norms.norm(p=2) + _TINY)
        for p in self.parameters:
            self.kept["old", particle, p] = p.clone()
            offset = p.grad * scale + 0.0 * torch.randn_like(p)
            self.kept["offset", particle, p] = offset
            p.add_(offset)

    @torch.no_grad()
    def _come_back(self, particle: int) -> None:
        for p in self.parameters:
            self.kept["gradient", particle, p] = p.grad.clone()
            p.copy_(self.kept["old", particle, p])
