"""Seeds that stay inside: torch's global generator is left as it was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def draw_seed(random_state: np.random.RandomState) -> int:
    """A seed for another generator."""
    return int(random_state.randint(np.iinfo(np.int32).max))


@contextmanager
def local_torch_seed(seed: int) -> Iterator[None]:
    """Seed torch on the CPU, where modules are initialised, for a while."""
    # torch.manual_seed would seed the accelerators too, which nothing restores
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
