"""Steps of ascent within a ball, in coordinates in which its radius is one.

All functions work in place on a vector in parts, and leave nothing behind.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from skwass.robust._parts import length, norm, scale_, spread


def steepest_(gradient: list[Tensor], order: float, n_members: int = 1) -> bool:
    r"""Turn a gradient into the direction of length one in which the loss rises most.

    .. math:: \arg\max_{\|u\| \le 1} \langle g, u \rangle,

    which is ``g / ||g||`` for the Euclidean norm (`order` 2), ``sign(g)`` for the
    largest entry (`order` inf), and for the sum of absolute values (`order` 1) the
    coordinate where ``|g|`` is largest; several that are equally large share alike. A
    zero gradient stays zero.

    Returns
    -------
    finite : bool
        Whether all numbers were finite. If not, the gradient is as it was.
    """
    size = norm(gradient, 2.0 if order == 2 else math.inf, n_members)
    if not bool(torch.isfinite(size).all()):
        return False
    if order == 2:
        tiny = torch.finfo(size.dtype).tiny
        scale_(gradient, torch.where(size > tiny, 1 / size, 0.0))
    elif order == 1:
        _share_the_largest_(gradient, size, n_members)
    else:
        torch._foreach_sign_(gradient)
    return True


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


def clip_(parts: list[Tensor], order: float, n_members: int = 1) -> None:
    """Bring back into the unit ball: along the ray, or entry by entry for `order` inf.

    For the norms 2 and inf that is the nearest point of the ball.
    """
    if order == math.inf:
        torch._foreach_clamp_min_(parts, -1.0)
        torch._foreach_clamp_max_(parts, 1.0)
        return
    scale_(parts, 1 / norm(parts, order, n_members).clamp_min(1.0))


def _share_the_largest_(gradient: list[Tensor], size: Tensor, n_members: int) -> None:
    largest = [part.abs().to(size.dtype) == spread(size, part) for part in gradient]
    counts = [chosen.reshape(n_members, -1).sum(1) for chosen in largest]
    share = (1 / torch.stack(counts).sum(0)).reshape(size.shape)
    torch._foreach_sign_(gradient)
    for part, chosen in zip(gradient, largest, strict=True):
        part.mul_(chosen).mul_(spread(share, part))
