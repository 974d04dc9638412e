"""Every cloud of a stream has the same chance to be remembered, in bounded room."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import chisquare

from skwass import as_point_clouds
from skwass.manifold import _memory
from skwass.manifold._memory import Memory


def numbered(first, last, size=1):
    """Clouds whose points say which they are."""
    return as_point_clouds([np.full((size, 1), float(i)) for i in range(first, last)])


def remembered(memory):
    return memory.clouds.points[memory.clouds.offsets[:-1], 0].astype(int)


def stream(parts, seed, size=1):
    random_state = np.random.RandomState(seed)
    ends = np.cumsum(parts)
    memory = Memory.of(numbered(0, ends[0], size), random_state)
    for first, last in pairwise(ends):
        memory = memory.and_of(numbered(first, last, size), random_state)
    return memory


@pytest.mark.parametrize(
    "parts", [[10, 10, 10], [25, 1, 4], [3, 20, 2, 5], [20, *[1] * 10]]
)
def test__every_cloud__has_the_same_chance(parts, monkeypatch):
    monkeypatch.setattr(_memory, "_MOST_CLOUDS", 8)
    counts = np.zeros(30)
    for seed in range(300):
        kept = remembered(stream(parts, seed))
        assert len(set(kept)) == 8
        counts[kept] += 1
    assert chisquare(counts).pvalue > 1e-3


def test__pairs_of_parts__are_as_likely_as_they_should(monkeypatch):
    """Uniform chances for each cloud alone would allow parts to come all or none."""
    monkeypatch.setattr(_memory, "_MOST_CLOUDS", 8)
    new = [np.sum(remembered(stream([20, 10], seed)) >= 20) for seed in range(300)]
    # hypergeometric: 8 of 30, of which 10 are new
    assert np.mean(new) == pytest.approx(8 / 3, abs=0.3)
    assert np.var(new) == pytest.approx(8 * 2 / 9 * 22 / 29, rel=0.35)


def test__few_clouds__are_all_remembered():
    memory = stream([3, 4, 2], 0)
    assert sorted(remembered(memory)) == list(range(9))
    assert memory.n_seen == 9


def test__room__is_bounded_in_clouds_and_in_numbers(monkeypatch):
    monkeypatch.setattr(_memory, "_MOST_NUMBERS", 2000)
    assert len(stream([1200, 300], 0).clouds) == 1000
    assert len(stream([200, 300], 0, size=20).clouds) == 50


@pytest.mark.parametrize("large_first", [True, False])
def test__clouds_that_grow_or_shrink__stay_in_the_room(monkeypatch, large_first):
    monkeypatch.setattr(_memory, "_MOST_NUMBERS", 2000)
    random_state = np.random.RandomState(0)
    small, large = numbered(0, 500), numbered(500, 560, size=100)
    first, second = (large, small) if large_first else (small, large)
    memory = Memory.of(first, random_state)
    for _ in range(5):
        memory = memory.and_of(second, random_state)
        assert len(memory.clouds.points) <= max(1000, 16 * 100)
        assert len(memory.clouds) >= 10


def test__memory__holds_no_view_of_what_it_was_given():
    clouds = numbered(0, 10)
    memory = Memory.of(clouds, np.random.RandomState(0))
    clouds.points[:] = -1
    assert (remembered(memory) >= 0).all()
