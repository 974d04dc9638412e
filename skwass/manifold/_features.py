"""How clouds become rows of numbers whose Euclidean distances say something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skwass.clouds import PointClouds
from skwass.transport import (
    Reference,
    displacements,
    moved_points,
    random_directions,
    sliced_features,
)

Features = NDArray[np.float32]
Array = NDArray[np.float64]

_LINES = 24
_QUANTILES = 32


class Description(Protocol):
    """Turns clouds into rows of numbers, each by itself."""

    @property
    def scale(self) -> float:
        """The unit of distances between clouds; the numbers have none."""
        ...

    @property
    def width(self) -> int:
        """How many numbers a cloud gets."""
        ...

    def describe(
        self, clouds: PointClouds, n_jobs: int | None = None, verbose: int = 0
    ) -> Features:
        """Rows of shape (n_clouds, width)."""
        ...


@dataclass(frozen=True)
class LinearDescription:
    """How far the points of a common reference are moved by an optimal plan."""

    reference: Reference

    @property
    def scale(self) -> float:
        """That of the reference."""
        return self.reference.scale

    @property
    def width(self) -> int:
        """A displacement for each point of the reference."""
        return int(self.reference.points.size)

    def describe(
        self, clouds: PointClouds, n_jobs: int | None = None, verbose: int = 0
    ) -> Features:
        """Displacements, flattened."""
        moved = displacements(clouds, self.reference, n_jobs=n_jobs, verbose=verbose)
        return moved.reshape(len(moved), -1)

    def restore(self, rows: NDArray[np.floating]) -> PointClouds:
        """Clouds with the weights of the reference, moved as the rows say."""
        reference = self.reference
        moved = rows.reshape(-1, *reference.points.shape)
        points = moved_points(moved, reference)
        return PointClouds(
            points.reshape(-1, points.shape[2]),
            np.tile(reference.weights, len(points)),
            len(reference.points) * np.arange(len(points) + 1),
        )


@dataclass(frozen=True)
class SlicedDescription:
    """Quantiles along lines."""

    directions: Array
    n_quantiles: int
    centre: Array
    unit: float

    @classmethod
    def around(
        cls, reference: Reference, random_state: np.random.RandomState
    ) -> SlicedDescription:
        """Some lines in the unit of a reference."""
        centre = reference.points.mean(axis=0)
        directions = random_directions(_LINES, len(centre), random_state)
        return cls(directions, _QUANTILES, centre, reference.scale)

    @property
    def scale(self) -> float:
        """A typical distance of points from the centre."""
        return self.unit

    @property
    def width(self) -> int:
        """Quantiles for each line."""
        return len(self.directions) * self.n_quantiles

    def describe(
        self, clouds: PointClouds, n_jobs: int | None = None, verbose: int = 0
    ) -> Features:
        """Means of quantile functions, flattened."""
        quantiles = sliced_features(
            clouds,
            self.directions / self.unit,
            self.n_quantiles,
            centre=self.centre,
            dtype=np.float32,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        return quantiles.reshape(len(quantiles), -1)
