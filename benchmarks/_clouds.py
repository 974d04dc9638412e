"""Clouds and shapes for benchmarks: generated, bundled, or from ``--data-home``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from skwass import ImageToCloud, PointClouds, as_point_clouds

Array = NDArray[np.float64]
Pairs = NDArray[np.intp]

MNIST = "mnist_20k.npz"
FASHION = "fashion_mnist_10k.npz"
SPEECH = "spoken_digits_mfcc60.npz"
DOCUMENTS = "reuters8_glove50.npz"
LIDAR = "dales_objects.npz"
OUTLINES = "mpeg7_shapes.npz"


@dataclass(frozen=True)
class Split:
    """Clouds to learn from and clouds held out, and what they show."""

    training: PointClouds
    held_out: PointClouds
    training_labels: NDArray[np.integer]
    labels: NDArray[np.integer]

    def first(self, n_training: int, n_held_out: int) -> Split:
        """The first of both."""
        return Split(
            self.training[:n_training],
            self.held_out[:n_held_out],
            self.training_labels[:n_training],
            self.labels[:n_held_out],
        )

    def without(self, label: int) -> Split:
        """The same with nothing of that label to learn from."""
        kept = self.training_labels != label
        training = self.training[np.flatnonzero(kept)]
        return replace(
            self, training=training, training_labels=self.training_labels[kept]
        )


def stored(data_home: Path | None, name: str) -> bool:
    """Whether `data_home` holds a file of that name."""
    return data_home is not None and (data_home / name).is_file()


def draw_pairs(n_clouds: int, n_pairs: int, seed: int) -> Pairs:
    """Pairs of different clouds."""
    random_state = np.random.RandomState(seed)
    first = random_state.randint(n_clouds, size=n_pairs)
    gap = random_state.randint(1, n_clouds, size=n_pairs)
    return np.stack([first, (first + gap) % n_clouds], axis=1)


def digits() -> PointClouds:
    """The bundled images of 8 × 8 pixels."""
    return ImageToCloud((8, 8)).fit_transform(load_digits().data)


def enlarged_digits() -> PointClouds:
    """The bundled images at 14 × 14 pixels, as a stand-in for MNIST."""
    images = load_digits().images
    return ImageToCloud().fit_transform(
        np.maximum(zoom(images, (1, 1.75, 1.75), order=1), 0)
    )


def mnist(data_home: Path) -> PointClouds:
    """The first images of MNIST."""
    with np.load(data_home / MNIST) as data:
        return ImageToCloud().fit_transform(data["X_train"])


def of_sizes(clouds: PointClouds, least: int, most: int) -> PointClouds:
    """Those of the clouds that have so many points."""
    sizes = clouds.sizes
    return clouds[np.flatnonzero((sizes >= least) & (sizes <= most))]


def gaussian(
    n_clouds: int, n_points: int, n_features: int = 3, seed: int = 0
) -> PointClouds:
    """Normally distributed points of equal weight."""
    random_state = np.random.RandomState(seed)
    points = random_state.standard_normal((n_clouds * n_points, n_features))
    return PointClouds(points, offsets=n_points * np.arange(n_clouds + 1))


def lidar(data_home: Path, n_points: int) -> PointClouds:
    """The first points of all lidar objects that have enough of them."""
    with np.load(data_home / LIDAR) as data:
        points, starts = data["X_train"].astype(float), data["off_train"]
    enough = np.flatnonzero(np.diff(starts) >= n_points)
    kept = [points[starts[i] : starts[i] + n_points] for i in enough]
    return PointClouds(
        np.concatenate(kept), offsets=n_points * np.arange(len(kept) + 1)
    )


def contours(n_clouds: int, n_points: int, seed: int = 0) -> PointClouds:
    """Closed curves in the plane: circles that a few random waves bend."""
    random_state = np.random.RandomState(seed)
    angles = 2 * np.pi * np.arange(n_points) / n_points
    waves = np.exp(1j * np.arange(-4, 5)[:, None] * angles)
    shape = (n_clouds, len(waves))
    amplitudes = random_state.standard_normal(shape) * np.exp(
        2j * np.pi * random_state.uniform(size=shape)
    )
    amplitudes /= 1 + np.abs(np.arange(-4, 5)) ** 1.5
    curves = (amplitudes @ waves).ravel()
    points = np.stack([curves.real, curves.imag], axis=1)
    return PointClouds(points, offsets=n_points * np.arange(n_clouds + 1))


def outlines(data_home: Path, n_points: int) -> PointClouds:
    """Contours of silhouettes, of 256 points or a part of them."""
    with np.load(data_home / OUTLINES) as data:
        return _curves(data["X_train"].astype(float), n_points)


def images_split(data_home: Path, name: str) -> Split:
    """10,000 images of 28 × 28 pixels to learn from, and 2,000 held out."""
    with np.load(data_home / name) as data:
        parts = [data[key] for key in ("X_train", "X_test", "y_train", "y_test")]
    training, held_out = (ImageToCloud().fit_transform(part) for part in parts[:2])
    return Split(training, held_out, *parts[2:]).first(10_000, 2_000)


def ragged_split(data_home: Path, name: str) -> Split:
    """Clouds of different sizes, of points that weigh the same."""
    with np.load(data_home / name) as data:
        training, held_out = (
            PointClouds(data[f"X_{part}"].astype(float), offsets=data[f"off_{part}"])
            for part in ("train", "test")
        )
        return Split(training, held_out, data["y_train"], data["y_test"])


def documents_split(data_home: Path) -> Split:
    """Documents: words as points, how often they occur as weights."""
    with np.load(data_home / DOCUMENTS) as data:
        words = data["emb"].astype(float)
        # which also makes the weights of each document sum to one
        training, held_out = (
            as_point_clouds(
                PointClouds(
                    words[data[f"ids_{part}"]],
                    data[f"cnt_{part}"].astype(float),
                    data[f"off_{part}"],
                )
            )
            for part in ("train", "test")
        )
        return Split(training, held_out, data["y_train"], data["y_test"])


def outlines_split(data_home: Path, n_points: int) -> Split:
    """Contours of silhouettes, of 256 points or a part of them."""
    with np.load(data_home / OUTLINES) as data:
        training, held_out = (
            _curves(data[f"X_{part}"].astype(float), n_points)
            for part in ("train", "test")
        )
        return Split(training, held_out, data["y_train"], data["y_test"])


def _curves(shapes: Array, n_points: int) -> PointClouds:
    shapes = shapes[:, :: shapes.shape[1] // n_points]
    return PointClouds(
        shapes.reshape(-1, 2), offsets=n_points * np.arange(len(shapes) + 1)
    )
