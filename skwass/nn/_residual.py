"""A small residual network for small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from skwass.nn._perceptron import Standardize


class ResidualBlock(nn.Module):
    """Two convolutions and a way past them.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Channels that come in and go out.
    stride : int, default=1
        Of the first convolution.
    """

    def __init__(self, n_inputs: int, n_outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(n_inputs, n_outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(n_outputs),
            nn.ReLU(),
            nn.Conv2d(n_outputs, n_outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_outputs),
        )
        self.past: nn.Module = nn.Identity()
        if stride != 1 or n_inputs != n_outputs:
            self.past = nn.Sequential(
                nn.Conv2d(n_inputs, n_outputs, 1, stride, bias=False),
                nn.BatchNorm2d(n_outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Of shape (n, n_outputs, height / stride, width / stride)."""
        return F.relu(self.layers(x) + self.past(x))


class ResidualEncoder(nn.Module):
    """Images in, vectors out: a ResNet whose first convolution keeps the resolution.

    Each stage after the first halves it, and the last is averaged over all places.

    Parameters
    ----------
    n_channels : int
        Of the images.
    n_outputs : int
        Width of the vectors, which is that of the last stage; each earlier stage has
        half the channels of the next.
    n_blocks : sequence of int, default=(1, 1, 1)
        Blocks of each stage; ``(2, 2, 2, 2)`` with 512 outputs is ResNet-18 as it is
        used on CIFAR-10.
    mean, scale : Tensor of shape (n_channels, 1, 1), default=None
        What channels are brought to the same centre and scale by; None leaves them.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import ResidualEncoder
    >>> ResidualEncoder(3, 64)(torch.zeros(5, 3, 32, 32)).shape
    torch.Size([5, 64])
    """

    def __init__(
        self,
        n_channels: int,
        n_outputs: int,
        n_blocks: Sequence[int] = (1, 1, 1),
        *,
        mean: Tensor | None = None,
        scale: Tensor | None = None,
    ) -> None:
        super().__init__()
        last = len(n_blocks) - 1
        widths = [max(8, n_outputs >> (last - stage)) for stage in range(last)]
        widths.append(n_outputs)
        layers: list[nn.Module] = []
        if mean is not None and scale is not None:
            layers.append(Standardize(mean, scale))
        layers.append(nn.Conv2d(n_channels, widths[0], 3, padding=1, bias=False))
        layers += [nn.BatchNorm2d(widths[0]), nn.ReLU()]
        before = widths[0]
        for stage, (width, count) in enumerate(zip(widths, n_blocks, strict=True)):
            for block in range(count):
                stride = 2 if stage and not block else 1
                layers.append(ResidualBlock(before, width, stride))
                before = width
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Read images.

        Parameters
        ----------
        x : Tensor of shape (n_images, n_channels, height, width)
            Of any size.

        Returns
        -------
        vectors : Tensor of shape (n_images, n_outputs)
            Not negative.
        """
        return cast(Tensor, self.layers(x)).mean(dim=(2, 3))
