"""Random views of images: crops, flips, colours, blur, a whole batch at a time."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skwass.nn._colour_jitter import ColourJitter, check_shares, in_range
from skwass.nn._draws import uniform

_BLURS_FROM = 64


class ImageViews(nn.Module):
    """The augmentations of SimCLR [1]_, drawn for each image by itself.

    A crop of random size, place and shape is brought back to the size of the image, and
    may be mirrored. Then come brightness and contrast and, if there are three channels,
    saturation and hue; some images of three channels turn grey. Last comes a blur.

    Parameters
    ----------
    crop_scale : tuple of float, default=(0.2, 1.0)
        Least and largest share of the area that a crop keeps.
    crop_ratio : tuple of float, default=(0.75, 4/3)
        Narrowest and widest shape of a crop, relative to that of the image.
    flip : float, default=0.5
        Probability of a mirror image, left for right. Letters and digits want 0.
    jitter : float, default=0.8
        Probability that colours are changed.
    brightness, contrast, saturation : float, default=0.4, 0.4, 0.2
        Colours are changed by a factor between ``1 - b`` and ``1 + b``.
    hue : float, default=0.1
        Largest turn of the hue, as a share of the circle.
    grey : float, default=0.2
        Probability that colours are lost.
    blur : float or None, default=None
        Probability of a Gaussian blur. None is 0.5 for images whose shorter side has at
        least 64 pixels and 0 for smaller ones, as published for CIFAR-10.
    value_range : tuple of float, default=None
        Black and white. None takes the least and the largest value of the batch.

    References
    ----------
    .. [1] Chen, Kornblith, Norouzi, Hinton. A simple framework for contrastive learning
       of visual representations. ICML 2020.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import ImageViews
    >>> generator = torch.Generator().manual_seed(0)
    >>> images = torch.rand(8, 3, 32, 32, generator=generator)
    >>> views = ImageViews(value_range=(0, 1))(images, generator)
    >>> views.shape, bool(((0 <= views) & (views <= 1)).all())
    (torch.Size([8, 3, 32, 32]), True)
    """

    def __init__(
        self,
        *,
        crop_scale: tuple[float, float] = (0.2, 1.0),
        crop_ratio: tuple[float, float] = (3 / 4, 4 / 3),
        flip: float = 0.5,
        jitter: float = 0.8,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.2,
        hue: float = 0.1,
        grey: float = 0.2,
        blur: float | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        check_shares(flip=flip, blur=blur)
        if not 0 < crop_scale[0] <= crop_scale[1] <= 1:
            raise ValueError(
                "crop_scale must hold two increasing shares above 0 and up to 1; got "
                f"{crop_scale!r}."
            )
        if not 0 < crop_ratio[0] <= crop_ratio[1]:
            raise ValueError(
                "crop_ratio must hold two increasing numbers above 0; got "
                f"{crop_ratio!r}."
            )
        self.crop_scale = crop_scale
        self.crop_ratio = crop_ratio
        self.flip = flip
        self.colours = ColourJitter(
            jitter=jitter,
            brightness=brightness,
            contrast=contrast,
            saturation=saturation,
            hue=hue,
            grey=grey,
        )
        self.blur = blur
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
        views : Tensor of the same shape
            Within the range of values. In the dtype of `images`; float32 for whole
            numbers.
        """
        # half precision is too coarse for colours, whole numbers are no shares
        pixels = images if images.dtype == torch.float64 else images.float()
        shares, extent, black = in_range(pixels, self.value_range)
        views = self._cropped(shares, generator)
        views = self.colours(views, generator)
        views = self._blurred(views, generator)
        views = views.clamp(0, 1) * extent + black
        return views.to(images.dtype) if images.is_floating_point() else views

    def _cropped(self, images: Tensor, generator: torch.Generator | None) -> Tensor:
        """Crop and mirror in one resampling."""
        n_images = len(images)
        area = uniform([n_images], images, generator, *self.crop_scale)
        narrow, wide = map(math.log, self.crop_ratio)
        shape = uniform([n_images], images, generator, narrow, wide).exp()
        # as narrow or wide as a crop of that area can be within the image
        shape = torch.maximum(torch.minimum(shape, 1 / area), area)
        width, height = (area * shape).sqrt(), (area / shape).sqrt()
        right, down = uniform([2, n_images], images, generator, -1, 1)
        mirrored = uniform([n_images], images, generator) < self.flip
        zero = torch.zeros_like(width)
        across = torch.stack(
            [torch.where(mirrored, -width, width), zero, right * (1 - width)], dim=1
        )
        along = torch.stack([zero, height, down * (1 - height)], dim=1)
        grid = F.affine_grid(
            torch.stack([across, along], dim=1), list(images.shape), align_corners=False
        )
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _blurred(self, images: Tensor, generator: torch.Generator | None) -> Tensor:
        n_images, n_channels, height, width = images.shape
        shorter = min(height, width)
        probability = self.blur
        if probability is None:
            probability = 0.5 if shorter >= _BLURS_FROM else 0.0
        if not probability:
            return images
        sigma = uniform([n_images, 1], images, generator, 0.1, 2.0)
        chosen = uniform([n_images, 1, 1, 1], images, generator) < probability
        # a tenth of the image, as published, and what reflection has room for
        reach = min(max(1, shorter // 20), shorter - 1)
        offsets = torch.arange(-reach, reach + 1).to(images)
        kernels = torch.exp(-(offsets**2) / (2 * sigma**2))
        kernels = kernels / kernels.sum(dim=1, keepdim=True)
        kernels = kernels.repeat_interleave(n_channels, dim=0)[:, None]
        flat = images.reshape(1, n_images * n_channels, height, width)
        flat = F.pad(flat, (reach, reach, reach, reach), mode="reflect")
        flat = F.conv2d(flat, kernels[:, :, None], groups=len(kernels))
        flat = F.conv2d(flat, kernels[..., None], groups=len(kernels))
        return torch.where(chosen, flat.reshape(images.shape), images)
