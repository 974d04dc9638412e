"""Seeds that stay inside: torch's global generator is left as it was found."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

# the global generator belongs to all threads of the process
GLOBAL_GENERATOR = threading.RLock()


def draw_seed(random_state: np.random.RandomState) -> int:
    """A seed for another generator."""
    return int(random_state.randint(np.iinfo(np.int32).max))


@contextmanager
def local_torch_seed(seed: int) -> Iterator[None]:
    """Seed torch on the CPU, where modules are initialised, for a short while.

    Fits in other threads wait, so keep training out of it and give loaders a generator
    of their own.
    """
    # torch.manual_seed would seed the accelerators too, which nothing restores
    with GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
