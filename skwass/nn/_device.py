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
        # read back: a tensor on "meta" can be made, but holds nothing
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        reason = reason.split(". ")[0].rstrip(".")
        raise ValueError(
            f"device={device!r} cannot be used: {reason}. Use 'cpu', or 'cuda' or "
            "'mps' where torch finds such a device."
        ) from None
    return device
