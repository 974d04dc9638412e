"""Corruptions as by weather: snow, fog, and the brightness of the day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from skwass.datasets._blur import streaks
from skwass.datasets._filters import (
    Corruption,
    Draws,
    Images,
    convolved,
    drawn,
    pixels,
)

_FLAKES = (0.02, 0.035, 0.055, 0.08, 0.11)
_WHITENING = (0.08, 0.14, 0.20, 0.26, 0.33)
_THICKNESSES = (0.20, 0.32, 0.44, 0.57, 0.72)
_RAISES = (0.08, 0.14, 0.20, 0.28, 0.38)

#: length of a flake that falls, in pixels of an image of 32 a side
_FALL = 3.0
#: how far from upright snow may fall
_LEAN = np.pi / 4
#: how bright fog is, and how little of it is left in its gaps
_FOG, _LEAST = 0.9, 0.4
#: how fast the waves of fog lose height with their frequency
_ROUGHNESS = 1.7


def snow(images: Images, step: int, draws: Draws) -> Images:
    """Streaks of white of one direction in each image, and a whiter air.

    With more of it the same flakes stay, and others come.
    """
    shape = images.shape[-2:]
    angles = drawn(draws, lambda draw: np.pi / 2 + _LEAN * draw.uniform(-1, 1))
    chance = drawn(draws, lambda draw: draw.random(shape))
    size = drawn(draws, lambda draw: draw.uniform(0.5, 1.5, shape))
    length = pixels(images, _FALL)
    flakes = np.where(chance < _FLAKES[step], size, 0)[:, None]
    # as bright in the middle as it was before it was drawn out
    fallen = convolved(flakes.astype(images.dtype), streaks(angles, length)) * length
    clear = (1 - np.clip(fallen, 0, 1)) * (1 - _WHITENING[step])
    return 1 - (1 - images) * clear


def fog(images: Images, step: int, draws: Draws) -> Images:
    """A bright veil of uneven thickness t: ``(1 - t) * image + t * light``."""
    clouds = _clouds(images.shape[-2:], draws)[:, None]
    veil = _THICKNESSES[step] * (_LEAST + (1 - _LEAST) * clouds)
    return images + (veil * (_FOG - images)).astype(images.dtype)


def brightness(images: Images, step: int, draws: Draws) -> Images:
    """Raise the largest of the channels, and the others by the same factor."""
    largest = images.max(axis=1, keepdims=True)
    raised = np.minimum(largest + _RAISES[step], 1).astype(images.dtype)
    # black has no colour to keep
    share = np.divide(images, largest, out=np.ones_like(images), where=largest > 0)
    return raised * share


def _clouds(shape: tuple[int, int], draws: Draws) -> NDArray[np.float64]:
    """Random fields from zero to one, whose waves are the higher the longer."""
    # twice the size, so that opposite borders are not alike
    height, width = (2 * side for side in shape)
    waves = np.hypot(fft.fftfreq(height)[:, None], fft.rfftfreq(width))
    waves[0, 0] = np.inf
    white = drawn(draws, lambda draw: draw.standard_normal((height, width)))
    fields = fft.irfft2(fft.rfft2(white) * waves**-_ROUGHNESS, (height, width))
    fields = fields[:, : shape[0], : shape[1]]
    least = fields.min(axis=(1, 2), keepdims=True)
    return (fields - least) / np.ptp(fields, axis=(1, 2), keepdims=True)


WEATHER: dict[str, Corruption] = {
    "snow": snow,
    "fog": fog,
    "brightness": brightness,
}
