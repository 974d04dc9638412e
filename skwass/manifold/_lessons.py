"""The batches that a student network is trained on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from skwass.clouds import PointClouds
from skwass.manifold._padding import Frame, Indices, cuts
from skwass.nn import SetEncoder

Summary = tuple[Tensor, ...]

_LARGEST_OF_A_BAND = 1.25


class Lessons(IterableDataset):
    """Batches ``(summary, targets)`` of summaries of equal length, kept in memory.

    Parameters
    ----------
    summary : tuple of Tensor of shape (n_clouds, ...)
        All that the network reads of each cloud.
    targets : Tensor of shape (n_clouds, n_components)
        What it should say.
    batch_size : int
        Clouds in a batch, nearly.
    seed : int
        Decides the order. Each epoch has its own.

    Attributes
    ----------
    n_batches : int
        Batches of an epoch.
    epoch : int
        The epoch that comes next.
    """

    def __init__(
        self, summary: Summary, targets: Tensor, batch_size: int, seed: int
    ) -> None:
        self.summary = summary
        self.targets = targets
        self.seed = seed
        self.epoch = 0
        n_batches = -(-len(targets) // batch_size)
        # equal parts: no batch of one, which has no distances
        ends = np.linspace(0, len(targets), n_batches + 1).round().astype(int)
        self.cuts = [slice(*ends[k : k + 2]) for k in range(n_batches)]

    @property
    def n_batches(self) -> int:
        """Batches of an epoch."""
        return len(self.cuts)

    def __iter__(self) -> Iterator[tuple[Summary, Tensor]]:
        generator = np.random.default_rng([self.seed, self.epoch])
        self.epoch += 1
        order = self._order(generator)
        for place in generator.permutation(self.n_batches):
            chosen = order[self.cuts[place]]
            yield self._summary_of(chosen), self.targets[chosen]

    def _order(self, generator: np.random.Generator) -> Indices:
        return generator.permutation(len(self.targets))

    def _summary_of(self, chosen: Indices) -> Summary:
        return tuple(tensor[chosen] for tensor in self.summary)


class PointLessons(Lessons):
    """Batches for a network that reads all points: padded when drawn, of like size.

    Parameters
    ----------
    encoder : SetEncoder
        Which summarises them.
    frame : Frame
        Centre and unit of the points.
    clouds : PointClouds
        All clouds.
    targets : Tensor of shape (n_clouds, n_components)
        What the network should say of them.
    batch_size : int
        Most clouds in a batch; large ones come in smaller batches.
    seed : int
        Decides the order.
    """

    def __init__(
        self,
        encoder: SetEncoder,
        frame: Frame,
        clouds: PointClouds,
        targets: Tensor,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__((), targets, batch_size, seed)
        self.encoder = encoder
        self.frame = frame
        self.clouds = clouds
        self.batch_size = batch_size
        # clouds of a band may meet in a batch, so each counts as the largest of it
        self.bands = _bands(clouds.sizes)
        self.cuts = list(cuts(np.sort(self.bands), clouds.n_features, batch_size))

    def _order(self, generator: np.random.Generator) -> Indices:
        """By size, but shuffled within bands, so that batches differ between epochs."""
        shuffled = generator.permutation(len(self.clouds))
        return shuffled[np.argsort(self.bands[shuffled], kind="stable")]

    def _summary_of(self, chosen: Indices) -> Summary:
        with torch.no_grad():
            return self.encoder.summarise(*self.frame.padded(self.clouds[chosen]))


def _bands(sizes: NDArray[np.integer]) -> NDArray[np.int64]:
    """The largest size that is at most a quarter more, from steps the same for all."""
    steps = np.ceil(np.log(sizes) / np.log(_LARGEST_OF_A_BAND))
    return np.ceil(_LARGEST_OF_A_BAND**steps).astype(np.int64)
