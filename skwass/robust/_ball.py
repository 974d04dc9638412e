"""The ball around parameters in which the ascent moves."""

from __future__ import annotations

import torch
from torch import Tensor

from skwass.robust._ascent import clip_, fill_with_noise_, steepest_
from skwass.robust._parts import HALF, norm, scale_, spread

#: added to |parameter| in adaptive mode, as in the paper on ASAM
STRETCH_OFFSET = 0.01
_MAX_CORRECTIONS = 12


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
        self.centre = [point.detach().clone() for point in points]
        self.radii = radii
        self.order = order
        self.adaptive = adaptive
        self.n_members = n_members
        types = {torch.float32 if p.dtype in HALF else p.dtype for p in points}
        # what rounding may add to a norm: the ball is drawn smaller by as much
        self._margin = max(*(16 * torch.finfo(dtype).eps for dtype in types), 1e-12)

    def steepest_(self, gradient: list[Tensor]) -> bool:
        """Turn the gradient of the parameters into a direction, if it is finite."""
        if self.adaptive or len(set(self.radii)) > 1:
            self._stretch_(gradient)
        return steepest_(gradient, self.order, self.n_members)

    def enter(
        self,
        direction: list[Tensor],
        step: float,
        noise: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        """First step, from the centre; its length is at most one."""
        # the parameters themselves hold what is computed, which needs no memory
        if noise:
            fill_with_noise_(self.points, noise, self.order, self.n_members, generator)
            torch._foreach_add_(self.points, direction, alpha=step)
            clip_(self.points, self.order, self.n_members)
        else:
            torch._foreach_copy_(self.points, direction)
            if step != 1:
                torch._foreach_mul_(self.points, step)
        self._settle()

    def advance(
        self,
        direction: list[Tensor],
        step: float,
        noise: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        """Another step, which uses `direction` up."""
        torch._foreach_sub_(self.points, self.centre)
        self._shrink_(self.points)
        torch._foreach_add_(self.points, direction, alpha=step)
        if noise:
            fill_with_noise_(direction, noise, self.order, self.n_members, generator)
            torch._foreach_add_(self.points, direction)
        clip_(self.points, self.order, self.n_members)
        self._settle()

    def leave(self) -> None:
        """Put the parameters back, bit for bit."""
        torch._foreach_copy_(self.points, self.centre)

    def _settle(self) -> None:
        """From unit coordinates to parameters that are in the ball."""
        self._stretch_(self.points, 1 - self._margin)
        torch._foreach_add_(self.points, self.centre)
        limit = 1 - self._margin / 4
        for attempt in range(_MAX_CORRECTIONS):
            offset = self._offset()
            size = norm(offset, self.order, self.n_members)
            outside = size > limit
            if not bool(outside.any()):
                return
            # coarse numbers may round up again and again: ask for less each time
            target = limit - self._margin * 4**attempt / 4
            scale_(offset, max(target, 0.0) / size)
            self._stretch_(offset)
            for point, centre, moved in zip(
                self.points, self.centre, offset, strict=True
            ):
                # members that are inside stay as they are
                corrected = (centre + moved).to(point.dtype)
                point.copy_(torch.where(spread(outside, point), corrected, point))

    def _offset(self) -> list[Tensor]:
        """Where the points are in unit coordinates, in single precision at least."""
        moved = list(torch._foreach_sub(_widened(self.points), _widened(self.centre)))
        self._shrink_(moved)
        return moved

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


def _widened(parts: list[Tensor]) -> list[Tensor]:
    return [part.float() if part.dtype in HALF else part for part in parts]
