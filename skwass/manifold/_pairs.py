"""A cache of exact distances, and the batches that training draws from it.

Solving transport anew at every step is what makes the published method slow. Here a
distance is solved once and used in every epoch. Where all pairs are too many, cliques
are solved: k clouds share k encodings and give k (k - 1) / 2 distances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isqrt

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform
from sklearn.utils.random import sample_without_replacement
from torch import Tensor
from torch.utils.data import IterableDataset

from skwass.manifold._cohorts import Cohort
from skwass.metrics import stress

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Batch = tuple[Tensor, tuple[Tensor, Tensor]]

_CLIQUE = 16
_PAIRS_DEAR = 100_000
_PAIRS_CHEAP = 2_000_000
_LEAST_PAIRS_A_CLOUD = 10


@dataclass
class PairCache:
    """Distances between the members of cliques, or between all samples.

    Attributes
    ----------
    cliques : ndarray of shape (n_cliques, size)
        Indices of samples.
    distances : ndarray of shape (n_cliques, size * (size - 1) / 2)
        Distances between the members, in the order of ``numpy.triu_indices(size, 1)``.
    matrix : ndarray of shape (n_samples, n_samples) or None
        All distances, if all were computed.
    n_samples : int
        How many samples the cliques were drawn from.
    """

    cliques: Indices
    distances: Array
    matrix: Array | None
    n_samples: int

    def stress_of(self, embedding: NDArray[np.floating], normalized: bool) -> float:
        """Raw stress over all pairs (estimated if not all are known), or stress-1."""
        solved = self.distances.ravel()
        value = stress(solved, self.embedded(embedding), normalized=normalized)
        if normalized:
            return value
        return value * _count(self.n_samples) / len(solved)

    def embedded(self, embedding: NDArray[np.floating]) -> Array:
        """Distances of an embedding of all samples, for the pairs in `distances`."""
        return np.concatenate(
            [pdist(np.float64(embedding[clique])) for clique in self.cliques]
        )


def solve_cache(
    cohort: Cohort,
    samples: Indices,
    allowed: int,
    random_state: np.random.RandomState,
    known: Array | None = None,
    solve: Callable[[Indices], Array] | None = None,
) -> PairCache:
    """All pairs of `samples` where they are `known`, or as many cliques as allowed.

    `solve` replaces ``cohort.distances``, for callers that keep what was solved.
    """
    n_samples = len(samples)
    if known is not None:
        matrix = known[np.ix_(samples, samples)]
        condensed = squareform(matrix, checks=False)[None]
        return PairCache(samples[None], condensed, matrix, n_samples)
    # the largest clique of which one at least can be paid: solve k (k - 1) / 2 for k
    size = max(2, min(_CLIQUE, n_samples, (1 + isqrt(1 + 8 * allowed)) // 2))
    i, j = np.triu_indices(size, 1)
    n_cliques = max(1, allowed // len(i))
    cliques = samples[_draw_cliques(n_samples, n_cliques, size, random_state)]
    pairs = np.sort(np.stack([cliques[:, i], cliques[:, j]], axis=-1).reshape(-1, 2))
    # two samples may meet in several cliques
    pairs, place = np.unique(pairs, axis=0, return_inverse=True)
    solved = (solve or cohort.distances)(pairs)
    distances = solved[place.reshape(n_cliques, len(i))]
    return PairCache(cliques, distances, None, n_samples)


def all_pairs_fit(cohort: Cohort, n_pairs: int | str) -> bool:
    """Whether the whole matrix of distances is within the budget."""
    n_samples = len(cohort)
    return _count(n_samples) <= budget(cohort, n_samples, n_pairs)


def budget(cohort: Cohort, n_samples: int, n_pairs: int | str) -> int:
    """How many distances may be solved."""
    if not isinstance(n_pairs, str):
        return n_pairs
    if cohort.cheap and _count(n_samples) <= _PAIRS_CHEAP:
        return _PAIRS_CHEAP
    return max(_PAIRS_DEAR, _LEAST_PAIRS_A_CLOUD * n_samples)


def sample_pairs(n_samples: int, n_pairs: int) -> Indices:
    """At most so many different pairs of different samples, always the same ones."""
    n_all = _count(n_samples)
    if n_all <= n_pairs:
        return np.stack(np.triu_indices(n_samples, 1), axis=1)
    # the pairs (i, j) with j < i, counted row by row: row i starts at i (i - 1) / 2
    places = sample_without_replacement(n_all, n_pairs, random_state=0)
    i = np.floor((1 + np.sqrt(1 + 8 * places.astype(np.float64))) / 2).astype(np.intp)
    return np.stack([places - i * (i - 1) // 2, i], axis=1)


def _count(n_samples: int) -> int:
    return n_samples * (n_samples - 1) // 2


def _draw_cliques(
    n_samples: int, n_cliques: int, size: int, random_state: np.random.RandomState
) -> Indices:
    """Cliques of different samples, with each sample about equally often."""
    per_deck = n_samples // size
    decks = [
        random_state.permutation(n_samples)[: per_deck * size].reshape(-1, size)
        for _ in range(-(-n_cliques // per_deck))
    ]
    return np.concatenate(decks)[:n_cliques]


class PairBatches(IterableDataset):
    """Batches ``(features, (distances, features))`` drawn from a cache.

    With all distances known, a batch is one random group of samples with all pairs
    among them. Otherwise it is some of the cliques. An epoch is about as many pairs as
    the cache holds, and no more than the budget of dear pairs.

    Parameters
    ----------
    features : Tensor of shape (n_samples, n_features)
        Features of all samples.
    cache : PairCache
        Distances.
    scale : float
        The unit of the features, by which distances are divided.
    batch_size : int
        Samples in a batch.
    seed : int or None
        Where the draws start. None gives the cliques in order, once.

    Attributes
    ----------
    epoch : int
        The next epoch to draw. Each has a seed of its own, so that training can begin
        with any of them.
    """

    def __init__(
        self,
        features: Tensor,
        cache: PairCache,
        scale: float,
        batch_size: int,
        seed: int | None,
    ) -> None:
        self.features = features
        self.seed = seed
        self.samples = cache.cliques
        self.matrix = None
        if cache.matrix is not None and seed is not None:
            self.samples = cache.cliques[0]
            self.matrix = torch.tensor(cache.matrix / scale, dtype=torch.float32)
            self.group = min(batch_size, len(self.samples))
            pairs = min(_count(len(self.samples)), _PAIRS_DEAR)
            self.n_batches = -(-pairs // _count(self.group))
        else:
            self.distances = torch.tensor(cache.distances / scale, dtype=torch.float32)
            self.group = max(1, batch_size // self.samples.shape[1])
            self.n_batches = -(-len(self.samples) // self.group)
        self.epoch = 0

    def __iter__(self) -> Iterator[Batch]:
        if self.seed is None:
            order = np.arange(len(self.samples))
        else:
            random_state = np.random.RandomState([self.seed, self.epoch])
            self.epoch += 1
            if self.matrix is not None:
                yield from self._groups(self.matrix, random_state)
                return
            order = random_state.permutation(len(self.samples))
        for start in range(0, len(order), self.group):
            chosen = order[start : start + self.group]
            yield self._batch(self.samples[chosen], self.distances[chosen])

    def _groups(
        self, matrix: Tensor, random_state: np.random.RandomState
    ) -> Iterator[Batch]:
        i, j = np.triu_indices(self.group, 1)
        for _ in range(self.n_batches):
            places = random_state.permutation(len(self.samples))[: self.group]
            yield self._batch(
                self.samples[places][None], matrix[places[i], places[j]][None]
            )

    def _batch(self, samples: Indices, distances: Tensor) -> Batch:
        features = self.features[samples]
        return features, (distances, features)
