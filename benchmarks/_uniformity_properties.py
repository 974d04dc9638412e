"""What a measure of uniformity should do, and whether it does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from _problems import Scope
from _records import Figures
from numpy.typing import NDArray

from skwass.metrics import (
    uniformity_floor,
    wang_isola_uniformity,
    wasserstein_uniformity,
)

Array = NDArray[np.float64]
#: takes representations to a number that is large if they have collapsed
Distance = Callable[[Array], float]

DISTANCES: dict[str, Distance] = {
    "wasserstein": wasserstein_uniformity,
    "wang-isola": wang_isola_uniformity,
}
#: shares of dimensions that have collapsed
LEVELS = (0.0, 0.25, 0.5, 0.75, 0.9)
WIDTHS = (64, 128, 256, 512, 1024)
#: samples for each dimension
PER_DIMENSION = 8
#: distance at 200 dimensions, by the share that has collapsed
PUBLISHED = {0.05: 0.2271, 0.25: 0.5183, 0.5: 0.7656, 0.75: 1.0, 0.99: 1.3416}
CURVE_WIDTH = 200
#: not stated; the published figures are those of so many samples
CURVE_SAMPLES = 50_000


def four(scope: Scope) -> Figures:
    """The four properties, of the distance and of Wang and Isola's measure."""
    found = representations(scope)
    return {
        f"{name} {figure}": x
        for name, distance in DISTANCES.items()
        for figure, x in properties(distance, found, scope.seed).items()
    }


def law(scope: Scope) -> Figures:
    """The distance by share and dimension, found and expected of so few samples."""
    random_state = np.random.RandomState(scope.seed)
    figures: Figures = {}
    for width in WIDTHS[: scope.less(len(WIDTHS), 2)]:
        n_samples = PER_DIMENSION * width
        for level in LEVELS:
            Z = collapsed(n_samples, width, level, random_state)
            figures[f"{width} {level:g}"] = wasserstein_uniformity(Z)
            figures[f"{width} {level:g} expected"] = expected(n_samples, width, level)
    return figures


def curve(scope: Scope) -> Figures:
    """The published curve."""
    random_state = np.random.RandomState(scope.seed)
    n_samples = scope.less(CURVE_SAMPLES, 2000)
    return {
        f"{level:g}": wasserstein_uniformity(
            collapsed(n_samples, CURVE_WIDTH, level, random_state)
        )
        for level in PUBLISHED
    }


def properties(
    distance: Distance, representations: Mapping[str, Array], seed: int
) -> Figures:
    """Largest change where there should be none, least increase where there should.

    Copies of samples and their order should make no difference, copies of features and
    features of zeros should take representations away from uniform.
    """
    random_state = np.random.RandomState(seed)
    changes: dict[str, list[float]] = {}
    for Z in representations.values():
        before = distance(Z)
        others = {
            "order": random_state.permutation(Z),
            "samples": np.concatenate([Z, Z]),
            "features": np.concatenate([Z, Z], axis=1),
            "zeros": np.concatenate([Z, np.zeros_like(Z)], axis=1),
        }
        for name, other in others.items():
            changes.setdefault(name, []).append(distance(other) - before)
    largest = {name: max(map(abs, changes[name])) for name in ("order", "samples")}
    return largest | {name: min(changes[name]) for name in ("features", "zeros")}


def representations(scope: Scope) -> dict[str, Array]:
    """Of different kinds: from uniform to nearly collapsed, many and few samples."""
    random_state = np.random.RandomState(scope.seed)
    normal = random_state.standard_normal
    centres = normal((10, 64))[random_state.randint(10, size=512)]
    return {
        "uniform": normal((512, 64)),
        "half": collapsed(512, 64, 0.5, random_state),
        "decaying": normal((512, 64)) / (1 + np.arange(64)),
        "clusters": centres + 0.3 * normal((512, 64)),
        "cone": 1 + 0.5 * normal((512, 64)),
        "few": normal((64, 128)),
    }


def collapsed(
    n_samples: int, width: int, level: float, random_state: np.random.RandomState
) -> Array:
    """Uniform, but that a share of the dimensions is zero."""
    Z = np.zeros((n_samples, width))
    alive = alive_of(width, level)
    Z[:, :alive] = random_state.standard_normal((n_samples, alive))
    return Z


def alive_of(width: int, level: float) -> int:
    """Dimensions that have not collapsed."""
    return round((1 - level) * width)


def of_law(level: float) -> float:
    """The distance of infinitely many samples."""
    return math.sqrt(2 - 2 * math.sqrt(1 - level))


def expected(n_samples: int, width: int, level: float) -> float:
    """The law for samples that are few: those of the live dimensions have a floor."""
    alive = alive_of(width, level)
    mean = 1 - uniformity_floor(n_samples, alive) ** 2 / 2
    return math.sqrt(2 - 2 * math.sqrt(alive / width) * mean)
