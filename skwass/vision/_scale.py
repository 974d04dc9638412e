"""Of what range pixels are, and whether it is a strange one."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor

from skwass.nn import centre_and_scale
from skwass.vision._images import Images

_STANDARDISED_AT_ONCE = 4096
#: deviations by which the means of images do not differ, and a factor of deviations
_STRANGE = 10.0


def warn_of_range(images: Images, stacklevel: int) -> None:
    """Say that floats are far from a brightness."""
    low, high = images.extent
    warnings.warn(
        f"X holds numbers from {low:g} to {high:g}, which are taken as they are; images"
        " are expected within 0 and 1, or as 8-bit integers (uint8), which are divided "
        "by 255.",
        UserWarning,
        stacklevel=stacklevel,
    )


def warn_of_another_scale(
    images: Images, mean: Tensor, scale: Tensor, stacklevel: int
) -> None:
    """Warn if pixels are far from what a pre-trained network has been told of them."""
    if images.form.tabular:
        return
    theirs = mean.flatten().cpu(), scale.flatten().cpu()
    ours = [each.flatten() for each in centre_of(images)]
    shift = ((ours[0] - theirs[0]) / theirs[1]).abs().max()
    stretch = (ours[1] / theirs[1]).log().abs().max()
    if shift > _STRANGE or stretch > math.log(_STRANGE):
        told = " and ".join(str([float(f"{x:.3g}") for x in each]) for each in theirs)
        found = " and ".join(str([float(f"{x:.3g}") for x in each]) for each in ours)
        warnings.warn(
            f"pretrained takes pixels to have means and deviations {told}; those of X "
            f"have {found}. Give X in the range that pre-training had.",
            UserWarning,
            stacklevel=stacklevel,
        )


def centre_of(samples: Images) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, or of each column of a table.

    Returns
    -------
    mean, scale : Tensor of shape (n_channels, 1, 1) or (1, 1, n_features), float32
        A channel that is constant but for rounding has a scale of one.
    """
    images = samples.pixels
    if samples.form.tabular:
        mean, scale = centre_and_scale(images.flatten(1))
        return mean[None, None], scale[None, None]
    # in parts, since double precision of all images would be a copy of twice the size
    parts = images.split(_STANDARDISED_AT_ONCE)
    n_pixels = images.numel() // images.shape[1]
    sums = torch.stack([part.double().sum(dim=(0, 2, 3)) for part in parts])
    centre = sums.sum(dim=0) / n_pixels
    squares = torch.stack(
        [
            (part.double() - centre[:, None, None]).square().sum(dim=(0, 2, 3))
            for part in parts
        ]
    )
    spread = (squares.sum(dim=0) / n_pixels).sqrt()
    peak = images.abs().amax(dim=(0, 2, 3)).double()
    steady = spread <= torch.finfo(images.dtype).eps * peak
    spread = torch.where(steady, 1.0, spread)
    return centre.float()[:, None, None], spread.float()[:, None, None]
