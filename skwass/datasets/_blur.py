"""Corruptions by blur: out of focus, smoothed, moved, zoomed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skwass.datasets._filters import (
    Corruption,
    Draws,
    Images,
    convolved,
    drawn,
    pixels,
    resampled,
    splatted,
)

# pixels of an image of 32 a side
_RADII = (1.2, 1.7, 2.4, 3.2, 4.2)
_WIDTHS = (0.6, 0.9, 1.3, 1.8, 2.4)
_LENGTHS = (3.5, 5.0, 7.0, 9.5, 13.0)
_ZOOMS = (0.08, 0.12, 0.17, 0.23, 0.30)
#: points that stand for a disc, a bell or a line
_N_POINTS = 128
_QUANTILES = (np.arange(_N_POINTS) + 0.5) / _N_POINTS
_N_ZOOMS = 8


def defocus_blur(images: Images, step: int, draws: Draws) -> Images:
    """Spread each point over a disc, as a lens out of focus does."""
    disc = _spiral(np.sqrt(_QUANTILES))
    return convolved(images, splatted(pixels(images, _RADII[step]) * disc))


def gaussian_blur(images: Images, step: int, draws: Draws) -> Images:
    """Spread each point by a Gaussian."""
    bell = _spiral(np.sqrt(-2 * np.log(1 - _QUANTILES)))
    return convolved(images, splatted(pixels(images, _WIDTHS[step]) * bell))


def motion_blur(images: Images, step: int, draws: Draws) -> Images:
    """Spread each point along a line, of a direction of its own in each image."""
    angles = drawn(draws, lambda draw: np.pi * draw.random())
    return convolved(images, streaks(angles, pixels(images, _LENGTHS[step])))


def zoom_blur(images: Images, step: int, draws: Draws) -> Images:
    """Take the mean while zooming in on the centre."""
    zooms = 1 + _ZOOMS[step] * np.linspace(0, 1, _N_ZOOMS)
    rows, columns = (
        [_enlarging(side, zoom) for zoom in zooms] for side in images.shape[-2:]
    )
    total = np.zeros_like(images)
    for row, column in zip(rows, columns, strict=True):
        total += resampled(images, row, column)
    return total / len(zooms)


def streaks(angles: NDArray[np.floating], length: float) -> NDArray[np.float64]:
    """Kernels of lines of this length in pixels, one for each angle."""
    along = length * np.linspace(-0.5, 0.5, _N_POINTS)[:, None]
    directions = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return splatted(along * directions[:, None])


def _spiral(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points at these distances, evenly in all directions by the golden angle."""
    angles = np.arange(_N_POINTS) * np.pi * (3 - np.sqrt(5))
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    return (distances[:, None] * directions)[None]


def _enlarging(side: int, zoom: float) -> NDArray[np.float64]:
    """What makes of the pixels of a line those of its middle part, enlarged."""
    centre = (side - 1) / 2
    places = centre + (np.arange(side) - centre) / zoom
    return np.maximum(1 - np.abs(places[:, None] - np.arange(side)), 0)


BLUR: dict[str, Corruption] = {
    "defocus_blur": defocus_blur,
    "gaussian_blur": gaussian_blur,
    "motion_blur": motion_blur,
    "zoom_blur": zoom_blur,
}
