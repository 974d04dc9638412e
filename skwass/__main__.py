"""``python -m skwass``: embed scikit-learn's handwritten digits and judge the result.

1,797 real scans of 8 x 8 pixels become weighted point clouds; 500 are held out. The
table compares distances between held-out embeddings with exact optimal transport.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skwass.clouds import ImageToCloud, PointClouds
from skwass.manifold import WormholeEmbedder
from skwass.metrics import distance_correlation, relative_error
from skwass.plotting import EmbeddingDisplay, ShepardDisplay
from skwass.transport import (
    displacements,
    fit_reference,
    sampled_wasserstein_distances,
)

_DIMENSIONS = 64
_HELD_OUT = 500
_PAIRS = 20_000

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Digits:
    """The clouds, their labels, and the images they came from."""

    training: PointClouds
    held_out: PointClouds
    training_labels: NDArray[np.intp]
    labels: NDArray[np.intp]
    images: NDArray[np.float64]


@dataclass(frozen=True)
class Embedded:
    """What a method made of the digits, and how long it took."""

    name: str
    training: Array
    held_out: Array
    fit_seconds: float
    transform_seconds: float


def main(arguments: list[str] | None = None) -> None:
    """Run the demonstration."""
    options = _options(arguments)
    digits = _load(options.seed)
    print(
        f"{len(digits.training)} clouds to learn from, {len(digits.held_out)} held out."
    )
    methods = [
        _wormhole(digits, options.epochs, options.seed),
        _linear(digits, 32, options.seed),
        _linear(digits, 192, options.seed),
    ]
    pairs = _pairs(len(digits.held_out), options.seed)
    exact = sampled_wasserstein_distances(digits.held_out, pairs, n_jobs=-1, verbose=1)
    _print_table(methods, digits, pairs, exact)
    distances = _between(methods[0].held_out, pairs)
    figure = _figure()
    _draw(figure, methods[0], digits, exact, distances, options.seed)
    figure.savefig(options.output, dpi=100)
    print(f"Picture: {options.output.resolve()}")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m skwass",
        description="Embed scikit-learn's handwritten digits as point clouds so that "
        "Euclidean distances match optimal transport, and compare with linear optimal "
        "transport.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--epochs", type=_positive, default=30, help="training epochs")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("wormhole-digits.png"),
        help="where the picture goes",
    )
    options = parser.parse_args(arguments)
    if not 0 <= options.seed < 2**32:
        parser.error("argument --seed: expected an integer from 0 to 2**32 - 1")
    if not options.output.resolve().parent.is_dir():
        parser.error(f"argument --output: no such folder: {options.output.parent}")
    if options.output.is_dir():
        parser.error(f"argument --output: {options.output} is a folder")
    types = _figure().canvas.get_supported_filetypes()
    if options.output.suffix[1:].lower() not in types:
        parser.error(
            f"argument --output: {options.output.name!r} ends in none of "
            f"{', '.join(f'.{name}' for name in sorted(types))}"
        )
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive integer, got {text!r}")
    return int(text)


def _load(seed: int) -> Digits:
    data, labels = load_digits(return_X_y=True)
    clouds = ImageToCloud((8, 8)).fit_transform(data)
    training, held_out, training_labels, held_out_labels, _, images = train_test_split(
        clouds,
        labels,
        data.reshape(-1, 8, 8),
        test_size=_HELD_OUT,
        stratify=labels,
        random_state=seed,
    )
    return Digits(training, held_out, training_labels, held_out_labels, images)


def _wormhole(digits: Digits, epochs: int, seed: int) -> Embedded:
    embedder = WormholeEmbedder(
        _DIMENSIONS, max_iter=epochs, n_jobs=-1, random_state=seed, verbose=1
    )
    start = time.perf_counter()
    training = embedder.fit_transform(digits.training)
    fitted = time.perf_counter()
    held_out = embedder.transform(digits.held_out)
    end = time.perf_counter()
    return Embedded("Wormhole", training, held_out, fitted - start, end - fitted)


def _linear(digits: Digits, n_reference: int, seed: int) -> Embedded:
    """Linear optimal transport in 64 numbers: as it is, or its principal components."""
    start = time.perf_counter()
    reference = fit_reference(digits.training, n_reference, np.random.RandomState(seed))
    moved = displacements(digits.training, reference, n_jobs=-1)
    training = reference.scale * moved.reshape(len(moved), -1)
    pca = PCA(_DIMENSIONS, random_state=seed).fit(training)
    fitted = time.perf_counter()
    moved = displacements(digits.held_out, reference, n_jobs=-1)
    held_out = pca.transform(reference.scale * moved.reshape(len(moved), -1))
    end = time.perf_counter()
    name = f"linear OT, {n_reference} points"
    return Embedded(
        name, pca.transform(training), held_out, fitted - start, end - fitted
    )


def _pairs(n_clouds: int, seed: int) -> NDArray[np.intp]:
    every = np.stack(np.triu_indices(n_clouds, 1), axis=1)
    return np.random.RandomState(seed).permutation(every)[:_PAIRS]


def _between(embedding: Array, pairs: NDArray[np.intp]) -> Array:
    return np.linalg.norm(embedding[pairs[:, 0]] - embedding[pairs[:, 1]], axis=1)


def _print_table(
    methods: list[Embedded], digits: Digits, pairs: NDArray[np.intp], exact: Array
) -> None:
    print(
        f"\n{_DIMENSIONS} dimensions, {len(pairs):,} pairs of held-out clouds against "
        "exact optimal transport\n\n"
        f"{'':22}{'Pearson d^2':>11}{'error of W2':>13}{'1-NN':>8}"
        f"{'fit':>9}{'clouds/s':>10}"
    )
    for method in methods:
        distances = _between(method.held_out, pairs)
        neighbour = KNeighborsClassifier(1).fit(method.training, digits.training_labels)
        accuracy = neighbour.score(method.held_out, digits.labels)
        speed = len(digits.held_out) / method.transform_seconds
        print(
            f"{method.name:22}{distance_correlation(exact, distances):11.4f}"
            f"{relative_error(exact, distances):13.1%}{accuracy:8.3f}"
            f"{method.fit_seconds:7.1f} s{speed:10,.0f}"
        )
    print()


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SystemExit(
            "The picture needs matplotlib: pip install 'skwass[plot]'"
        ) from error
    return Figure(figsize=(15, 7.5), layout="constrained")


def _draw(
    figure: Any,
    method: Embedded,
    digits: Digits,
    exact: Array,
    distances: Array,
    seed: int,
) -> None:
    left, right = figure.subplots(1, 2)
    places = TSNE(random_state=seed, init="pca").fit_transform(method.held_out)
    EmbeddingDisplay(places, labels=digits.labels, images=digits.images).plot(
        ax=left, zoom=2.0
    )
    left.set_title(
        f"{len(digits.held_out)} held-out digits: t-SNE map of their "
        f"{_DIMENSIONS}-dimensional embedding"
    )
    ShepardDisplay(exact, distances).plot(ax=right)


if __name__ == "__main__":
    main()
