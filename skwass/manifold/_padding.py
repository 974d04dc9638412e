"""Clouds as batches of tensors: of like size, and never too many numbers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skwass.clouds import PointClouds
from skwass.transport import centre_and_spread

Indices = NDArray[np.intp]

_CLOUDS_READ = 4096
_CLOUDS_A_BATCH = 256
_NUMBERS_A_BATCH = 2_000_000
# what a network holds of a point, at least
_NUMBERS_A_POINT = 64


@dataclass(frozen=True)
class Frame:
    """Where a cohort lies, so that float32 can tell its points apart.

    Attributes
    ----------
    centre : ndarray of shape (n_features,)
        What is taken off points.
    unit : float
        What they are divided by then.
    """

    centre: NDArray[np.float64]
    unit: float

    @classmethod
    def of(cls, clouds: PointClouds) -> Frame:
        """That of the mean and the spread of all points."""
        return cls(*centre_and_spread(clouds))

    def padded(self, clouds: PointClouds) -> tuple[Tensor, Tensor]:
        """Points and weights as tensors, zero where a cloud has no more points."""
        sizes = clouds.sizes
        there = np.arange(sizes.max(initial=1)) < sizes[:, None]
        points = np.zeros((*there.shape, clouds.n_features), dtype=np.float32)
        points[there] = (clouds.points - self.centre) / self.unit
        weights = np.zeros(there.shape, dtype=np.float32)
        mass = np.add.reduceat(clouds.weights, clouds.offsets[:-1])
        weights[there] = clouds.weights / np.repeat(mass, sizes)
        return torch.from_numpy(points), torch.from_numpy(weights)

    def map(
        self,
        clouds: PointClouds,
        function: Callable[[Tensor, Tensor], tuple[Tensor, ...]],
        device: str,
    ) -> tuple[Tensor, ...]:
        """What a function of points and weights gives for all clouds, in their order.

        Clouds of like size are computed together, with little padding and in bounded
        memory. The function must treat each measure by itself.
        """
        parts: list[tuple[Tensor, ...]] = []
        with torch.inference_mode():
            for start in range(0, len(clouds), _CLOUDS_READ):
                read = clouds[start : start + _CLOUDS_READ]
                order = np.argsort(read.sizes, kind="stable")
                found = []
                for cut in cuts(read.sizes[order], read.n_features, _CLOUDS_A_BATCH):
                    points, weights = self.padded(read[order[cut]])
                    mapped = function(points.to(device), weights.to(device))
                    found.append(tuple(tensor.cpu() for tensor in mapped))
                back = torch.from_numpy(np.argsort(order))
                parts.append(
                    tuple(torch.cat(one)[back] for one in zip(*found, strict=True))
                )
            return tuple(torch.cat(one) for one in zip(*parts, strict=True))


def cuts(
    sizes: NDArray[np.integer], n_features: int, most_clouds: int
) -> Iterator[slice]:
    """Where to cut a row of clouds of rising size into batches of bounded memory."""
    numbers = max(n_features, _NUMBERS_A_POINT) * sizes
    start = 0
    for stop in range(1, len(sizes) + 1):
        full = stop - start == most_clouds
        if (
            stop == len(sizes)
            or full
            or (stop + 1 - start) * numbers[stop] > _NUMBERS_A_BATCH
        ):
            yield slice(start, stop)
            start = stop
