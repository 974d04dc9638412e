"""Steps of ascent within a ball, in coordinates in which its radius is one.

All functions work in place on a vector in parts, and leave nothing behind.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch._utils import _unflatten_dense_tensors

from skwass.robust._parts import (
    Size,
    is_finite,
    norm,
    scale_,
    spread,
)

_TINY = torch.finfo(torch.float32).tiny


def steepest_(gradient: list[Tensor], order: float, n_members: int = 1) -> float | None:
    r"""Turn a gradient into the direction of length one in which the loss rises most.

    .. math:: \arg\max_{\|u\| \le 1} \langle g, u \rangle,

    which is ``g / ||g||`` for the Euclidean norm (`order` 2), ``sign(g)`` for the
    largest entry (`order` inf), and for the sum of absolute values (`order` 1) the
    coordinate where ``|g|`` is largest; several that are equally large share alike. A
    zero gradient stays zero.

    Returns
    -------
    factor : float or None
        What is still to be multiplied with, which the caller can join with more. None
        if the gradient is not finite; it is then as it was.
    """
    size = norm(gradient, 2.0 if order == 2 else math.inf, n_members)
    if not is_finite(size):
        return None
    if order == math.inf:
        torch._foreach_sign_(gradient)
        return 1.0
    factor = _inverse(size) if order == 2 else _pick_largest_(gradient, size, n_members)
    if isinstance(factor, float):
        return factor
    scale_(gradient, factor)
    return 1.0


class Noise:
    r"""Random numbers that together have a norm of about `noise`.

    They are uniform, which is several times faster than Gaussian ones (measured, on a
    CPU) and the same to whoever looks at more than a few of them. With :math:`P`
    entries, the largest is :math:`\sqrt{3/P}\,\tau` (`order` 2), :math:`2\tau/P`
    (`order` 1) or :math:`\tau` (`order` inf).

    Parameters
    ----------
    like : list of Tensor
        The shapes of what is to be filled.
    noise : float
        The norm.
    order : float
        Which norm.
    n_members : int
        Each member has as much noise.
    generator : torch.Generator, default=None
        Where the numbers come from. None is torch's global one.
    """

    def __init__(
        self,
        like: list[Tensor],
        noise: float,
        order: float,
        n_members: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        self.n_entries = sum(part.numel() for part in like)
        n = self.n_entries / n_members
        largest = {1: 2 / n, 2: math.sqrt(3 / n), math.inf: 1.0}[order]
        #: what the numbers are still to be multiplied with
        self.unit = noise * largest / 128
        self.generator = generator

    def fill_(self, parts: list[Tensor]) -> None:
        """Fill with new numbers, in multiples of `unit`."""
        device = parts[0].device
        source = device if self.generator is None else self.generator.device
        # each word of random bits is eight numbers from -128 to 127
        words = torch.empty((self.n_entries + 7) // 8, dtype=torch.int64, device=source)
        words.random_(-(2**63), None, generator=self.generator)
        numbers = words.to(device).view(torch.int8)
        torch._foreach_copy_(parts, _unflatten_dense_tensors(numbers, parts))
        torch._foreach_add_(parts, 0.5)


def noise_generator(
    given: torch.Generator | None, parameters: list[Tensor], noise: float
) -> torch.Generator | None:
    """What to draw noise from: `given`, or a new one if there is noise."""
    if given is torch.default_generator:
        raise ValueError(
            "generator must not be torch's global one, which is rewound in each step."
        )
    if given is not None or not noise:
        return given
    generator = torch.Generator(parameters[0].device)
    # drawn, not copied: two optimisers must not share their noise
    return generator.manual_seed(int(torch.randint(2**62, ())))


def clip_(
    parts: list[Tensor], order: float, n_members: int = 1, unit: float = 1.0
) -> Size:
    """Bring back into a ball: along the ray, or entry by entry for `order` inf.

    For the norms 2 and inf that is the nearest point of the ball. Its radius is one
    when `parts` are multiplied with `unit`.

    Returns
    -------
    factor : float or Tensor of shape (n_members,)
        What is still to be multiplied with, `unit` included.
    """
    if order == math.inf:
        torch._foreach_clamp_min_(parts, -1 / unit)
        torch._foreach_clamp_max_(parts, 1 / unit)
        return unit
    size = unit * norm(parts, order, n_members)
    if isinstance(size, float):
        return unit / max(size, 1.0)
    return unit / size.clamp_min(1.0)


def _inverse(size: Size) -> Size:
    """One over a norm; zero where that would not be a number."""
    if isinstance(size, float):
        return 1 / size if size > _TINY else 0.0
    return torch.where(size > _TINY, 1 / size, 0.0)


def _pick_largest_(gradient: list[Tensor], size: Size, n_members: int) -> Size:
    """Leave only signs of the largest entries; returns what share each gets."""
    largest = [_equal(part.abs(), size) for part in gradient]
    counts = [chosen.reshape(n_members, -1).sum(1) for chosen in largest]
    torch._foreach_sign_(gradient)
    for part, chosen in zip(gradient, largest, strict=True):
        part.mul_(chosen)
    share = 1 / torch.stack(counts).sum(0)
    return share if n_members > 1 else share.item()


def _equal(part: Tensor, size: Size) -> Tensor:
    if isinstance(size, float):
        return part == size
    # in the precision in which the largest was found
    return part.to(size.dtype) == spread(size, part)
