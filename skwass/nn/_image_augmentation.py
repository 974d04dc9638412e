"""Augmentations of images for a classifier: shifts, mirrors, colours, and mixtures."""

from __future__ import annotations

import math
from numbers import Integral
from typing import NamedTuple

import torch
from torch import Tensor, nn

from skwass.nn._colour_jitter import ColourJitter, check_shares, in_range
from skwass.nn._draws import uniform


class ImageAugmentation(nn.Module):
    """Shifted, mirrored and coloured images, each by itself, a whole batch at a time.

    A shift by whole pixels is what a crop after padding is; where it uncovers pixels,
    those of the edge are repeated. It is the usual augmentation of small photographs
    [1]_, while `ImageViews` changes so much more that classes may be lost.

    Parameters
    ----------
    padding : int or float, default=0.125
        Longest shift along each axis: in pixels, or as a share of the side.
    flip : float, default=0.0
        Probability of a mirror image, left for right. Photographs want 0.5, letters
        and digits 0.
    jitter : float, default=0.0
        Probability that colours are changed.
    brightness, contrast, saturation : float, default=0.4, 0.4, 0.2
        Colours are changed by a factor between ``1 - b`` and ``1 + b``.
    hue : float, default=0.1
        Largest turn of the hue, as a share of the circle.
    value_range : tuple of float, default=None
        Black and white, for changes of colour. None takes the least and the largest
        value of the batch.

    Raises
    ------
    ValueError
        If `padding` is negative, or a share or a probability is not between 0 and 1.

    References
    ----------
    .. [1] He, Zhang, Ren, Sun. Deep residual learning for image recognition. CVPR 2016.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import ImageAugmentation
    >>> generator = torch.Generator().manual_seed(0)
    >>> images = torch.rand(8, 3, 32, 32, generator=generator)
    >>> ImageAugmentation(padding=4, flip=0.5)(images, generator).shape
    torch.Size([8, 3, 32, 32])
    """

    def __init__(
        self,
        *,
        padding: float = 0.125,
        flip: float = 0.0,
        jitter: float = 0.0,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.2,
        hue: float = 0.1,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        check_shares(flip=flip)
        if not isinstance(padding, Integral):
            check_shares(padding=padding)
        elif padding < 0:
            raise ValueError(f"padding must not be negative; got {padding!r}.")
        self.padding = padding
        self.flip = flip
        self.colours = ColourJitter(
            jitter=jitter,
            brightness=brightness,
            contrast=contrast,
            saturation=saturation,
            hue=hue,
            grey=0.0,
        )
        self.value_range = value_range

    def forward(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """One view of each image.

        Parameters
        ----------
        images : Tensor of shape (n_images, n_channels, height, width)
            A batch.
        generator : torch.Generator, default=None
            Decides; None is the global one.

        Returns
        -------
        views : Tensor of the same shape and dtype
            The same images, changed.
        """
        views = self._moved(images, generator)
        if not self.colours.jitter:
            return views
        pixels = views if views.dtype == torch.float64 else views.float()
        shares, extent, black = in_range(pixels, self.value_range)
        return (self.colours(shares, generator) * extent + black).to(images.dtype)

    def _moved(self, images: Tensor, generator: torch.Generator | None) -> Tensor:
        """Shift and mirror, by looking pixels up."""
        n_images, _, height, width = images.shape
        draw = uniform([3, n_images, 1], images, generator)
        rows = _shifted(height, self._reach(height), draw[0])
        columns = _shifted(width, self._reach(width), draw[1])
        mirrored = draw[2] < self.flip
        columns = torch.where(mirrored, columns.flip(1), columns)
        each = torch.arange(n_images, device=images.device)[:, None, None]
        # channels end up last where indices stand on both sides of them
        moved = images.movedim(1, -1)[each, rows[:, :, None], columns[:, None, :]]
        return moved.movedim(-1, 1).contiguous()

    def _reach(self, side: int) -> int:
        if isinstance(self.padding, Integral):
            return int(self.padding)
        return round(float(self.padding) * side)


class MixedImages(NamedTuple):
    """What `ImageMixing` gives.

    Parameters
    ----------
    images : Tensor of shape (n_images, n_channels, height, width)
        Mixtures of two images each.
    partners : Tensor of shape (n_images,), int64
        Which image was mixed into each.
    shares : Tensor of shape (n_images,)
        How much of each is its own, a half at least but for whole pixels.
    """

    images: Tensor
    partners: Tensor
    shares: Tensor


class ImageMixing(nn.Module):
    r"""Mixtures of two images of a batch, for labels that are mixed alike.

    Mixup takes a mean of all pixels, :math:`\lambda x_i + (1 - \lambda) x_j` [1]_;
    CutMix puts a box of the other image into the first [2]_. If there are both, each
    image gets one of them.

    Parameters
    ----------
    mixup, cutmix : float, default=0.0
        α of the distribution :math:`\mathrm{Beta}(\alpha, \alpha)` of λ; 0 is none.
        Usual are 0.2 to 0.8 for mixup and 1 for CutMix.

    Raises
    ------
    ValueError
        If one is negative or infinite.

    References
    ----------
    .. [1] Zhang, Cisse, Dauphin, Lopez-Paz. mixup: beyond empirical risk minimization.
       ICLR 2018.
    .. [2] Yun, Han, Oh, Chun, Choe, Yoo. CutMix: regularization strategy to train
       strong classifiers with localizable features. ICCV 2019.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import ImageMixing
    >>> generator = torch.Generator().manual_seed(0)
    >>> images = torch.rand(8, 3, 32, 32, generator=generator)
    >>> mixed = ImageMixing(mixup=0.8)(images, generator)
    >>> bool((mixed.shares >= 0.5).all())
    True
    """

    def __init__(self, mixup: float = 0.0, cutmix: float = 0.0) -> None:
        super().__init__()
        for name, alpha in (("mixup", mixup), ("cutmix", cutmix)):
            if not 0 <= alpha < math.inf:
                raise ValueError(
                    f"{name} must not be negative or infinite; got {alpha!r}."
                )
        self.mixup = mixup
        self.cutmix = cutmix

    def forward(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> MixedImages:
        """Mix each image with another one.

        Parameters
        ----------
        images : Tensor of shape (n_images, n_channels, height, width)
            A batch.
        generator : torch.Generator, default=None
            Decides; None is the global one.

        Returns
        -------
        mixed : MixedImages
            Images, whom they were mixed with, and what share is their own.
        """
        n_images, _, height, width = images.shape
        draw = uniform([4, n_images, 1, 1, 1], images, generator)
        partners = draw[0].flatten().argsort()  # a permutation
        others = images[partners]
        if not (self.mixup or self.cutmix):
            return MixedImages(images, partners, images.new_ones(n_images))
        boxed = draw[1] < (0.5 if self.mixup and self.cutmix else bool(self.cutmix))
        alpha = torch.where(boxed, self.cutmix, self.mixup).clamp_min(1e-3)
        share = _beta(alpha, generator).to(images)
        share = torch.maximum(share, 1 - share)
        box = _box(1 - share, draw[2], draw[3], height, width)
        # what rounding to whole pixels makes of it
        in_box = box.to(images).mean(dim=(2, 3), keepdim=True)
        share = torch.where(boxed, 1 - in_box, share)
        weight = torch.where(boxed, 1 - box.to(images), share)
        return MixedImages(
            weight * images + (1 - weight) * others, partners, share.flatten()
        )


def _shifted(side: int, reach: int, draw: Tensor) -> Tensor:
    """Places (n_images, side) that are looked at, within the image."""
    shift = (draw * (2 * reach + 1)).long().clamp_max(2 * reach) - reach
    return (torch.arange(side, device=draw.device) + shift).clamp(0, side - 1)


def _beta(alpha: Tensor, generator: torch.Generator | None) -> Tensor:
    """Symmetric beta variables, as shares of two gamma variables."""
    both = torch.stack([alpha, alpha]).double()
    if generator is not None:
        both = both.to(generator.device)
    first, second = torch._standard_gamma(both, generator=generator)
    tiny = torch.finfo(both.dtype).tiny
    return ((first + tiny) / (first + second + 2 * tiny)).to(alpha.device)


def _box(share: Tensor, top: Tensor, left: Tensor, height: int, width: int) -> Tensor:
    """Where pixels are in a box of about that share of the area, (n, 1, h, w)."""
    tall = share if width == 1 else torch.ones_like(share)
    wide = share if height == 1 else torch.ones_like(share)
    if height > 1 and width > 1:
        tall = wide = share.sqrt()
    inside = [
        _within(torch.arange(side, device=share.device), size * side, start)
        for side, size, start in ((height, tall, top), (width, wide, left))
    ]
    return inside[0][..., None] & inside[1][..., None, :]


def _within(places: Tensor, length: Tensor, start: Tensor) -> Tensor:
    """From lengths and shares of the way (n, 1, 1, 1) to places (n, 1, side)."""
    length = length[..., 0].round()
    first = (start[..., 0] * (len(places) - length + 1)).floor()
    return (places >= first) & (places < first + length)
