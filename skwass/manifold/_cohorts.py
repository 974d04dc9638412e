"""What an embedder learns from: features of each sample, distances between samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from skwass.clouds import PointClouds
from skwass.manifold._features import (
    Description,
    LinearDescription,
    SlicedDescription,
)
from skwass.manifold._invariant import fit_invariant
from skwass.manifold._transport_features import TransportFeatures
from skwass.transport import (
    all_diracs,
    default_reg,
    fit_reference,
    method_for,
    reference_size,
    sampled_wasserstein_distances,
    wasserstein_distances,
)

Features = NDArray[np.float32]
Array = NDArray[np.float64]

_PAIRS_A_BLOCK = 4096


class Featuriser(Protocol):
    """Turns samples into rows of numbers whose Euclidean distances say something."""

    @property
    def scale(self) -> float:
        """The unit of the distances; features have none."""
        ...

    @property
    def n_leading(self) -> int:
        """How many features, the first, have distances close to the metric."""
        ...

    @property
    def gain(self) -> float:
        """What a network's input is multiplied with."""
        ...

    def transform(self, X: Any, n_jobs: int | None = None) -> Features:
        """Features of new samples."""
        ...


class Cohort(Protocol):
    """The samples of one fit."""

    n_jobs: int | None

    def __len__(self) -> int: ...

    def featurise(
        self, random_state: np.random.RandomState
    ) -> tuple[Featuriser, Features]:
        """Learn features, and give those of the samples."""
        ...

    def described(self, featuriser: Featuriser) -> Features:
        """Features of the samples by what an earlier fit has learnt.

        Raises
        ------
        ValueError
            If these are no samples of the same kind.
        """
        ...

    def arrays(self) -> list[NDArray[Any]]:
        """All that the samples are."""
        ...

    def matrix(self) -> Array:
        """Distances between all samples."""
        ...

    def distances(self, pairs: NDArray[np.intp]) -> Array:
        """Distances between the samples of each pair."""
        ...

    def blocks_of_distances(self, pairs: NDArray[np.intp]) -> Iterator[Array]:
        """The same, block after block, for callers that keep what was solved."""
        ...

    @property
    def cheap(self) -> bool:
        """Whether a distance costs next to nothing."""
        ...


@dataclass(frozen=True)
class Metric:
    """What distances between clouds are, in the words of `wasserstein_distances`."""

    metric: str | Callable[..., float] = "wasserstein"
    metric_params: dict[str, Any] | None = None
    order: float = 2
    reg: float | None = None

    def check(self) -> None:
        """Refuse what is not known, before anything is computed."""
        method_for(self.metric, self.metric_params, order=self.order, reg=self.reg)

    def settled(self, clouds: PointClouds) -> Metric:
        """The same for all clouds to come, where these decide what it is."""
        if self.metric == "sinkhorn" and self.reg is None:
            return replace(self, reg=default_reg(clouds))
        return self

    @property
    def looks_at_all(self) -> bool:
        """Whether a distance depends on what other clouds there are."""
        return self.metric == "linear" or (
            self.metric == "sinkhorn" and self.reg is None
        )

    def pairs_a_block(self, n_pairs: int) -> int:
        """How many are solved between two looks at a checkpoint.

        More where a call does something for each cloud before it looks at pairs.
        """
        if self.metric in ("bures", "gromov_slb", "linear", "sliced"):
            return max(1, n_pairs)
        return _PAIRS_A_BLOCK * (16 if self.metric == "sinkhorn" else 1)


def is_invariant(metric: str | Callable[..., float]) -> bool:
    """Whether a metric sees the distances within a cloud only, so no pose of it."""
    return metric in ("gromov", "gromov_slb", "gromov_tlb")


@dataclass
class CloudCohort:
    """Clouds, compared by exact transport or what else `metric` says."""

    clouds: PointClouds
    metric: Metric = Metric()
    n_reference: int | str = "auto"
    n_jobs: int | None = None
    verbose: int = 0

    def __len__(self) -> int:
        return len(self.clouds)

    @property
    def cheap(self) -> bool:
        """Points have a closed form."""
        return all_diracs(self.clouds)

    def featurise(
        self, random_state: np.random.RandomState
    ) -> tuple[Featuriser, Features]:
        """Describe clouds, and find the principal components of that."""
        description: Description
        lines = None
        if is_invariant(self.metric.metric):
            description = fit_invariant(self.clouds, self.n_reference, random_state)
        else:
            n_points = reference_size(self.n_reference, self.clouds.n_features)
            reference = fit_reference(self.clouds, n_points, random_state)
            description = LinearDescription(reference)
            if not self.cheap:  # of points, the reference says all
                lines = SlicedDescription.around(reference, random_state)
        return TransportFeatures.fitted(
            description,
            lines,
            self.clouds,
            seed=random_state.randint(2**31),
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )

    def described(self, featuriser: Featuriser) -> Features:
        """Features of the clouds by what an earlier fit has learnt."""
        n_features = getattr(featuriser, "n_features", None)
        if n_features != self.clouds.n_features:
            raise ValueError(
                f"X has points with {self.clouds.n_features} features; the earlier "
                f"fit, which warm_start goes on from, had {n_features}. Set "
                "warm_start=False to begin anew."
            )
        return featuriser.transform(self.clouds, self.n_jobs)

    def arrays(self) -> list[NDArray[Any]]:
        """Points, weights, and where clouds begin."""
        return [self.clouds.points, self.clouds.weights, self.clouds.offsets]

    def matrix(self) -> Array:
        """Distances between all clouds."""
        return wasserstein_distances(
            self.clouds, **vars(self.metric), n_jobs=self.n_jobs, verbose=self.verbose
        )

    def distances(self, pairs: NDArray[np.intp]) -> Array:
        """Distances between the clouds of each pair."""
        return np.concatenate([np.empty(0), *self.blocks_of_distances(pairs)])

    def blocks_of_distances(self, pairs: NDArray[np.intp]) -> Iterator[Array]:
        """The same, block after block."""
        size = self.metric.pairs_a_block(len(pairs))
        blocks = range(0, len(pairs), size)
        for start in tqdm(blocks, desc="distances", disable=not self.verbose):
            clouds, block = self.clouds, pairs[start : start + size]
            if not self.metric.looks_at_all:
                # the clouds of the block alone: the others may lie on a disk
                used, places = np.unique(block, return_inverse=True)
                clouds, block = clouds[used], places.reshape(block.shape)
            yield sampled_wasserstein_distances(
                clouds, block, **vars(self.metric), n_jobs=self.n_jobs
            )
