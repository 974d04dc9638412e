"""How the learning rate goes over the steps of a fit."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class WarmUp:
    """Factor of the learning rate: up in a line, then down as a cosine or constant.

    Parameters
    ----------
    n_steps : int
        All steps.
    n_first : int
        Those of the way up.
    falls : bool
        Whether it goes down to zero.

    Examples
    --------
    >>> from skwass.training import WarmUp
    >>> factor = WarmUp(n_steps=100, n_first=10, falls=True)
    >>> [round(factor(step), 2) for step in (0, 9, 10, 55, 100)]
    [0.1, 1.0, 1.0, 0.5, 0.0]
    """

    n_steps: int
    n_first: int
    falls: bool

    def __call__(self, step: int) -> float:
        """The factor in a step, counted from zero."""
        if step < self.n_first:
            return (step + 1) / self.n_first
        if not self.falls:
            return 1.0
        share = (step - self.n_first) / max(1, self.n_steps - self.n_first)
        return (1 + math.cos(math.pi * min(1.0, share))) / 2
