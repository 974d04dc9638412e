"""Steps to compare with: textbook SAM, and what the authors' code does, told anew.

Neither is anyone's code. Each takes a closure that computes the gradients of a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Closure = Callable[[], Tensor]
Batch = tuple[Tensor, Tensor]
#: keeps a zero gradient from dividing by zero
_TINY = 1e-12


@dataclass(frozen=True)
class Pass:
    """Computes the gradients of one batch, or of some of its samples."""

    network: nn.Module
    batch: Batch

    def __call__(self) -> Tensor:
        inputs, labels = self.batch
        self.network.zero_grad()
        loss = nn.functional.cross_entropy(self.network(inputs), labels)
        loss.backward()
        return loss.detach()

    def __len__(self) -> int:
        return len(self.batch[1])

    def of(self, places: Tensor) -> Pass:
        """The same for some samples."""
        inputs, labels = self.batch
        return Pass(self.network, (inputs[places], labels[places]))


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
    """One particle after the other, each with three passes and six copies.

    A particle shuffles the batch, climbs by the gradient of one half of it, and from
    there by that of the other half, draws noise that counts for nothing, and is not
    projected. What it finds there for the whole batch is its gradient; those of all
    particles are *summed*. All is done parameter by parameter, and gradients and places
    are kept on the way.
    """

    def __init__(
        self, base: torch.optim.Optimizer, rho: float, n_particles: int
    ) -> None:
        self.base = base
        self.rho = rho
        self.n_particles = n_particles
        self.parameters = [p for group in base.param_groups for p in group["params"]]
        self.kept: dict[tuple[str, int, Tensor], Tensor] = {}

    def step(self, closure: Pass) -> None:
        self.gather(closure)
        self.base.step()

    def gather(self, closure: Pass) -> None:
        """Leave the summed gradients where the base finds them."""
        with torch.no_grad():
            for p in self.parameters:
                self.kept["old", 0, p] = p.clone()
        n = len(closure)
        for particle in range(self.n_particles):
            order = torch.randperm(n)
            for half, places in enumerate((order[: n // 2], order[n // 2 :])):
                closure.of(places)()
                self._climb(particle, half)
            closure.of(order)()
            self._come_back(particle)
        with torch.no_grad():
            for p in self.parameters:
                p.grad = torch.zeros_like(p)
                for particle in range(self.n_particles):
                    p.grad += self.kept["gradient", particle, p]

    @torch.no_grad()
    def _climb(self, particle: int, half: int) -> None:
        for p in self.parameters:
            self.kept[f"gradient {half}", particle, p] = p.grad.clone()
        found = [self.kept[f"gradient {half}", particle, p] for p in self.parameters]
        size = torch.stack([each.norm(p=2) for each in found]).norm(p=2)
        for p, gradient in zip(self.parameters, found, strict=True):
            if half:  # may be merged with that of the first half
                gradient = gradient.clone()
                self.kept["merged", particle, p] = gradient
            p.add_(self.rho / (size + _TINY) * gradient + 0.0 * torch.randn_like(p))
            self.kept[f"place {half}", particle, p] = p.clone()

    @torch.no_grad()
    def _come_back(self, particle: int) -> None:
        for p in self.parameters:
            self.kept["gradient", particle, p] = p.grad.clone()
            p.copy_(self.kept["old", 0, p])
