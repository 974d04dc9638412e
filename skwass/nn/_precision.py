"""What is computed in single precision or more, whatever surrounds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def exactly(like: Tensor) -> Iterator[None]:
    """No autocast on the device of a tensor.

    Parameters
    ----------
    like : Tensor
        The tensor.
    """
    device = like.device.type
    if not torch.is_autocast_enabled(device):
        yield
        return
    with torch.autocast(device, enabled=False):
        yield


def precise(x: Tensor) -> Tensor:
    """The same numbers, in float32 if they came in half precision.

    Parameters
    ----------
    x : Tensor
        Floating-point numbers.

    Returns
    -------
    x : Tensor
        Of 32 bits or more.
    """
    return x.float() if torch.finfo(x.dtype).bits < 32 else x
