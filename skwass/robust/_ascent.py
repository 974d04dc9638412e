"""Steps of ascent within a ball, in coordinates in which its radius is one.

All functions work in place on a vector in parts, and leave nothing behind.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from skwass.robust._parts import (
    Size,
    is_finite,
    length,
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


def fill_with_noise_(
    parts: list[Tensor],
    noise: float,
    order: float,
    n_members: int = 1,
    generator: torch.Generator | None = None,
) -> None:
    r"""Fill with random numbers that together have a norm of about `noise`.

    With :math:`P` entries: Gaussian of standard deviation :math:`\tau / \sqrt P`
    (`order` 2) or :math:`\tau \sqrt{\pi/2} / P` (`order` 1), uniform on
    :math:`[-\tau, \tau]` (`order` inf).
    """
    n = length(parts, n_members)
    for part in parts:
        # a generator draws on its own device only
        away = generator is not None and generator.device != part.device
        target = torch.empty_like(part, device=generator.device) if away else part  # type: ignore[union-attr]
        if order == math.inf:
            target.uniform_(-noise, noise, generator=generator)
        else:
            size = 1 / math.sqrt(n) if order == 2 else math.sqrt(math.pi / 2) / n
            target.normal_(0.0, noise * size, generator=generator)
        if away:
            part.copy_(target)


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


def clip_(parts: list[Tensor], order: float, n_members: int = 1) -> Size:
    """Bring back into the unit ball: along the ray, or entry by entry for `order` inf.

    For the norms 2 and inf that is the nearest point of the ball.

    Returns
    -------
    factor : float or Tensor of shape (n_members,)
        What is still to be multiplied with, which the caller can join with more.
    """
    if order == math.inf:
        torch._foreach_clamp_min_(parts, -1.0)
        torch._foreach_clamp_max_(parts, 1.0)
        return 1.0
    size = norm(parts, order, n_members)
    return 1 / (max(size, 1.0) if isinstance(size, float) else size.clamp_min(1.0))


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
