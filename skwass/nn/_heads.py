"""Heads on an encoder that only training needs: projectors and predictors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


class ProjectionHead(nn.Sequential):
    """A perceptron with batch normalisation, as self-supervised methods have it.

    Parameters
    ----------
    n_inputs : int
        Width of what comes in.
    sizes : sequence of int
        Widths of the layers, the last of which is the output.
    normalize_output : bool, default=False
        Whether the output has batch normalisation too, without scale and shift.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import ProjectionHead
    >>> ProjectionHead(8, (16, 4))(torch.zeros(5, 8)).shape
    torch.Size([5, 4])
    """

    def __init__(
        self, n_inputs: int, sizes: Sequence[int], *, normalize_output: bool = False
    ) -> None:
        layers: list[nn.Module] = []
        *hidden, n_outputs = sizes
        widths = [n_inputs, *hidden]
        for before, after in pairwise(widths):
            # a bias would be taken off again by the normalisation
            layers.append(nn.Linear(before, after, bias=False))
            layers += [nn.BatchNorm1d(after), nn.ReLU()]
        layers.append(nn.Linear(widths[-1], n_outputs, bias=not normalize_output))
        if normalize_output:
            layers.append(nn.BatchNorm1d(n_outputs, affine=False))
        super().__init__(*layers)
