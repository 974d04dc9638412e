"""Corruptions by processing: contrast, warping, few pixels, JPEG."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skwass.datasets._filters import (
    Corruption,
    Draws,
    Images,
    drawn,
    pixels,
    resampled,
    smoothed,
    warped,
)
from skwass.datasets._jpeg import jpeg

_CONTRASTS = (0.75, 0.55, 0.40, 0.25, 0.12)
# pixels of an image of 32 a side
_SHIFTS = (0.6, 0.9, 1.3, 1.8, 2.5)
_SMOOTHNESS = 2.5
_CELLS = (1.4, 1.8, 2.3, 3.0, 4.0)
_QUALITIES = (60, 40, 25, 15, 8)


def contrast(images: Images, step: int, draws: Draws) -> Images:
    """Draw the values of each channel towards their mean over the image."""
    mean = images.mean(axis=(-2, -1), keepdims=True)
    return mean + _CONTRASTS[step] * (images - mean)


def elastic_transform(images: Images, step: int, draws: Draws) -> Images:
    """Take each pixel from near by, and its neighbours from much the same place."""
    shape = (2, *images.shape[-2:])
    shifts = smoothed(
        drawn(draws, lambda draw: draw.standard_normal(shape)),
        pixels(images, _SMOOTHNESS),
    )
    # so far on average over the image
    size = np.sqrt(np.mean(shifts**2, axis=(1, 2, 3), keepdims=True))
    return warped(images, pixels(images, _SHIFTS[step]) / size * shifts)


def pixelate(images: Images, step: int, draws: Draws) -> Images:
    """Show the mean of larger cells, whose grid begins anywhere."""
    cell = 1 + pixels(images, _CELLS[step] - 1)
    starts = cell * drawn(draws, lambda draw: draw.random(2))
    rows, columns = (
        _cells(side, cell, starts[:, axis])[:, None]
        for axis, side in enumerate(images.shape[-2:])
    )
    return resampled(images, rows, columns)


def jpeg_compression(images: Images, step: int, draws: Draws) -> Images:
    """What is left after JPEG of a low quality."""
    return jpeg(images, _QUALITIES[step])


def _cells(side: int, cell: float, starts: NDArray[np.float64]) -> NDArray[np.float64]:
    """What makes of the pixels of a line the mean of the cell that each lies in."""
    edges = np.arange(side)
    number = np.floor((edges + 0.5 - starts[:, None]) / cell)
    first = (starts[:, None] + cell * number)[..., None]
    shared = np.minimum(first + cell, edges + 1) - np.maximum(first, edges)
    shared = np.maximum(shared, 0)
    return shared / shared.sum(axis=-1, keepdims=True)


DIGITAL: dict[str, Corruption] = {
    "contrast": contrast,
    "elastic_transform": elastic_transform,
    "pixelate": pixelate,
    "jpeg_compression": jpeg_compression,
}
