"""The cache of exact distances: within its budget, and right."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from skwass.manifold._pairs import (
    all_pairs_fit,
    budget,
    sample_pairs,
    solve_cache,
)


class CountingCohort:
    """Points on a line that count how many distances are asked for."""

    cheap = False

    def __init__(self, n_samples):
        self.places = np.random.default_rng(0).normal(size=n_samples)
        self.n_asked = 0

    def __len__(self):
        return len(self.places)

    def distances(self, pairs):
        self.n_asked += len(pairs)
        return np.abs(self.places[pairs[:, 0]] - self.places[pairs[:, 1]])


@pytest.mark.parametrize("n_pairs", [1, 2, 3, 7, 119, 120, 121, 1000])
def test__cliques__stay_within_the_budget(n_pairs):
    cohort = CountingCohort(50)
    cache = solve_cache(cohort, np.arange(50), n_pairs, np.random.RandomState(0))
    assert cohort.n_asked <= cache.distances.size <= n_pairs
    assert cache.distances.size > n_pairs / 3


def test__cliques__hold_the_distances_of_their_members():
    cohort = CountingCohort(40)
    samples = np.arange(5, 35)
    cache = solve_cache(cohort, samples, 500, np.random.RandomState(0))
    assert set(cache.cliques.ravel()) <= set(samples)
    for clique, distances in zip(cache.cliques, cache.distances, strict=True):
        assert len(set(clique)) == len(clique)
        places = cohort.places[clique][:, None]
        expected = cdist(places, places)[np.triu_indices(len(clique), 1)]
        assert_allclose(distances, expected)


def test__cliques__use_every_sample_about_equally_often():
    cohort = CountingCohort(64)
    cache = solve_cache(cohort, np.arange(64), 12_000, np.random.RandomState(0))
    counts = np.bincount(cache.cliques.ravel(), minlength=64)
    assert counts.max() - counts.min() <= 1


def test__known_distances__are_cut_out_and_nothing_is_solved():
    cohort = CountingCohort(10)
    known = np.abs(np.subtract.outer(cohort.places, cohort.places))
    samples = np.array([1, 4, 7])
    cache = solve_cache(cohort, samples, 0, np.random.RandomState(0), known)
    assert cohort.n_asked == 0
    assert_array_equal(cache.matrix, known[np.ix_(samples, samples)])
    assert_allclose(cache.distances[0], [known[1, 4], known[1, 7], known[4, 7]])


@pytest.mark.parametrize(
    ("n_samples", "cheap", "expected"),
    [
        (447, False, True),
        (448, False, False),
        (2000, True, True),
        (2001, True, False),
    ],
)
def test__all_pairs__are_solved_up_to_the_documented_number(n_samples, cheap, expected):
    cohort = CountingCohort(n_samples)
    cohort.cheap = cheap
    assert all_pairs_fit(cohort, "auto") is expected


def test__budget__grows_with_the_cohort():
    assert budget(CountingCohort(2), 60_000, "auto") == 600_000
    assert budget(CountingCohort(2), 60_000, 77) == 77


@pytest.mark.parametrize("n_samples", [3, 70, 1_000, 100_000])
def test__sampled_pairs__differ_and_are_the_same_every_time(n_samples):
    pairs = sample_pairs(n_samples, 2_000)
    assert len(pairs) == min(2_000, n_samples * (n_samples - 1) // 2)
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert pairs.min() >= 0
    assert pairs.max() < n_samples
    assert_array_equal(pairs, sample_pairs(n_samples, 2_000))
