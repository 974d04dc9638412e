"""Corruptions by noise: of the sensor, of few photons, of dead pixels."""

from __future__ import annotations

import numpy as np

from skwass.datasets._filters import Corruption, Draws, Images, drawn

_DEVIATIONS = (0.04, 0.08, 0.12, 0.17, 0.24)
_PHOTONS = (150, 60, 25, 12, 6)
_SHARES = (0.01, 0.03, 0.06, 0.10, 0.16)


def gaussian_noise(images: Images, step: int, draws: Draws) -> Images:
    """Add the same noise everywhere."""
    shape = images.shape[1:]
    noise = drawn(draws, lambda draw: draw.standard_normal(shape, dtype=np.float32))
    return images + (_DEVIATIONS[step] * noise).astype(images.dtype)


def shot_noise(images: Images, step: int, draws: Draws) -> Images:
    """Count photons, so many in a white pixel."""
    white = _PHOTONS[step]
    counts = [
        draw.poisson(white * image.astype(np.float64))
        for draw, image in zip(draws, images, strict=True)
    ]
    return (np.stack(counts) / white).astype(images.dtype)


def impulse_noise(images: Images, step: int, draws: Draws) -> Images:
    """Set a share of the values to black or white."""
    shape = images.shape[1:]
    chance = drawn(draws, lambda draw: draw.random(shape, dtype=np.float32))
    half = _SHARES[step] / 2
    return np.select([chance < half, chance > 1 - half], [0, 1], images).astype(
        images.dtype
    )


NOISE: dict[str, Corruption] = {
    "gaussian_noise": gaussian_noise,
    "shot_noise": shot_noise,
    "impulse_noise": impulse_noise,
}
