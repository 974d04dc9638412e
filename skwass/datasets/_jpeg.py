"""What JPEG takes away from images, without the file in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from skwass.datasets._filters import Images

_BLOCK = 8
_WHITE = 255

# steps of the coefficients at quality 50, for lightness and for colour: the examples in
# annex K of the standard, which nearly every encoder takes
_LIGHTNESS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_COLOUR = np.full((_BLOCK, _BLOCK), 99)
_COLOUR[:4, :4] = [
    [17, 18, 24, 47],
    [18, 21, 26, 66],
    [24, 26, 56, 99],
    [47, 66, 99, 99],
]

#: lightness, blue and red difference of red, green and blue
_TO_YCC = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.168736, -0.331264, 0.5],
        [0.5, -0.418688, -0.081312],
    ]
)
_TO_RGB = np.linalg.inv(_TO_YCC)
_HALF = 128


def jpeg(images: Images, quality: int) -> Images:
    """Images as they come back from baseline JPEG.

    Blocks of 8 × 8 pixels go through the discrete cosine transform and have their
    coefficients rounded to multiples of the standard's tables; colours are kept at half
    the resolution. What follows in a file loses nothing, and is left out.

    Parameters
    ----------
    images : ndarray of shape (n_images, n_channels, height, width)
        In [0, 1]. Three channels are red, green and blue; of any other number each is
        compressed as a grey image by itself.
    quality : int
        From 1 to 100, in the scale of the Independent JPEG Group.

    Returns
    -------
    images : ndarray of shape (n_images, n_channels, height, width)
        In [0, 1], of 256 levels.

    References
    ----------
    - ITU-T Recommendation T.81: Digital compression and coding of continuous-tone still
      images, 1992.
    """
    levels = np.rint(_WHITE * images)
    if images.shape[1] != 3:
        found = _compressed(levels, _table(_LIGHTNESS, quality))
    else:
        turned = _recoloured(levels, _TO_YCC)
        turned[:, 1:] += _HALF
        turned = np.rint(turned)
        lightness = _compressed(turned[:, :1], _table(_LIGHTNESS, quality))
        halves = _compressed(_halved(turned[:, 1:]), _table(_COLOUR, quality))
        height, width = images.shape[-2:]
        colours = halves.repeat(2, axis=-2).repeat(2, axis=-1)[..., :height, :width]
        found = _recoloured(
            np.concatenate([lightness, colours - _HALF], axis=1), _TO_RGB
        )
    return np.clip(np.rint(found), 0, _WHITE) / images.dtype.type(_WHITE)


def _table(steps: NDArray[np.integer], quality: int) -> NDArray[np.integer]:
    """Steps of the coefficients at a quality, as libjpeg scales them."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((percent * steps + 50) // 100, 1, _WHITE)


def _compressed(levels: Images, table: NDArray[np.integer]) -> Images:
    """Levels after the coefficients of their blocks were rounded."""
    height, width = levels.shape[-2:]
    blocks = _padded(levels, _BLOCK)
    rows, columns = (side // _BLOCK for side in blocks.shape[-2:])
    blocks = blocks.reshape(*levels.shape[:2], rows, _BLOCK, columns, _BLOCK) - _HALF
    steps = table.astype(levels.dtype)[:, None]
    coefficients = fft.dctn(blocks, axes=(-3, -1), norm="ortho")
    rounded = np.rint(coefficients / steps) * steps
    back = fft.idctn(rounded, axes=(-3, -1), norm="ortho") + _HALF
    whole = back.reshape(*levels.shape[:2], rows * _BLOCK, columns * _BLOCK)
    return np.clip(np.rint(whole[..., :height, :width]), 0, _WHITE)


def _halved(levels: Images) -> Images:
    """Mean of two by two pixels."""
    even = _padded(levels, 2)
    height, width = (side // 2 for side in even.shape[-2:])
    return np.rint(
        even.reshape(*levels.shape[:2], height, 2, width, 2).mean(axis=(-3, -1))
    )


def _padded(levels: Images, multiple: int) -> Images:
    """The last row and column repeated, up to a multiple of pixels."""
    missing = [(0, -side % multiple) for side in levels.shape[-2:]]
    return np.pad(levels, [(0, 0), (0, 0), *missing], mode="edge")


def _recoloured(levels: Images, matrix: NDArray[np.float64]) -> Images:
    """Another mixture of the channels of each pixel."""
    return np.einsum("dc,nchw->ndhw", matrix.astype(levels.dtype), levels)
