"""A long vector kept in parts: all parameters of a network, or their gradients.

With `n_members` above one every part has a leading axis of that length, and what is
here is done for each member by itself.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: a number, or one for each of several members
Size = float | Tensor

#: on a CPU, longer parts are summed in double precision: the float32 norm of torch
#: lacks 4e-4 of its value at ten million entries (measured), and a ball must not leak
_LONG = 1 << 15
HALF = (torch.float16, torch.bfloat16)


def norm(parts: list[Tensor], order: float, n_members: int = 1) -> Size:
    """Norm of the whole vector; not finite if an entry is not."""
    if n_members == 1 and all(map(_is_simple, parts)):
        norms = list(torch._foreach_norm(parts, order))
    else:
        rows = [part.reshape(n_members, -1) for part in parts]
        norms = [
            torch.linalg.vector_norm(row, order, 1, dtype=_precision(row))
            for row in rows
        ]
        if n_members > 1:
            return torch.linalg.vector_norm(torch.stack(norms), order, 0)
    if parts[0].device.type != "cpu":  # read once, not part by part
        return torch.linalg.vector_norm(torch.stack(norms), order).item()
    numbers = [one.item() for one in norms]
    if order == 2:
        return math.hypot(*numbers)
    total = sum(numbers)
    return max(numbers) if order == math.inf and math.isfinite(total) else total


def is_finite(size: Size) -> bool:
    """Whether a norm is finite, of every member."""
    return math.isfinite(size if isinstance(size, float) else size.sum().item())


def scale_(parts: list[Tensor], factor: Size) -> None:
    """Multiply by a number, or by one for each member, in place."""
    if isinstance(factor, float):
        torch._foreach_mul_(parts, factor)
        return
    for part in parts:
        part.mul_(spread(factor, part))


def spread(values: Tensor, part: Tensor) -> Tensor:
    """One value for each member, shaped to meet the entries of a part."""
    return values.view(-1, *[1] * (part.dim() - 1))


def _is_simple(part: Tensor) -> bool:
    """Whether sums of entries can be taken in the precision of the entries."""
    return (part.numel() <= _LONG or not part.is_cpu) and part.dtype not in HALF


def _precision(part: Tensor) -> torch.dtype:
    if part.is_cpu and part.numel() > _LONG:
        return torch.float64
    return torch.float32 if part.dtype in HALF else part.dtype
