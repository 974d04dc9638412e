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

#: on a CPU, longer parts are summed up piece by piece: the float32 norm of torch lacks
#: 4e-4 of its value at ten million entries (measured), and a ball must not leak
_LONG = 1 << 15
_PIECE = 1 << 12
HALF = (torch.float16, torch.bfloat16)


def norm(parts: list[Tensor], order: float, n_members: int = 1) -> Size:
    """Norm of the whole vector; not finite if an entry is not."""
    if n_members > 1:
        rows = [part.reshape(n_members, -1) for part in parts]
        sizes = [
            torch.linalg.vector_norm(row, order, 1, dtype=_precision(row))
            for row in rows
        ]
        return torch.linalg.vector_norm(torch.stack(sizes), order, 0)
    if all(map(_is_simple, parts)):
        norms = list(torch._foreach_norm(parts, order))
    else:
        norms = [_norm_of_long(part.reshape(-1), order) for part in parts]
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
    """Whether torch sums it up well enough."""
    return (part.numel() <= _LONG or not part.is_cpu) and part.dtype not in HALF


def _precision(row: Tensor) -> torch.dtype:
    if row.is_cpu and row.shape[-1] > _LONG:
        return torch.float64
    return torch.float32 if row.dtype in HALF else row.dtype


def _norm_of_long(row: Tensor, order: float) -> Tensor:
    dtype = torch.float32 if row.dtype in HALF else row.dtype
    n_even = len(row) // _PIECE * _PIECE
    pieces = [row[:n_even].view(-1, _PIECE), row[n_even:].view(1, -1)]
    norms = [
        torch.linalg.vector_norm(piece, order, 1, dtype=dtype)
        for piece in pieces
        if piece.numel()
    ]
    return torch.linalg.vector_norm(torch.cat(norms), order)
