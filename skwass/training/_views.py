"""Random views of samples, by a function of the user's or of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from skwass.training._stream import TorchStream

_LOOKED_AT = 16


@dataclass(frozen=True)
class Views:
    """A function of a batch and a generator that gives a view of each sample.

    Attributes
    ----------
    function : callable
        Hidden in here, since a skorch net wants to own every module it can see.
    """

    function: Callable[[Tensor, torch.Generator], Tensor]

    def __call__(self, rows: Tensor) -> Tensor:
        """A view of each row, by torch's own generator, which a stream looks after."""
        seen = self.function(rows.clone(), torch.default_generator)
        if not isinstance(seen, Tensor) or not seen.is_floating_point():
            return seen  # refused by `check_views`
        # what went through NumPy is of double precision, and on the CPU
        return seen.to(rows)


def check_views(views: Views, inputs: Tensor, stream: TorchStream) -> None:
    """Look at the views of a few samples.

    Raises
    ------
    ValueError
        If they are no samples any more: of another shape or type, or not finite.
    """
    some = inputs[:_LOOKED_AT].to(stream.device)
    with stream.drawn_from():
        seen: Any = views(some)
    if not isinstance(seen, Tensor):
        raise ValueError(
            f"augmentation must return a tensor; it returned a {type(seen).__name__}."
        )
    if seen.shape != some.shape:
        raise ValueError(
            "augmentation must keep the shape of a batch; it turned "
            f"{tuple(some.shape)} into {tuple(seen.shape)}."
        )
    if not seen.is_floating_point():
        raise ValueError(
            f"augmentation must return floating-point numbers; it gave {seen.dtype}."
        )
    if not torch.isfinite(seen).all():
        raise ValueError("augmentation must return finite numbers; some are not.")
