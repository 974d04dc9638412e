"""The ways to compare clouds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skwass.clouds import PointClouds
from skwass.transport._exact import Cloud
from skwass.transport._extent import centre_and_spread, pooled, refuse_far
from skwass.transport._gaussian import diagonal_features, fit_gaussians, squared_bures
from skwass.transport._gromov import distance_quantiles
from skwass.transport._ground import SQUARED_EUCLIDEAN, GroundCost
from skwass.transport._linear import displacements, fit_reference, reference_size
from skwass.transport._scheduling import Pairs, Solved
from skwass.transport._simplex import Array
from skwass.transport._sliced import (
    random_directions,
    sliced_features,
    squared_max_sliced,
)

Rows = NDArray[np.floating]

_PAIRS_A_TASK = 64
_PROJECTIONS_AT_ONCE = 16


@dataclass
class EachPair:
    """A function of two clouds, called pair by pair."""

    description: str
    squared: Callable[[Cloud, Cloud], float]
    dirac_cost: GroundCost | None = None
    same_space: bool = True
    block_size: int = _PAIRS_A_TASK

    def prepare(self, *cohorts: Any) -> None:
        """Nothing is shared between pairs."""

    def solve(self, clouds: PointClouds, others: PointClouds, pairs: Pairs) -> Solved:
        """Squared distances of some pairs."""
        found = [self.squared(clouds[i], others[j]) for i, j in pairs]
        return np.array(found), np.zeros(0)

    def report(self, errors: Array) -> None:
        """Nothing goes wrong silently."""


@dataclass
class MaxSliced:
    """The line along which two clouds differ most, sought from common directions."""

    n_projections: int
    max_iter: int
    random_state: Any
    description: str = "max-sliced distances"
    dirac_cost: GroundCost | None = SQUARED_EUCLIDEAN
    same_space: bool = True
    block_size: int = _PAIRS_A_TASK

    def prepare(self, clouds: PointClouds, others: PointClouds, *rest: Any) -> None:
        """Draw the directions."""
        refuse_far(clouds, others)
        random_state = check_random_state(self.random_state)
        self._directions = random_directions(
            self.n_projections, clouds.n_features, random_state
        )

    def solve(self, clouds: PointClouds, others: PointClouds, pairs: Pairs) -> Solved:
        """Squared distances of some pairs."""
        squared = partial(
            squared_max_sliced, directions=self._directions, max_iter=self.max_iter
        )
        found = [squared(clouds[i], others[j]) for i, j in pairs]
        return np.array(found), np.zeros(0)

    def report(self, errors: Array) -> None:
        """Nothing goes wrong silently."""


@dataclass
class Bures:
    """Gaussians with the means and covariances of the clouds."""

    description: str = "Bures distances"
    dirac_cost: GroundCost | None = SQUARED_EUCLIDEAN
    same_space: bool = True
    block_size: int = _PAIRS_A_TASK

    def prepare(self, clouds: PointClouds, others: PointClouds, *rest: Any) -> None:
        """Find the Gaussians."""
        refuse_far(clouds, others)
        origin = np.asarray(clouds.points[0], dtype=np.float64)
        self._first = self._second = fit_gaussians(clouds, origin)
        if others is not clouds:
            self._second = fit_gaussians(others, origin)

    def solve(self, clouds: PointClouds, others: PointClouds, pairs: Pairs) -> Solved:
        """Squared distances of some pairs."""
        return squared_bures(self._first, self._second, pairs), np.zeros(0)

    def report(self, errors: Array) -> None:
        """Nothing goes wrong silently."""


@dataclass
class Features:
    """Clouds told by rows of numbers that `rows` makes of each cohort."""

    description: str
    rows: Callable[..., Iterator[Callable[[PointClouds], Rows]]]
    dirac_cost: GroundCost | None = None
    same_space: bool = True
    params: Mapping[str, Any] = field(default_factory=dict)

    def tell(
        self,
        clouds: PointClouds,
        others: PointClouds,
        n_jobs: int | None,
        verbose: int,
    ) -> Iterator[Callable[[PointClouds], Rows]]:
        """Functions that give some columns of the rows of clouds."""
        return self.rows(clouds, others, n_jobs, verbose, **self.params)


def sliced_rows(
    clouds: PointClouds,
    others: PointClouds,
    n_jobs: int | None,
    verbose: int,
    n_projections: int,
    n_quantiles: int,
    random_state: Any,
) -> Iterator[Callable[[PointClouds], Rows]]:
    """A few projections at a time: all of them would fill the memory."""
    refuse_far(clouds, others)
    random_state = check_random_state(random_state)
    directions = random_directions(n_projections, clouds.n_features, random_state)
    centre, _ = centre_and_spread(pooled(clouds, others))
    for start in range(0, len(directions), _PROJECTIONS_AT_ONCE):
        some = directions[start : start + _PROJECTIONS_AT_ONCE]
        share = np.sqrt(len(some) / len(directions))

        def tell(cohort: PointClouds, some: Array = some, share: float = share) -> Rows:
            rows = sliced_features(
                cohort,
                share * some,
                n_quantiles,
                centre=centre,
                n_jobs=n_jobs,
                verbose=verbose,
            )
            return rows.reshape(len(rows), -1)

        yield tell


def linear_rows(
    clouds: PointClouds,
    others: PointClouds,
    n_jobs: int | None,
    verbose: int,
    n_reference: int | str,
    random_state: Any,
) -> Iterator[Callable[[PointClouds], Rows]]:
    """Displacements of a reference that is fitted on both cohorts."""
    refuse_far(clouds, others)
    both = pooled(clouds, others)
    size = reference_size(n_reference, both.n_features)
    reference = fit_reference(both, size, check_random_state(random_state))

    def tell(cohort: PointClouds) -> Rows:
        moved = displacements(cohort, reference, n_jobs=n_jobs, verbose=verbose)
        # float32 would not hold every scale
        return reference.scale * moved.reshape(len(moved), -1).astype(np.float64)

    yield tell


def diagonal_rows(
    clouds: PointClouds, others: PointClouds, *rest: Any
) -> Iterator[Callable[[PointClouds], Rows]]:
    """Means and standard deviations."""
    refuse_far(clouds, others)
    origin = np.asarray(clouds.points[0], dtype=np.float64)
    yield lambda cohort: diagonal_features(cohort, origin)


def distance_rows(
    clouds: PointClouds,
    others: PointClouds,
    n_jobs: int | None,
    verbose: int,
    n_quantiles: int,
) -> Iterator[Callable[[PointClouds], Rows]]:
    """Quantiles of the distances within each cloud."""
    for cohort in (clouds, others):  # whose dimensions may differ
        refuse_far(cohort, cohort)
    yield lambda cohort: distance_quantiles(cohort, n_quantiles)
