"""Rows of numbers that do not change when a cloud is turned, mirrored or shifted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from skwass.clouds import PointClouds
from skwass.manifold._features import Features
from skwass.transport import (
    Reference,
    displacements,
    distance_spectra,
    fit_reference,
    profile_clouds,
)

_DEFAULT_REFERENCE = 64
_QUANTILES = 32
_RINGS = 8
_EIGENVALUES = 32
_CLOUDS_A_TASK = 16
_MOST_CLOUDS = 512
_MOST_DISTANCES = 2**27


@dataclass(frozen=True)
class InvariantDescription:
    """What the points of a cloud see of it, by linear transport, and its spectrum.

    Both parts come from the distances within the cloud alone, so its pose and the
    order of its points cannot matter. Euclidean distances of the eigenvalues, times
    `scale`, are lower bounds of the Gromov–Wasserstein distance; those of the
    displacements grow with it.
    """

    reference: Reference
    n_quantiles: int
    n_rings: int
    n_eigenvalues: int

    @property
    def scale(self) -> float:
        """That of the profiles."""
        return self.reference.scale

    @property
    def width(self) -> int:
        """A displacement for each point of the reference, and the eigenvalues."""
        return int(self.reference.points.size) + self.n_eigenvalues

    def describe(
        self, clouds: PointClouds, n_jobs: int | None = None, verbose: int = 0
    ) -> Features:
        """Displacements of profiles, flattened, and eigenvalues."""
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
        profiles = profile_clouds(clouds, self.n_quantiles, self.n_rings)
        moved = displacements(profiles, self.reference, n_jobs=1)
        spectra = distance_spectra(clouds, self.n_eigenvalues) / self.scale
        parts = [moved.reshape(len(moved), -1), spectra.astype(np.float32)]
        return np.concatenate(parts, axis=1)


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
    profiles = profile_clouds(clouds[np.sort(order[:enough])], _QUANTILES, _RINGS)
    reference = fit_reference(profiles, size, random_state)
    return InvariantDescription(reference, _QUANTILES, _RINGS, _EIGENVALUES)
