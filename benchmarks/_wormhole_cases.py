"""The rows of `wormhole.py` that fit one embedder on one set of clouds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _clouds import (
    DOCUMENTS,
    FASHION,
    LIDAR,
    MNIST,
    OUTLINES,
    SPEECH,
    Split,
    documents_split,
    images_split,
    outlines_split,
    ragged_split,
)
from _records import Figures
from _wormhole_decoder import of_decoder
from _wormhole_judging import Fitted, Judge, of_labels, of_speed
from _wormhole_neighbours import nearest_by_gromov

from skwass import WormholeEmbedder

_IMAGES = 128
_OTHERS = 64
_OUTLINE_POINTS = 64
#: digits "4" and bags, which the embedder may have to do without
_FOUR, _BAG = 4, 8
_MNIST_SETTINGS = {"n_pairs": 400_000, "max_iter": 30}
_FASHION_SETTINGS = {"n_pairs": 30_000, "max_iter": 30}


@dataclass(frozen=True)
class Scope:
    """What a run of a row may use.

    Attributes
    ----------
    data_home : Path
        Where the data are.
    seed : int
        What decides pairs and training.
    limit : int or None
        So many clouds to learn from, and few epochs: to try that a row works.
    pairs_share : float
        Of the pairs of a row, how many are solved.
    cache : Path or None
        Where neighbours are kept that take some minutes.
    peer_minutes : float
        How long the authors' package trains.
    """

    data_home: Path
    seed: int
    limit: int | None = None
    pairs_share: float = 1.0
    cache: Path | None = None
    peer_minutes: float = 5.0

    def cut(self, split: Split) -> Split:
        """The first clouds of it, if there is a limit."""
        if self.limit is None:
            return split
        return split.first(self.limit, max(60, self.limit // 5))

    def settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Those of an embedder, made smaller."""
        smaller = dict(settings)
        if "n_pairs" in smaller:
            smaller["n_pairs"] = round(self.pairs_share * smaller["n_pairs"])
        if self.limit is not None:
            smaller |= {"n_pairs": 20 * self.limit, "max_iter": 2}
            if "encoder" in smaller:
                smaller["encoder_params"] = {"n_virtual": 100, "max_iter": 1}
        return smaller


@dataclass(frozen=True)
class Case:
    """One set of clouds and one embedder.

    Attributes
    ----------
    title : str
        What the row is called on the page.
    file : str
        The data it needs.
    read : callable
        Takes the folder of data.
    settings : mapping
        Of `WormholeEmbedder`.
    linear : bool
        Whether linear transport of equal size is measured as well.
    watched : int or None
        A label of which the clouds are judged by themselves as well.
    left_out : bool
        Whether there is none of that label to learn from.
    extras : tuple of callable
        What else is measured.
    """

    title: str
    file: str
    read: Callable[[Path], Split]
    n_components: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    linear: bool = True
    watched: int | None = None
    left_out: bool = False
    extras: tuple[Callable[[Fitted], Figures], ...] = ()

    @property
    def metric(self) -> str:
        return str(self.settings.get("metric", "wasserstein"))

    def measure(self, scope: Scope) -> Figures:
        """Fit with one seed, and judge."""
        split = scope.cut(self.read(scope.data_home))
        if self.left_out and self.watched is not None:
            split = split.without(self.watched)
        judge = Judge.of(split.held_out, scope.seed, self.metric)  # loads the solver
        embedder = WormholeEmbedder(self.n_components, **scope.settings(self.settings))
        fitted = Fitted.on(embedder, split, scope.seed)
        figures = _of_quality(fitted, judge)
        figures["components"] = embedder.n_components
        figures |= {name: getattr(embedder, name) for name in ("n_pairs", "max_iter")}
        if self.linear:
            theirs = _of_quality(fitted.linear, judge)
            figures |= {f"linear_{name}": value for name, value in theirs.items()}
        if self.watched is not None:
            figures |= _of_class(fitted, self.watched)
        for extra in self.extras:
            figures |= extra(fitted)
        if self.metric == "gromov":
            figures |= _of_neighbours(fitted, scope)
        return figures


def _of_quality(fitted: Fitted, judge: Judge) -> Figures:
    correlation, error = judge.quality(fitted.held_out)
    return {
        "correlation": correlation,
        "error": error,
        "rescaled_error": judge.rescaled_error(fitted.held_out),
        "fit_seconds": fitted.fit_seconds,
        "transform_seconds": fitted.transform_seconds,
        "minutes": (fitted.fit_seconds + fitted.transform_seconds) / 60,
        "speed": len(fitted.held_out) / fitted.transform_seconds,
    }


def _of_class(fitted: Fitted, label: int) -> Figures:
    """Quality among held-out clouds of one label."""
    places = np.flatnonzero(fitted.split.labels == label)
    judge = Judge.of(fitted.split.held_out[places], fitted.seed)
    correlation, error = judge.quality(fitted.held_out[places])
    return {"class_correlation": correlation, "class_error": error}


def _of_neighbours(fitted: Fitted, scope: Scope) -> Figures:
    """What the nearest neighbour gets right, by the embedding and by the metric."""
    split = fitted.split
    exact = nearest_by_gromov(split.held_out, split.training, scope.cache)
    table = np.linalg.norm(fitted.held_out[:, None] - fitted.training, axis=2)
    right = [
        float(np.mean(split.training_labels[nearest] == split.labels))
        for nearest in (table.argmin(axis=1), exact)
    ]
    return {"neighbour": right[0], "exact_neighbour": right[1]}


_digits = partial(images_split, name=MNIST)
_garments = partial(images_split, name=FASHION)

CASES = {
    "mnist": Case(
        "MNIST",
        MNIST,
        _digits,
        _IMAGES,
        _MNIST_SETTINGS,
        watched=_FOUR,
        extras=(of_speed, of_labels, of_decoder),
    ),
    "mnist-network": Case(
        "MNIST, pure network",
        MNIST,
        _digits,
        _IMAGES,
        _MNIST_SETTINGS | {"encoder": "network"},
        linear=False,
        extras=(of_speed,),
    ),
    "mnist-transformer": Case(
        "MNIST, pure transformer",
        MNIST,
        _digits,
        _IMAGES,
        _MNIST_SETTINGS | {"encoder": "transformer"},
        linear=False,
        extras=(of_speed,),
    ),
    "fashion": Case(
        "Fashion-MNIST", FASHION, _garments, _IMAGES, _FASHION_SETTINGS, watched=_BAG
    ),
    "lidar": Case(
        "lidar objects, 3-D",
        LIDAR,
        partial(ragged_split, name=LIDAR),
        _OTHERS,
        {"n_pairs": 20_000, "max_iter": 100},
    ),
    "speech": Case(
        "spoken digits, 60-D",
        SPEECH,
        partial(ragged_split, name=SPEECH),
        _OTHERS,
        {"n_pairs": 200_000, "max_iter": 50},
    ),
    "documents": Case(
        "Reuters, 50-D",
        DOCUMENTS,
        documents_split,
        _OTHERS,
        {"n_pairs": 200_000, "max_iter": 50},
    ),
    "outlines": Case(
        "MPEG-7 outlines, Gromov–Wasserstein",
        OUTLINES,
        partial(outlines_split, n_points=_OUTLINE_POINTS),
        _OTHERS,
        {"metric": "gromov", "n_pairs": 100_000, "max_iter": 50},
        linear=False,
    ),
    "mnist-without-4": Case(
        "MNIST without 4",
        MNIST,
        _digits,
        _IMAGES,
        _MNIST_SETTINGS,
        linear=False,
        watched=_FOUR,
        left_out=True,
    ),
    "fashion-without-bags": Case(
        "Fashion-MNIST without bags",
        FASHION,
        _garments,
        _IMAGES,
        _FASHION_SETTINGS,
        linear=False,
        watched=_BAG,
        left_out=True,
    ),
}
