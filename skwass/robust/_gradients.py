"""Gradients of several passes: what is in ``.grad``, summed, averaged and clipped."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from skwass.robust._parts import is_finite, norm, scale_


def gradients(parameters: list[Tensor]) -> list[Tensor]:
    """Gradients, zero for a parameter that had none in this pass."""
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]


def movable(groups: list[dict[str, Any]]) -> tuple[list[Tensor], list[float]]:
    """Parameters that the ascent moves, and the radii of their groups."""
    found = [
        (parameter, group["rho"])
        for group in groups
        if group["perturb"] and group["rho"] > 0
        for parameter in group["params"]
        if parameter.grad is not None and parameter.numel()
    ]
    return [parameter for parameter, _ in found], [radius for _, radius in found]


def is_finite_loss(loss: Any) -> bool:
    """Whether what a closure has returned is no NaN and not infinite."""
    if isinstance(loss, Tensor):
        return bool(torch.isfinite(loss.detach()).all())
    return not isinstance(loss, float) or math.isfinite(loss)


def clip_gradients_(
    parameters: list[Tensor], max_norm: float | None, n_members: int
) -> bool:
    """Make each member's gradient at most so long; False if one is not finite."""
    found = [p.grad for p in parameters if p.grad is not None and p.numel()]
    if not found:
        return True
    size = norm(found, 2, n_members)
    if not is_finite(size):
        return False
    if max_norm is not None:
        factor = max_norm / (size + 1e-6)
        if isinstance(factor, float):
            scale_(found, min(factor, 1.0))
        else:
            scale_(found, factor.clamp_max(1.0))
    return True


class GradientSum:
    """A sum of gradients over passes, some of which may not reach all parameters."""

    def __init__(self, parameters: list[Tensor]) -> None:
        self.parameters = parameters
        self.sums: list[Tensor | None] = [None] * len(parameters)

    def add(self) -> None:
        """Add the gradients that parameters have now."""
        both = [
            (found, parameter.grad)
            for found, parameter in zip(self.sums, self.parameters, strict=True)
            if found is not None and parameter.grad is not None
        ]
        if both:
            torch._foreach_add_([one for one, _ in both], [other for _, other in both])
        self.sums = [
            parameter.grad.clone()
            if found is None and parameter.grad is not None
            else found
            for found, parameter in zip(self.sums, self.parameters, strict=True)
        ]

    def finish(self, n_passes: int) -> None:
        """Turn the gradients of the last pass into the mean over all of them."""
        for found, parameter in zip(self.sums, self.parameters, strict=True):
            if parameter.grad is None:
                parameter.grad = found
            elif found is not None:
                parameter.grad.add_(found)
        total = [p.grad for p in self.parameters if p.grad is not None]
        torch._foreach_mul_(total, 1 / n_passes)
