"""Memory for large intermediate results, used again for the next pair of clouds.

Asking the system for some megabytes takes longer than filling them, above all where
several threads ask at once.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_LARGEST = 2**26  # bytes; what is larger is not kept


class _Scratch(threading.local):
    """Each thread has buffers of its own."""

    def __init__(self) -> None:
        self.buffers: dict[str, NDArray[np.uint8]] = {}


_scratch = _Scratch()


def borrow(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array of any content, whose memory is that of the last one of this name."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size > _LARGEST:
        return np.empty(shape, dtype)
    buffer = _scratch.buffers.get(name)
    if buffer is None or len(buffer) < size:
        buffer = _scratch.buffers[name] = np.empty(size, np.uint8)
    return buffer[:size].view(dtype).reshape(shape)


def release() -> None:
    """Give back what this thread has borrowed; other threads do so when they end."""
    _scratch.buffers.clear()
