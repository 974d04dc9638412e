"""Rows of numbers that do not change when a cloud is turned, mirrored or shifted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from skwass.clouds import PointClouds
from skwass.manifold._features import Features
from skwass.transport import (
    Kinds,
    Reference,
    displacements,
    distance_spectra,
    fit_kinds,
    fit_reference,
    kind_distances,
    profile_clouds,
)

_DEFAULT_REFERENCE = 64
_KINDS = 10
_CLOUDS_A_TASK = 16
_MOST_CLOUDS = 512
_MOST_DISTANCES = 2**27


@dataclass(frozen=True)
class InvariantDescription:
    """Three parts: displaced profiles, eigenvalues, and how kinds of points lie.

    All come from the distances within the cloud alone, so its pose and the order of
    its points cannot matter. What its points see is told by linear transport from a
    reference. Euclidean distances of the eigenvalues, times `scale`, are lower bounds
    of the Gromov–Wasserstein distance; those of the other parts grow with it.
    """

    reference: Reference
    kinds: Kinds
    weight: float  # of the last part, so that it varies as much as the others
    n_quantiles: int = 32
    n_eigenvalues: int = 32
    n_rings: int = 6

    @property
    def scale(self) -> float:
        """That of the profiles."""
        return self.reference.scale

    @property
    def width(self) -> int:
        """A displacement for each point of the reference, and the other parts."""
        n_kinds = len(self.kinds.centres)
        n_pairs = self.n_rings * n_kinds * (n_kinds + 1) // 2
        return int(self.reference.points.size) + self.n_eigenvalues + n_pairs

    def describe(
        self, clouds: PointClouds, n_jobs: int | None = None, verbose: int = 0
    ) -> Features:
        """Displacements, eigenvalues, distances of kinds."""
        rows = np.empty((len(clouds), self.width), dtype=np.float32)
        starts = range(0, len(clouds), _CLOUDS_A_TASK)
        blocks = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(
            delayed(self._describe_block)(clouds[start : start + _CLOUDS_A_TASK])
            for start in starts
        )
        with tqdm(
            total=len(clouds), desc="profiles", unit="cloud", disable=not verbose
        ) as bar:
            for start, block in zip(starts, blocks, strict=True):
                rows[start : start + len(block)] = block
                bar.update(len(block))
        return rows

    def _describe_block(self, clouds: PointClouds) -> Features:
        profiles = profile_clouds(clouds, self.n_quantiles)
        moved = displacements(profiles, self.reference, n_jobs=1)
        spectra = distance_spectra(clouds, self.n_eigenvalues) / self.scale
        pairs = kind_distances(clouds, self.kinds, self.n_rings) / self.scale
        flat = moved.reshape(len(moved), -1)
        rows = np.concatenate([flat, spectra, self.weight * pairs], axis=1)
        return rows.astype(np.float32)


def fit_invariant(
    clouds: PointClouds, n_reference: int | str, random_state: np.random.RandomState
) -> InvariantDescription:
    """Learn what profiles are common, from some of the clouds.

    Parameters
    ----------
    clouds : PointClouds
        Checked clouds.
    n_reference : int or "auto"
        Profiles that all clouds are compared with; "auto" is 64, and twice as many are
        no better where it was measured.
    random_state : RandomState
        Draws the clouds and the profiles that are looked at.

    Returns
    -------
    description : InvariantDescription
        Describes clouds of any dimension.
    """
    size = _DEFAULT_REFERENCE if isinstance(n_reference, str) else n_reference
    order = random_state.permutation(len(clouds))[:_MOST_CLOUDS]
    squares = np.square(clouds.sizes[order].astype(np.float64))
    enough = max(1, int(np.sum(np.cumsum(squares) <= _MOST_DISTANCES)))
    some = clouds[np.sort(order[:enough])]
    profiles = profile_clouds(some, InvariantDescription.n_quantiles)
    reference = fit_reference(profiles, size, random_state)
    kinds = fit_kinds(some, _KINDS, InvariantDescription.n_quantiles, random_state)
    unweighted = InvariantDescription(reference, kinds, 1.0)
    variances = unweighted.describe(some).var(axis=0, dtype=np.float64)
    n_others = reference.points.size + unweighted.n_eigenvalues
    others, pairs = variances[:n_others].sum(), variances[n_others:].sum()
    weight = float(np.sqrt(others / pairs)) if pairs > 0 else 1.0
    return replace(unweighted, weight=weight)
