"""Random numbers for a batch, the same on every device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def uniform(
    shape: Sequence[int],
    like: Tensor,
    generator: torch.Generator | None,
    low: float = 0.0,
    high: float = 1.0,
) -> Tensor:
    """Evenly between two bounds, where `like` is; None is the global CPU generator."""
    device = None if generator is None else generator.device
    drawn = torch.rand(tuple(shape), generator=generator, device=device)
    return (low + (high - low) * drawn).to(like)


def normal(
    shape: Sequence[int], like: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Standard normal, where `like` is; None draws from the global CPU generator."""
    device = None if generator is None else generator.device
    return torch.randn(tuple(shape), generator=generator, device=device).to(like)
