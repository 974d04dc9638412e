"""Filters of whole batches of images, and the draws that corruptions are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

#: images of shape (n_images, n_channels, height, width), in [0, 1]
Images = NDArray[np.floating[Any]]
#: a generator for each image, so that no image depends on its neighbours
Draws = Sequence[np.random.Generator]
#: a corruption: images, the place of the severity from zero on, and generators
Corruption = Callable[[Images, int, Draws], Images]

#: side of the images that lengths in pixels are written down for
_SIDE = 32


def drawn(draws: Draws, draw: Callable[[np.random.Generator], Any]) -> NDArray[Any]:
    """What a function draws from each generator, stacked."""
    return np.stack([draw(generator) for generator in draws])


def pixels(images: Images, length: float) -> float:
    """A length for images of 32 pixels a side, for images of another size.

    It grows with the square root of the side. What is written for images of 32 pixels
    and for those of 224 in the literature differs by less than the side itself does.
    """
    return length * float(np.sqrt(min(images.shape[-2:]) / _SIDE))


def splatted(offsets: NDArray[Any]) -> NDArray[np.float64]:
    """Kernels that spread a pixel evenly over points, each shared by four pixels.

    Parameters
    ----------
    offsets : ndarray of shape (n_kernels, n_points, 2)
        Where the points lie, in pixels from the centre.

    Returns
    -------
    kernels : ndarray of shape (n_kernels, size, size)
        Of odd size; each sums to one.
    """
    reach = int(np.ceil(np.abs(offsets).max()))
    grid = np.arange(-reach, reach + 1)
    rows, columns = (
        np.maximum(1 - np.abs(grid - offsets[..., axis, None]), 0) for axis in (0, 1)
    )
    return np.swapaxes(rows, 1, 2) @ columns / offsets.shape[1]


def convolved(images: Images, kernels: NDArray[Any]) -> Images:
    """Images under a kernel each, or one for all; borders are mirrored."""
    reach = kernels.shape[-1] // 2
    margin = ((0, 0), (0, 0), (reach, reach), (reach, reach))
    padded = np.pad(images, margin, mode="symmetric")
    size = [fft.next_fast_len(length, real=True) for length in padded.shape[-2:]]
    spectrum = fft.rfft2(kernels.astype(images.dtype), size)[:, None]
    full = fft.irfft2(spectrum * fft.rfft2(padded, size), size)
    height, width = images.shape[-2:]
    # past the reach of a kernel nothing has come around from the other side
    return full[..., 2 * reach :, 2 * reach :][..., :height, :width]


def smoothed(images: Images, width: float) -> Images:
    """Images under a Gaussian of this standard deviation, in pixels."""
    for axis in (-2, -1):
        images = ndimage.gaussian_filter1d(images, width, axis=axis)
    return images


def resampled(images: Images, rows: NDArray[Any], columns: NDArray[Any]) -> Images:
    """Every row and column as a weighted sum of those that were there."""
    turned = np.swapaxes(columns, -1, -2)
    return rows.astype(images.dtype) @ images @ turned.astype(images.dtype)


def warped(images: Images, shifts: NDArray[Any]) -> Images:
    """Each pixel from elsewhere, between the four pixels around that place.

    Parameters
    ----------
    images : ndarray of shape (n_images, n_channels, height, width)
        The images.
    shifts : ndarray of shape (n_images, 2, height, width)
        How far away each pixel is taken from, in rows and columns. Beyond the border
        lie the pixels of the border.

    Returns
    -------
    images : ndarray of shape (n_images, n_channels, height, width)
        The images, warped.
    """
    n_images, n_channels, height, width = images.shape
    sides = np.array([height, width])[:, None, None]
    places = np.clip(np.indices((height, width)) + shifts, 0, sides - 1)
    corner = np.minimum(places.astype(np.intp), sides - 2)
    part = (places - corner).astype(images.dtype)[:, :, None]
    flat = images.reshape(n_images, n_channels, -1)
    found = np.zeros_like(images)
    for down in (0, 1):
        for right in (0, 1):
            row, column = corner[:, 0] + down, corner[:, 1] + right
            index = (row * width + column).reshape(n_images, 1, -1)
            taken = np.take_along_axis(flat, index, axis=2).reshape(images.shape)
            weight = np.abs(1 - down - part[:, 0]) * np.abs(1 - right - part[:, 1])
            found += weight * taken
    return found
