"""Images in every form they come in, as matplotlib draws them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skwass.metrics._representations import on_the_cpu

Array = NDArray[np.float64]

#: channels that an axis of that length is taken for: grey, colours, colours and alpha
_CHANNELS = (1, 3, 4)
_WHITE = 255


def pictures_of(
    images: Any, shape: tuple[int, int, int] | None = None, channels: str = "auto"
) -> Array:
    """Brightness between zero and one, with channels last if there are colours.

    Integers of eight bits are divided by 255, and floats between zero and one taken as
    they are. All others are put on one scale, from the least to the largest. Of two
    channels, or more than four, the mean is shown in grey.

    Parameters
    ----------
    images : array-like
        Of shape (n_samples, height, width) or with channels first or last; flat rows if
        `shape` is given.
    shape : tuple of three ints, default=None
        Channels, height and width; None reads them off the images.
    channels : {"auto", "first", "last", "none"}, default="auto"
        Where channels are, if the shape allows both.

    Returns
    -------
    pictures : ndarray of shape (n_samples, height, width) or (..., 3) or (..., 4)
        Pictures.
    """
    given = np.asarray(on_the_cpu(images))
    if given.dtype.kind not in "biuf":
        raise ValueError(f"images must hold real numbers; got dtype {given.dtype}.")
    pictures = _channels_last(given, shape, channels).astype(np.float64)
    if not pictures.size:
        raise ValueError(f"images must not be empty; got shape {given.shape}.")
    if not np.isfinite(pictures).all():
        raise ValueError("images must be finite; got NaN or infinite pixels.")
    if given.dtype == np.uint8:
        pictures /= _WHITE
    low, high = pictures.min(), pictures.max()
    if low < 0 or high > 1:
        pictures = (pictures - low) / ((high - low) or 1)
    if pictures.shape[-1] not in _CHANNELS:
        return np.asarray(pictures.mean(axis=-1))
    return np.asarray(pictures[..., 0] if pictures.shape[-1] == 1 else pictures)


def _channels_last(
    images: NDArray[Any], shape: tuple[int, int, int] | None, channels: str
) -> NDArray[Any]:
    if shape is None:
        if images.ndim == 3:
            return images[..., None]
        if images.ndim == 4:
            if images.shape[-1] in _CHANNELS:
                return images
            if images.shape[1] in _CHANNELS:
                return np.moveaxis(images, 1, -1)
        raise ValueError(
            "images must be of shape (n_samples, height, width), or have 1, 3 or 4 "
            f"channels first or last; got shape {images.shape}."
        )
    n_channels, *sides = shape
    last = (*sides, n_channels)
    if images.ndim == 2 and images.shape[1] == math.prod(shape):
        images = images.reshape(-1, *shape)
    elif images.shape[1:] == tuple(sides) and n_channels == 1:
        return images[..., None]
    elif images.shape[1:] == last and (channels == "last" or last != shape):
        return images
    if images.shape[1:] != tuple(shape):
        raise ValueError(
            f"images must be of {n_channels} channel(s) and {sides[0]} × {sides[1]} "
            f"pixels; got shape {images.shape}."
        )
    return np.moveaxis(images, 1, -1)
