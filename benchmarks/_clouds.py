"""Clouds and shapes for benchmarks: generated, bundled, or from ``--data-home``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from skwass import ImageToCloud, PointClouds

Array = NDArray[np.float64]
Pairs = NDArray[np.intp]

MNIST = "mnist_20k.npz"
LIDAR = "dales_objects.npz"
OUTLINES = "mpeg7_shapes.npz"


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
        shapes = data["X_train"].astype(float)
    shapes = shapes[:, :: shapes.shape[1] // n_points]
    return PointClouds(
        shapes.reshape(-1, 2), offsets=n_points * np.arange(len(shapes) + 1)
    )
