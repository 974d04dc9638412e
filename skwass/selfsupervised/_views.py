"""Where random views of samples come from."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn

from skwass.nn import ImageViews, TableViews, centre_and_scale
from skwass.training import Views


def views_of(augmentation: Any, inputs: Tensor, device: str) -> Views:
    """The user's function, or that for the kind of samples.

    Raises
    ------
    ValueError
        If samples are neither rows nor images and no augmentation is given.
    """
    if isinstance(augmentation, nn.Module):
        return Views(copy.deepcopy(augmentation).to(device))
    if not isinstance(augmentation, str):
        return Views(augmentation)
    if inputs.ndim == 2:
        mean, scale = centre_and_scale(inputs)
        return Views(TableViews(mean=mean, scale=scale).to(device))
    if inputs.ndim == 4:
        extent = float(inputs.min()), float(inputs.max())
        return Views(ImageViews(value_range=extent))
    raise ValueError(
        "augmentation='auto' knows tables and images of shape (n_samples, n_channels, "
        f"height, width); X has shape {tuple(inputs.shape)}. Give a callable that "
        "takes a batch and a generator and returns a view of each sample."
    )
