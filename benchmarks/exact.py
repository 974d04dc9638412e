"""Claim: exact distances between many clouds cost half as much as a loop over POT.

`sampled_wasserstein_distances` with two threads against a loop of
``ot.emd2(a, b, ot.dist(x, y))`` on the same pairs, taking turns. Both must give the
same numbers.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import ot
from _report import Report, options, spread
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from skwass import ImageToCloud, PointClouds, sampled_wasserstein_distances

_REPEATS = 7
_SEED = 0
_MNIST = "mnist_20k.npz"

Array = NDArray[np.float64]
Pairs = NDArray[np.intp]


@dataclass(frozen=True)
class Comparison:
    """What one cohort gave: ratios of times, and how far values are apart."""

    name: str
    n_pairs: int
    one_thread: list[float]
    two_threads: list[float]
    difference: float

    def row(self) -> list[str]:
        return [
            self.name,
            f"{self.n_pairs:,}",
            spread(self.one_thread),
            spread(self.two_threads),
            f"{self.difference:.1e}",
        ]


def main() -> None:
    arguments = options(__doc__, data=True)
    repeats = 1 if arguments.quick else _REPEATS
    share = 20 if arguments.quick else 1
    cohorts = [
        ("digits, 8 × 8", _digits(), 6400 // share),
        ("Gaussian, 256 points in 3-D", _gaussian(), 640 // share),
    ]
    mnist = _mnist(arguments.data_home)
    if mnist is not None:
        cohorts.append(("MNIST, 28 × 28", mnist, 1920 // share))
    compared = [_compare(*cohort, repeats) for cohort in cohorts]
    report = Report(
        "exact",
        "Exact distances",
        "`~skwass.sampled_wasserstein_distances` against a loop of "
        "``ot.emd2(a, b, ot.dist(x, y))`` over the same pairs: how many times faster, "
        "and the largest relative difference between the squared distances.",
        f"Seed {_SEED} drew the pairs. Median and range over {repeats} rounds, in each "
        "of which the contestants took turns.",
    )
    report.table(
        ["", "pairs", "one thread", "two threads", "difference"],
        [comparison.row() for comparison in compared],
    )
    differences = [max(comparison.difference for comparison in compared)]
    report.target("Largest relative difference", differences, "<= 1e-9")
    if mnist is None:
        report.note(f"MNIST was skipped: no {_MNIST} in --data-home.")
    else:
        report.target("Speed-up on MNIST", compared[-1].two_threads, ">= 2")
    report.write(arguments.quick)


def _compare(name: str, clouds: PointClouds, n_pairs: int, repeats: int) -> Comparison:
    pairs = _pairs(len(clouds), n_pairs)
    contestants: list[Callable[[], Array]] = [
        lambda: _plain_loop(clouds, pairs),
        lambda: sampled_wasserstein_distances(clouds, pairs, squared=True),
        lambda: sampled_wasserstein_distances(clouds, pairs, squared=True, n_jobs=2),
    ]
    plain, *ours = (contestant() for contestant in contestants)  # also warms them up
    rounds = [[_seconds(run) for run in contestants] for _ in range(repeats)]
    return Comparison(
        name,
        n_pairs,
        [loop / one for loop, one, _ in rounds],
        [loop / two for loop, _, two in rounds],
        max(float(np.max(np.abs(own - plain) / plain)) for own in ours),
    )


def _plain_loop(clouds: PointClouds, pairs: Pairs) -> Array:
    distances = []
    for i, j in pairs:
        (x, a), (y, b) = clouds[i], clouds[j]
        distances.append(ot.emd2(a, b, ot.dist(x, y)))
    return np.array(distances)


def _seconds(run: Callable[[], Array]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _pairs(n_clouds: int, n_pairs: int) -> Pairs:
    """Pairs of different clouds."""
    random_state = np.random.RandomState(_SEED)
    first = random_state.randint(n_clouds, size=n_pairs)
    gap = random_state.randint(1, n_clouds, size=n_pairs)
    return np.stack([first, (first + gap) % n_clouds], axis=1)


def _digits() -> PointClouds:
    return ImageToCloud((8, 8)).fit_transform(load_digits().data)


def _gaussian() -> PointClouds:
    points = np.random.RandomState(_SEED).standard_normal((100, 256, 3))
    weights = np.full(points.shape[:2], 1 / 256)
    offsets = 256 * np.arange(len(points) + 1)
    return PointClouds(points.reshape(-1, 3), weights.ravel(), offsets)


def _mnist(data_home: Path | None) -> PointClouds | None:
    if data_home is None or not (data_home / _MNIST).is_file():
        return None
    with np.load(data_home / _MNIST) as data:
        return ImageToCloud().fit_transform(data["X_train"])


if __name__ == "__main__":
    # a plan that the plain loop does not finish would be no fair rival
    warnings.simplefilter("error")
    main()
