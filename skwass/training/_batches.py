"""Samples of one epoch in batches, for one network or for several side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

Batch = tuple[Tensor, tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Samples:
    """What is learnt from.

    Attributes
    ----------
    inputs : Tensor of shape (n_samples, ...)
        What the network sees.
    targets : Tensor of shape (n_samples,) or (n_samples, n_targets)
        What it shall say.
    weights : Tensor of shape (n_samples,)
        Positive, one on average.
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def at(self, places: NDArray[np.intp]) -> Samples:
        """Some of them."""
        where = torch.as_tensor(places)
        return Samples(self.inputs[where], self.targets[where], self.weights[where])


class Batches(IterableDataset[Batch]):
    """Shuffled batches; the order of an epoch is decided by its number and a seed.

    A rest of one sample joins the batch before, since a single sample has no batch
    statistics.

    Parameters
    ----------
    samples : Samples
        All of them.
    batch_size : int
        Samples in a batch.
    seeds : sequence of int
        One for each member that is trained side by side, which sees an order of its
        own: batches then have a leading axis of members if `stacked`.
    stacked : bool
        Whether there is such an axis.
    """

    def __init__(
        self, samples: Samples, batch_size: int, seeds: Sequence[int], stacked: bool
    ) -> None:
        self.samples = samples
        self.seeds = list(seeds)
        self.stacked = stacked
        self.epoch = 0
        self.bounds = _bounds(len(samples), batch_size)

    @property
    def n_batches(self) -> int:
        """Batches of an epoch."""
        return len(self.bounds)

    def __iter__(self) -> Iterator[Batch]:
        orders = np.stack(
            [
                np.random.RandomState([seed, self.epoch]).permutation(len(self.samples))
                for seed in self.seeds
            ]
        )
        self.epoch += 1
        places = torch.as_tensor(orders if self.stacked else orders[0])
        for start, stop in self.bounds:
            chosen = places[..., start:stop]
            yield (
                self.samples.inputs[chosen],
                (self.samples.targets[chosen], self.samples.weights[chosen]),
            )


class HeldOut(IterableDataset[Batch]):
    """Batches in their own order, the same for all members.

    Parameters
    ----------
    samples : Samples
        All of them.
    batch_size : int
        Samples in a batch.
    n_members : int or None
        Length of the leading axis of targets and weights; None is no such axis.
    """

    def __init__(
        self, samples: Samples, batch_size: int, n_members: int | None
    ) -> None:
        self.samples = samples
        self.bounds = _bounds(len(samples), batch_size)
        self.n_members = n_members

    def __iter__(self) -> Iterator[Batch]:
        for start, stop in self.bounds:
            targets = self.samples.targets[start:stop]
            weights = self.samples.weights[start:stop]
            if self.n_members is not None:
                targets = targets.expand(self.n_members, *targets.shape)
                weights = weights.expand(self.n_members, *weights.shape)
            yield self.samples.inputs[start:stop], (targets, weights)


def _bounds(n_samples: int, batch_size: int) -> list[tuple[int, int]]:
    starts = list(range(0, n_samples, batch_size))
    if len(starts) > 1 and n_samples - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], n_samples], strict=True))
