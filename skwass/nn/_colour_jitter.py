"""Random changes of colours, a whole batch of images at a time."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from skwass.nn._draws import uniform

_RGB = 3
_LUMINANCE = (0.299, 0.587, 0.114)
#: from red, green and blue to luminance and two axes of colour (YIQ)
_TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


class ColourJitter(nn.Module):
    """Brightness, contrast and, of three channels, saturation, hue and loss of colour.

    Parameters
    ----------
    jitter : float
        Probability that colours are changed.
    brightness, contrast, saturation : float
        By a factor between ``1 - b`` and ``1 + b``.
    hue : float
        Largest turn of the hue, as a share of the circle.
    grey : float
        Probability that colours are lost.
    """

    def __init__(
        self,
        *,
        jitter: float,
        brightness: float,
        contrast: float,
        saturation: float,
        hue: float,
        grey: float,
    ) -> None:
        super().__init__()
        shares = {"jitter": jitter, "grey": grey}
        factors = {"brightness": brightness, "contrast": contrast}
        check_shares(**shares, **factors, saturation=saturation)
        self.jitter = jitter
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue
        self.grey = grey

    def forward(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Change images whose values are within 0 and 1, and stay there."""
        n_images, n_channels = images.shape[:2]
        draw = uniform([6, n_images, 1, 1, 1], images, generator)
        turns = 2 * draw - 1
        changed = (images * (1 + self.brightness * turns[0])).clamp(0, 1)
        middle = _luminance(changed).mean(dim=(2, 3), keepdim=True)
        changed = (middle + (changed - middle) * (1 + self.contrast * turns[1])).clamp(
            0, 1
        )
        if n_channels == _RGB:
            dull = _luminance(changed)
            changed = dull + (changed - dull) * (1 + self.saturation * turns[2])
            changed = _turned_hue(changed.clamp(0, 1), self.hue * turns[3])
        views = torch.where(draw[4] < self.jitter, changed.clamp(0, 1), images)
        if n_channels == _RGB:
            views = torch.where(draw[5] < self.grey, _luminance(views), views)
        return views


def check_shares(**shares: float | None) -> None:
    """Raise a ValueError for what is not between 0 and 1."""
    for name, share in shares.items():
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"{name} must be between 0 and 1; got {share!r}.")


def in_range(
    images: Tensor, value_range: tuple[float, float] | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Images as shares of the way from black to white, that way, and black.

    None takes the least and the largest value there is.
    """
    low, high = value_range or (images.min(), images.max())
    extent = torch.as_tensor(high - low).to(images).clamp_min(1e-12)
    black = torch.as_tensor(low).to(images)
    return (images - black) / extent, extent, black


def _luminance(images: Tensor) -> Tensor:
    """Brightness of each pixel, with one channel."""
    if images.shape[1] != _RGB:
        return images.mean(dim=1, keepdim=True)
    weights = torch.tensor(_LUMINANCE).to(images)
    return torch.einsum("c,nchw->nhw", weights, images)[:, None]


def _turned_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Colours turned around the axis of greys; a whole turn is one."""
    to_yiq = torch.tensor(_TO_YIQ).to(images)
    angle = 2 * math.pi * turns.reshape(-1)
    cosine, sine = angle.cos(), angle.sin()
    turn = torch.zeros(len(images), 3, 3).to(images)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = cosine
    turn[:, 1, 2], turn[:, 2, 1] = -sine, sine
    whole = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    return torch.einsum("nij,njhw->nihw", whole, images)
