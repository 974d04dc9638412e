"""The ball around parameters in which the ascent moves."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from skwass.robust._ascent import Noise, clip_, steepest_
from skwass.robust._parts import HALF, Size, norm, scale_, spread

#: added to |parameter| in adaptive mode, as in the paper on ASAM
STRETCH_OFFSET = 0.01
_MAX_CORRECTIONS = 12
#: less than what tells one step of SAM from another in single precision
_WIDEST_MARGIN = 1e-6


class Ball:
    r"""Points ``centre + stretch * u`` with ``||u|| <= 1``, one ball for each member.

    The stretch of an entry is its radius, times ``|centre| + 0.01`` if `adaptive`. The
    coordinates ``u`` are what directions and noise are given in.

    Parameters
    ----------
    points : list of Tensor
        Parameters, which stand at the centre now and which the methods move.
    radii : list of float
        Radius for each part, all above zero.
    order : float
        The norm: 1, 2 or inf.
    adaptive : bool
        Whether large entries may move further.
    n_members : int
        Length of the leading axis of all parts, if above one.
    """

    def __init__(
        self,
        points: list[Tensor],
        radii: list[float],
        order: float = 2.0,
        adaptive: bool = False,
        n_members: int = 1,
    ) -> None:
        self.points = points
        self.centre = [point.clone() for point in points]
        self.radii = radii
        self.order = order
        self.adaptive = adaptive
        self.n_members = n_members
        #: the radius, where coordinates are stretched by nothing else
        self._even = radii[0] if not adaptive and len(set(radii)) == 1 else None
        #: by how much smaller the ball is drawn, so that rounding does not leave it
        self._margin = max(_rounding(dtype) for dtype in {p.dtype for p in points})
        #: whether that covers what rounding can do, at worst
        self._safe = False
        if self._even is not None and n_members == 1:
            self._widen_margin(self._even)

    def steepest_(self, gradient: list[Tensor]) -> float | None:
        """Turn the gradient of the parameters into a direction; see the function."""
        if self._even is None:
            self._stretch_(gradient)
        return steepest_(gradient, self.order, self.n_members)

    def enter(
        self, direction: list[Tensor], step: float, noise: Noise | None = None
    ) -> None:
        """First step, from the centre, to a point of the ball."""
        if noise is not None:
            # the parameters themselves hold what is computed, which needs no memory
            noise.fill_(self.points)
            torch._foreach_add_(self.points, direction, alpha=step / noise.unit)
            self._settle(clip_(self.points, self.order, self.n_members, noise.unit))
        elif self._even is not None:
            length = step * self._even * (1 - self._margin)
            torch._foreach_add_(self.points, direction, alpha=length)
            self._keep_inside()
        else:
            torch._foreach_copy_(self.points, direction)
            self._settle(float(step))

    def advance(
        self, direction: list[Tensor], step: float, noise: Noise | None = None
    ) -> None:
        """Another step, which uses `direction` up."""
        torch._foreach_sub_(self.points, self.centre)
        self._shrink_(self.points)
        torch._foreach_add_(self.points, direction, alpha=step)
        if noise is not None:
            noise.fill_(direction)
            torch._foreach_add_(self.points, direction, alpha=noise.unit)
        factor = clip_(self.points, self.order, self.n_members)
        self._settle(factor, scratch=direction)

    def noise(
        self, size: float, generator: torch.Generator | None = None
    ) -> Noise | None:
        """Noise of such a norm, for steps in this ball; None if it is zero."""
        if not size:
            return None
        return Noise(self.points, size, self.order, self.n_members, generator)

    def leave(self) -> None:
        """Put the parameters back, bit for bit."""
        torch._foreach_copy_(self.points, self.centre)

    def _settle(self, factor: Size, scratch: list[Tensor] | None = None) -> None:
        """From unit coordinates, times a factor, to parameters that are in the ball."""
        if isinstance(factor, float):
            self._stretch_(self.points, factor * (1 - self._margin))
        else:
            scale_(self.points, factor)
            self._stretch_(self.points, 1 - self._margin)
        torch._foreach_add_(self.points, self.centre)
        self._keep_inside(scratch)

    def _widen_margin(self, radius: float) -> None:
        """Take the worst case of rounding into account, if that costs next to nothing.

        An entry of the sum of centre and perturbation is wrong by half an epsilon of
        its value, so the perturbation by that of the norm of the whole.
        """
        if self._margin >= _WIDEST_MARGIN:
            return
        eps = max(torch.finfo(dtype).eps for dtype in {p.dtype for p in self.points})
        size = norm(self.centre, self.order)
        if isinstance(size, float):
            worst = self._margin + eps * (size / radius + 1)
            if worst < _WIDEST_MARGIN:
                self._margin, self._safe = worst, True

    def _keep_inside(self, scratch: list[Tensor] | None = None) -> None:
        """Correct points that rounding has put outside; `scratch` is memory for it."""
        if self._safe:
            return
        limit = 1 - self._margin / 4
        for attempt in range(_MAX_CORRECTIONS):
            offset = self._offset(scratch)
            if self._even is None:
                self._shrink_(offset)
            size = norm(offset, self.order, self.n_members) / (self._even or 1.0)
            if isinstance(size, float):
                if size <= limit:
                    return
            elif bool((size <= limit).all()):
                return
            # coarse numbers may round up again and again: ask for less each time
            target = max(limit - self._margin * 4**attempt / 4, 0.0)
            scale_(offset, target / size)
            if self._even is None:
                self._stretch_(offset)
            self._move(offset, size, limit)

    def _offset(self, scratch: list[Tensor] | None) -> list[Tensor]:
        """How far the points are from the centre."""
        points, centre = _wide(self.points), _wide(self.centre)
        if scratch is None or points is not self.points:
            return list(torch._foreach_sub(points, centre))
        torch._foreach_copy_(scratch, points)
        torch._foreach_sub_(scratch, centre)
        return scratch

    def _move(self, offset: list[Tensor], size: Size, limit: float) -> None:
        """Place the points anew, but for members that are inside."""
        for point, centre, moved in zip(self.points, self.centre, offset, strict=True):
            placed = (centre + moved).to(point.dtype)
            if not isinstance(size, float):
                placed = torch.where(spread(size > limit, point), placed, point)
            point.copy_(placed)

    def _stretch_(self, parts: list[Tensor], factor: float = 1.0) -> None:
        if len(set(self.radii)) == 1:
            torch._foreach_mul_(parts, factor * self.radii[0])
        else:
            torch._foreach_mul_(parts, [factor * radius for radius in self.radii])
        if self.adaptive:
            for part, centre in zip(parts, self.centre, strict=True):
                part.mul_(centre.abs().add_(STRETCH_OFFSET))

    def _shrink_(self, parts: list[Tensor]) -> None:
        if len(set(self.radii)) == 1:
            torch._foreach_div_(parts, self.radii[0])
        else:
            torch._foreach_div_(parts, self.radii)
        if self.adaptive:
            for part, centre in zip(parts, self.centre, strict=True):
                part.div_(centre.abs().add_(STRETCH_OFFSET))


@cache
def _rounding(dtype: torch.dtype) -> float:
    eps = torch.finfo(torch.float32 if dtype in HALF else dtype).eps
    return max(16 * eps, 1e-12)


def _wide(parts: list[Tensor]) -> list[Tensor]:
    if not any(part.dtype in HALF for part in parts):
        return parts
    return [part.float() if part.dtype in HALF else part for part in parts]
