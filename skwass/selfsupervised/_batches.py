"""Samples of one epoch, in shuffled batches that are large enough."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset


class Batches(IterableDataset[Tensor]):
    """Shuffled batches; the order of an epoch is decided by its number and a seed.

    Parameters
    ----------
    inputs : Tensor of shape (n_samples, ...)
        All samples.
    batch_size : int
        Samples in a batch.
    least : int
        A rest of fewer samples joins the batch before.
    seed : int
        Decides the order.
    """

    def __init__(self, inputs: Tensor, batch_size: int, least: int, seed: int) -> None:
        self.inputs = inputs
        self.seed = seed
        self.epoch = 0
        starts = list(range(0, len(inputs), batch_size))
        if len(starts) > 1 and len(inputs) - starts[-1] < least:
            starts.pop()
        self.bounds = list(zip(starts, [*starts[1:], len(inputs)], strict=True))

    @property
    def n_batches(self) -> int:
        """Batches of an epoch."""
        return len(self.bounds)

    def __iter__(self) -> Iterator[Tensor]:
        order = np.random.RandomState([self.seed, self.epoch])
        places = torch.as_tensor(order.permutation(len(self.inputs)))
        self.epoch += 1
        for start, stop in self.bounds:
            yield self.inputs[places[start:stop]]
