"""What a decoder makes of embeddings, beside what transport itself would make."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import ot
from _clouds import Array, Pairs, draw_pairs
from _records import Figures
from _wormhole_judging import Fitted
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skwass import (
    PointClouds,
    WormholeEmbedder,
    as_point_clouds,
    paired_wasserstein_distances,
    sampled_wasserstein_distances,
    wasserstein_barycenter,
)

_OF_A_CLASS = 5
_SETS_A_CLASS = 2
_PATHS = 200


def of_decoder(fitted: Fitted) -> Figures:
    """Figures of the embedder, and of linear transport of equal size."""
    truth = Truth.of(fitted)
    return {
        **truth.against(fitted, ""),
        **truth.against(fitted.linear, "linear_"),
    }


@dataclass
class Truth:
    """Held-out clouds, barycentres of some, and what lies halfway between others."""

    clouds: PointClouds
    typical: float
    members: NDArray[np.intp]
    barycentres: PointClouds
    n_points: int
    ends: Pairs
    lengths: Array
    halfway: PointClouds

    @classmethod
    def of(cls, fitted: Fitted) -> Truth:
        """Solve transport, by the seed and the number of points of the embedder."""
        clouds, seed = fitted.split.held_out, fitted.seed
        n_points = int(np.median(_decoded(fitted, np.eye(1, len(clouds))).sizes))
        members = _of_one_class(fitted.split.labels, seed)
        pairs = draw_pairs(len(clouds), 10 * _PATHS, seed)
        distances = sampled_wasserstein_distances(clouds, pairs, n_jobs=-1)
        ends, lengths = pairs[:_PATHS], distances[:_PATHS]
        return cls(
            clouds,
            float(np.median(distances)),
            members,
            as_point_clouds([_barycentre(clouds[k], n_points) for k in members]),
            n_points,
            ends,
            lengths,
            as_point_clouds([_halfway(clouds, *pair) for pair in ends]),
        )

    def against(self, fitted: Fitted, prefix: str) -> Figures:
        """How far decoded clouds are from the true ones, in shares."""
        n_clouds = len(self.clouds)
        missed = _apart(self.clouds, _decoded(fitted, np.eye(n_clouds)))
        means = _decoded(fitted, _shares(self.members, n_clouds))
        paths = _decoded(fitted, _shares(self.ends, n_clouds))
        reach = self._to_members(self.barycentres)
        figures = {
            "decoded": float(np.median(missed)) / self.typical,
            "objective": float(
                np.median(
                    np.mean(self._to_members(means) ** 2, axis=1)
                    / np.mean(reach**2, axis=1)
                )
            ),
            "barycentre": float(
                np.median(_apart(self.barycentres, means) / reach.mean(axis=1))
            ),
            "halfway": float(np.median(_apart(self.halfway, paths) / self.lengths)),
        }
        return {f"{prefix}{name}": value for name, value in figures.items()}

    def _to_members(self, centres: PointClouds) -> Array:
        """Distances of shape (n_barycentres, n_members)."""
        places = np.repeat(np.arange(len(self.members)), self.members.shape[1])
        pairs = np.stack([places, self.members.ravel()], axis=1)
        found = sampled_wasserstein_distances(centres, pairs, self.clouds, n_jobs=-1)
        return found.reshape(self.members.shape)


def _decoded(fitted: Fitted, shares: Array) -> PointClouds:
    """Clouds of mixtures of held-out embeddings."""
    embedder, rows = fitted.embedder, fitted.held_out.astype(float)
    if isinstance(embedder, WormholeEmbedder):
        return embedder.barycenter(rows, shares, embedded=True)
    return embedder.inverse_transform(shares @ rows)


def _shares(members: NDArray[np.intp], n_clouds: int) -> Array:
    """A row for each group, in which its members weigh the same."""
    shares = np.zeros((len(members), n_clouds))
    np.put_along_axis(shares, members, 1 / members.shape[1], axis=1)
    return shares


def _of_one_class(labels: NDArray[np.integer], seed: int) -> NDArray[np.intp]:
    """Some clouds of each class, several times."""
    random_state = np.random.RandomState(seed)
    groups = []
    for label in np.unique(labels):
        places = random_state.permutation(np.flatnonzero(labels == label))
        enough = min(_SETS_A_CLASS, len(places) // _OF_A_CLASS) * _OF_A_CLASS
        groups.append(places[:enough].reshape(-1, _OF_A_CLASS))
    return np.concatenate(groups)


def _barycentre(clouds: PointClouds, n_points: int) -> tuple[Array, Array]:
    with warnings.catch_warnings():
        # a hundred steps change the objective no more in the digits that are shown
        warnings.simplefilter("ignore", ConvergenceWarning)
        return wasserstein_barycenter(clouds, n_points=n_points, random_state=0)


def _halfway(clouds: PointClouds, i: int, j: int) -> tuple[Array, Array]:
    """The displacement interpolation, from the exact plan."""
    (x, a), (y, b) = clouds[i], clouds[j]
    plan = ot.emd(a, b, ot.dist(x, y))
    source, target = np.nonzero(plan)
    return (x[source] + y[target]) / 2, plan[source, target]


def _apart(first: PointClouds, second: PointClouds) -> Array:
    return paired_wasserstein_distances(first, second, n_jobs=-1)
