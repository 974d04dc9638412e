"""How an embedder is fitted, timed and judged by exact transport."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from _clouds import Array, Pairs, Split, draw_pairs
from _records import Figures
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from skwass import (
    LinearOTEmbedder,
    PointClouds,
    WormholeEmbedder,
    sampled_wasserstein_distances,
)
from skwass.metrics import distance_correlation, relative_error

N_PAIRS = 2_000
#: chosen once, on training clouds told by linear transport
_HIDDEN = (512,)
_MLP_EPOCHS = 40
_MLP_PENALTY = 1e-2

Rows = NDArray[np.float32]
Embedder = WormholeEmbedder | LinearOTEmbedder
Value = TypeVar("Value")


@dataclass
class Fitted:
    """An embedder that has learnt, and what it made of the clouds."""

    embedder: Any
    split: Split
    training: Rows
    held_out: Rows
    seed: int
    fit_seconds: float
    transform_seconds: float

    @classmethod
    def on(cls, embedder: Embedder, split: Split, seed: int) -> Fitted:
        """Fit, embed what was held out, and stop the time."""
        embedder.set_params(random_state=seed, n_jobs=-1)
        training, fit_seconds = timed(lambda: embedder.fit_transform(split.training))
        held_out, seconds = timed(lambda: embedder.transform(split.held_out))
        return cls(embedder, split, training, held_out, seed, fit_seconds, seconds)

    @cached_property
    def linear(self) -> Fitted:
        """Linear optimal transport of equal size, from the same clouds and seed."""
        n_components = min(self.held_out.shape[1], len(self.training))
        rival = LinearOTEmbedder(n_components=n_components)
        return Fitted.on(rival, self.split, self.seed)


def timed(run: Callable[[], Value]) -> tuple[Value, float]:
    """What it returns, and the seconds it took."""
    start = time.perf_counter()
    value = run()
    return value, time.perf_counter() - start


@dataclass
class Judge:
    """Pairs of clouds that were held out, and their exact distances."""

    clouds: PointClouds
    pairs: Pairs
    exact: Array

    @classmethod
    def of(cls, clouds: PointClouds, seed: int, metric: str = "wasserstein") -> Judge:
        pairs = draw_pairs(len(clouds), N_PAIRS, seed)
        exact = sampled_wasserstein_distances(clouds, pairs, metric=metric, n_jobs=-1)
        return cls(clouds, pairs, exact)

    def quality(self, rows: Rows) -> tuple[float, float]:
        """Correlation of squared distances, and mean relative error."""
        distances = between(rows, self.pairs)
        return (
            distance_correlation(self.exact, distances),
            relative_error(self.exact, distances),
        )

    def rescaled_error(self, rows: Rows) -> float:
        """The error after all distances are multiplied by the factor that suits."""
        distances = between(rows, self.pairs)
        factor = np.median(self.exact / np.maximum(distances, 1e-30))
        return relative_error(self.exact, distances * factor)


def between(rows: Rows, pairs: Pairs) -> Array:
    """Distances of embeddings."""
    first, second = (rows[places].astype(float) for places in pairs.T)
    return np.asarray(np.linalg.norm(first - second, axis=1))


def of_speed(fitted: Fitted) -> Figures:
    """Seconds to embed all clouds that were learnt from, as if they were new."""
    _, seconds = timed(lambda: fitted.embedder.transform(fitted.split.training))
    return {
        "whole_seconds": seconds,
        "whole_speed": len(fitted.split.training) / seconds,
    }


def of_labels(fitted: Fitted) -> Figures:
    """What a network of one layer gets right, of held-out clouds.

    One factor for all columns: to divide each by its own would raise directions that
    say little to the rank of others.
    """
    middle, unit = fitted.training.mean(axis=0), fitted.training.std()
    training, held_out = (
        (rows - middle) / unit for rows in (fitted.training, fitted.held_out)
    )
    classifier = MLPClassifier(
        _HIDDEN, alpha=_MLP_PENALTY, max_iter=_MLP_EPOCHS, random_state=fitted.seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many epochs it is
        classifier.fit(training, fitted.split.training_labels)
    return {"mlp": classifier.score(held_out, fitted.split.labels)}
