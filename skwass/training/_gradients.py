"""Training works wherever it is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def with_gradients() -> Iterator[None]:
    """Wherever `fit` is called, even where a user has switched gradients off."""
    with torch.inference_mode(False), torch.enable_grad():
        yield
