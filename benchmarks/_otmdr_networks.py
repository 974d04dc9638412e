"""Small networks for images, which shift and mirror what they are trained on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SHIFT = 4
#: of photographs, by channel
_MEAN = (0.49, 0.48, 0.45)
_SCALE = (0.25, 0.24, 0.26)


class Augment(nn.Module):
    """Each image of a batch is shifted by up to 4 pixels and mirrored, in training.

    It draws from torch's global generator, which the passes of one step see alike.
    """

    def forward(self, images: Tensor) -> Tensor:
        if not self.training:
            return images
        n, _, height, width = images.shape
        device = images.device
        padded = F.pad(images, [_SHIFT] * 4, mode="reflect")
        shifts = torch.randint(2 * _SHIFT + 1, (2, n, 1), device=device)
        rows = shifts[0] + torch.arange(height, device=device)
        columns = shifts[1] + torch.arange(width, device=device)
        mirrored = torch.rand(n, 1, device=device) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
        which = torch.arange(n, device=device)[:, None, None]
        moved = padded[which, :, rows[:, :, None], columns[:, None, :]]
        return moved.permute(0, 3, 1, 2)


class Centre(nn.Module):
    """Brings channels to a common centre and scale."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).view(3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.scale


class Block(nn.Module):
    """Two convolutions beside a short cut."""

    def __init__(self, n_inputs: int, n_outputs: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(n_inputs, n_outputs, 3, stride)
        self.second = _convolution(n_outputs, n_outputs, 3, 1)
        self.short_cut: nn.Module = nn.Identity()
        if stride > 1 or n_inputs != n_outputs:
            self.short_cut = _convolution(n_inputs, n_outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(F.relu(self.first(x))) + self.short_cut(x))


class SmallResNet(nn.Sequential):
    """Three stages of one block each on images of half the size; 78,000 weights."""

    def __init__(self, n_outputs: int, width: int = 16, dropout: float = 0.0) -> None:
        widths = (width, width, 2 * width, 4 * width)
        layers: list[nn.Module] = [
            Augment(),
            Centre(),
            _convolution(3, width, 3, stride=2),
            nn.ReLU(),
        ]
        for stage in range(3):
            stride = 1 if stage == 0 else 2
            layers.append(Block(widths[stage], widths[stage + 1], stride))
            if dropout:
                layers.append(nn.Dropout(dropout))
        head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], n_outputs))
        super().__init__(*layers, *head)


class SmallCNN(nn.Sequential):
    """Three convolutions, for timings."""

    def __init__(self, n_outputs: int, width: int = 16) -> None:
        layers: list[nn.Module] = []
        for before, after in ((3, width), (width, 2 * width), (2 * width, 4 * width)):
            layers += [
                nn.Conv2d(before, after, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        super().__init__(*layers, nn.Flatten(), nn.Linear(64 * width, n_outputs))


def _convolution(n_inputs: int, n_outputs: int, size: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(
            n_inputs, n_outputs, size, stride=stride, padding=size // 2, bias=False
        ),
        nn.BatchNorm2d(n_outputs),
    )
