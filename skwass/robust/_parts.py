"""A long vector kept in parts: all parameters of a network, or their gradients.

With `n_members` above one every part has a leading axis of that length, and what is
here is done for each member by itself.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: on a CPU, longer parts are summed in double precision: the float32 norm of torch
#: lacks 4e-4 of its value at ten million entries (measured), and a ball must not leak
_LONG = 1 << 15
HALF = (torch.float16, torch.bfloat16)


def norm(parts: list[Tensor], order: float, n_members: int = 1) -> Tensor:
    """Norm of the whole vector, of shape (), or (n_members,) for several members."""
    types = [_wide(part) for part in parts]
    if n_members == 1 and all(p.dtype == t for p, t in zip(parts, types, strict=True)):
        norms = torch._foreach_norm(parts, order)
    else:
        norms = tuple(
            torch.linalg.vector_norm(_rows(part, n_members), order, -1, dtype=dtype)
            for part, dtype in zip(parts, types, strict=True)
        )
    return torch.linalg.vector_norm(torch.stack(norms), order, 0)


def length(parts: list[Tensor], n_members: int = 1) -> int:
    """Number of entries of one member."""
    return sum(part.numel() for part in parts) // n_members


def scale_(parts: list[Tensor], factor: Tensor) -> None:
    """Multiply by a number, or by one for each member, in place."""
    if factor.dim() == 0:
        torch._foreach_mul_(parts, factor)
        return
    for part in parts:
        part.mul_(spread(factor, part))


def spread(values: Tensor, part: Tensor) -> Tensor:
    """One value for each member, shaped to meet the entries of a part."""
    if values.dim():
        values = values.view(-1, *[1] * (part.dim() - 1))
    return values


def _rows(part: Tensor, n_members: int) -> Tensor:
    return part.reshape(-1) if n_members == 1 else part.reshape(n_members, -1)


def _wide(part: Tensor) -> torch.dtype:
    """In which precision to sum up."""
    if part.numel() > _LONG and part.device.type == "cpu":
        return torch.float64
    return torch.float32 if part.dtype in HALF else part.dtype
