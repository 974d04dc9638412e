r"""Variances of Gaussian tokens: kept positive, and their roots in closed form.

A stream of variances is carried as real numbers x, so that it can be added to and
projected like any other; the variance is :math:`\mathrm{ELU}(x) + 1`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

#: exponents below give numbers that half of the dtypes cannot tell from zero
_LEAST, _LEAST_IN_HALF = -30.0, -9.0


def positive(x: Tensor) -> Tensor:
    r"""Variances of real numbers, :math:`\mathrm{ELU}(x) + 1`, and never zero.

    Parameters
    ----------
    x : Tensor
        Any real numbers.

    Returns
    -------
    variance : Tensor
        :math:`e^x` below zero, where x counts as no less than -30 (-9 in float16), and
        :math:`1 + x` above.
    """
    found: Tensor = _Positive.apply(x)
    return found


def positive_root(x: Tensor) -> Tensor:
    r"""Square roots of `positive`, :math:`e^{x/2}` or :math:`\sqrt{1+x}`.

    Parameters
    ----------
    x : Tensor
        Any real numbers.

    Returns
    -------
    deviation : Tensor
        Standard deviations.
    """
    found: Tensor = _PositiveRoot.apply(x)
    return found


class _Positive(Function):
    """What ``elu(x) + 1`` would be, had it not lost all digits of small numbers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        # one of the two is always neutral
        found = x.clamp(_least(x), 0).exp_().add_(x.clamp_min(0))
        ctx.save_for_backward(found)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (found,) = ctx.saved_tensors
        return upstream * found.clamp_max(1)


class _PositiveRoot(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        found = x.clamp(_least(x), 0).mul_(0.5).exp_()
        found.mul_(x.clamp_min(0).add_(1).sqrt_())
        ctx.save_for_backward(found)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (found,) = ctx.saved_tensors
        return torch.minimum(found, found.reciprocal()).mul_(0.5).mul_(upstream)


def _least(x: Tensor) -> float:
    return _LEAST_IN_HALF if x.dtype == torch.float16 else _LEAST
