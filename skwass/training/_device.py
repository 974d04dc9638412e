"""Where to compute."""

from __future__ import annotations

import torch


def checked_device(device: str) -> str:
    """`device` if torch can use it here.

    Raises
    ------
    ValueError
        If torch does not know the device or this machine does not have it.
    """
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device={device!r} cannot be used: {reason}. Use 'cpu', or 'cuda' or "
            "'mps' where torch finds such a device."
        ) from None
    return device
