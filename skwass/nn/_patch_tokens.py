"""Images become tokens: embeddings and positions of patches, and what hides them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skwass.nn._vit_checks import check_images, checked_pixels

_SPREAD = 0.02


class PatchTokens(nn.Module):
    """The part of a vision transformer before its blocks, for each of its streams.

    Parameters
    ----------
    image_shape : tuple of three ints
        Channels, height and width of an image.
    patch : tuple of two ints
        Height and width of a patch.
    width : int
        Width of a token.
    streams : tuple of str
        Names of streams; each has positions of its own.
    embedded : tuple of str
        Those of them that see patches. Others begin with their positions, the same in
        all images.
    n_special : int
        Tokens that stand for no patch, 0 or 1.
    mean, scale : Tensor or None
        Images are standardised by them.
    """

    pixel_mean: Tensor
    pixel_scale: Tensor

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        patch: tuple[int, int],
        width: int,
        streams: tuple[str, ...],
        embedded: tuple[str, ...],
        n_special: int,
        mean: Tensor | None,
        scale: Tensor | None,
    ) -> None:
        super().__init__()
        channels, height, image_width = image_shape
        self.image_shape = image_shape
        self.patch = patch
        self.grid = (height // patch[0], image_width // patch[1])
        self.n_patches = self.grid[0] * self.grid[1]
        self.n_special = n_special
        self.width = width
        self.register_buffer("pixel_mean", checked_pixels(mean, "mean", image_shape))
        self.register_buffer("pixel_scale", checked_pixels(scale, "scale", image_shape))
        n_pixels = channels * patch[0] * patch[1]
        self.embed = nn.ModuleDict({s: nn.Linear(n_pixels, width) for s in embedded})
        self.position = nn.ParameterDict(
            {s: _small(n_special + self.n_patches, width) for s in streams}
        )
        self.blank = nn.ParameterDict({s: _small(width) for s in embedded})
        if n_special:
            self.cls = nn.ParameterDict({s: _small(width) for s in embedded})

    def start(self, images: Tensor, mask: Tensor | None = None) -> tuple[Tensor, ...]:
        """States of streams before the first block.

        Parameters
        ----------
        images : Tensor of shape (n_samples, channels, height, width)
            Images.
        mask : bool Tensor of shape (n_samples, n_patches), default=None
            Patches in whose place there is a learnt token.

        Returns
        -------
        states : tuple of Tensor of shape (n_samples, n_tokens, width)
            One for each stream.
        """
        check_images(images, self.image_shape, mask, self.n_patches)
        centre, scale = (
            part[:, None, None] if part.ndim == 1 else part
            for part in (self.pixel_mean, self.pixel_scale)
        )
        images = (images - centre) / scale
        (rows, columns), (height, width) = self.grid, self.patch
        patches = images.unflatten(2, (rows, height)).unflatten(4, (columns, width))
        patches = patches.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        states = []
        for name, position in self.position.items():
            if name not in self.embed:
                states.append(position.expand(len(images), -1, -1))
                continue
            tokens: Tensor = self.embed[name](patches)
            if mask is not None:
                blank = self.blank[name].to(tokens.dtype)
                tokens = torch.where(mask[..., None], blank, tokens)
            if self.n_special:
                special = self.cls[name].expand(len(tokens), 1, -1)
                tokens = torch.cat([special.to(tokens.dtype), tokens], 1)
            states.append(tokens + position)
        return tuple(states)


def _small(*shape: int) -> nn.Parameter:
    return nn.Parameter(_SPREAD * torch.randn(shape))
