"""What a vision transformer can be made of, and be given."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

_WORDS = {
    "attention": ("wasserstein", "dot"),
    "cov_aggregation": ("squared", "linear"),
    "covariance_mlp": ("full", "light"),
    "variance_embedding": ("position", "patch"),
    "pooling": ("cls", "mean"),
    "head": ("mean", "probit"),
}


def check_options(options: Mapping[str, Any]) -> None:
    """Raise an error about the first option that cannot be.

    Parameters
    ----------
    options : mapping of str to object
        Parameters of `StochasticViT`, by name.

    Raises
    ------
    ValueError
        It says the name, what came and what was expected.
    """
    for name, words in _WORDS.items():
        if options[name] not in words:
            raise ValueError(f"{name} must be one of {words}; got {options[name]!r}.")
    for name in ("n_outputs", "width", "depth", "n_heads"):
        if not _is_count(options[name]):
            raise ValueError(
                f"{name} must be an integer of 1 or more; got {options[name]!r}."
            )
    shape, patch = options["image_shape"], options["patch_size"]
    if len(shape) != 3 or not all(map(_is_count, shape)):
        raise ValueError(
            "image_shape must be three integers of 1 or more, channels, height and "
            f"width; got {shape!r}."
        )
    height, width = sides_of(patch)
    if shape[1] % height or shape[2] % width:
        raise ValueError(
            f"patch_size must divide images of {shape[1]} × {shape[2]} pixels; got "
            f"patch_size={patch!r}."
        )
    if options["width"] % options["n_heads"]:
        raise ValueError(
            f"n_heads must divide width; got n_heads={options['n_heads']} and "
            f"width={options['width']}."
        )
    ratio = options["mlp_ratio"]
    if not (isinstance(ratio, Real) and 0 < float(ratio) < float("inf")):
        raise ValueError(f"mlp_ratio must be positive; got {ratio!r}.")
    for name in ("drop_path", "dropout"):
        share = options[name]
        if not (isinstance(share, Real) and 0 <= float(share) < 1):
            raise ValueError(f"{name} must be at least 0 and below 1; got {share!r}.")


def sides_of(patch: Any) -> tuple[int, int]:
    """Height and width of a patch.

    Parameters
    ----------
    patch : int or sequence of two ints
        The patch size that was given.

    Returns
    -------
    height, width : int
        Of the patch.

    Raises
    ------
    ValueError
        If it is neither.
    """
    sides = (patch, patch) if isinstance(patch, Integral) else tuple(patch)
    if len(sides) != 2 or not all(map(_is_count, sides)):
        raise ValueError(
            "patch_size must be an integer of 1 or more, or two of them, height and "
            f"width; got {patch!r}."
        )
    return int(sides[0]), int(sides[1])


def checked_pixels(
    part: Tensor | None, name: str, image_shape: tuple[int, ...]
) -> Tensor:
    """A mean or scale of pixels.

    Parameters
    ----------
    part : Tensor of shape (channels,) or of three axes, or None
        What was given; None leaves images as they are.
    name : {"mean", "scale"}
        Which of the two.
    image_shape : tuple of three ints
        Of what it is that of.

    Returns
    -------
    part : Tensor
        A copy that broadcasts to images.

    Raises
    ------
    ValueError
        If it does not fit the images, or a scale is not positive.
    """
    if part is None:
        return torch.full(image_shape[:1], float(name == "scale"))
    fits = part.ndim == 3 and all(
        own in (1, side) for own, side in zip(part.shape, image_shape, strict=True)
    )
    if not fits and tuple(part.shape) != tuple(image_shape[:1]):
        raise ValueError(
            f"{name} must be of shape ({image_shape[0]},), one for each channel, or "
            f"broadcast to {tuple(image_shape)}; got shape {tuple(part.shape)}."
        )
    if name == "scale" and not part.is_meta and not (part > 0).all():
        raise ValueError(f"scale must be positive; its least is {part.min().item()}.")
    return part.detach().clone()


def check_images(
    images: Tensor,
    image_shape: tuple[int, int, int],
    mask: Tensor | None,
    n_patches: int,
) -> None:
    """Raise an error if images are not those that a network was made for.

    Parameters
    ----------
    images : Tensor of shape (n_samples, channels, height, width)
        Images.
    image_shape : tuple of three ints
        What the last three axes must be.
    mask : bool Tensor of shape (n_samples, n_patches) or None
        What is hidden.
    n_patches : int
        Patches of an image.

    Raises
    ------
    ValueError
        If shapes or dtypes do not fit.
    """
    if images.ndim != 4 or tuple(images.shape[1:]) != tuple(image_shape):
        raise ValueError(
            "images must be of shape (n_samples, channels, height, width), here "
            f"(n_samples, {', '.join(map(str, image_shape))}); got shape "
            f"{tuple(images.shape)}."
        )
    if not images.is_floating_point():
        raise ValueError(
            f"images must hold floating-point numbers; got {images.dtype}."
        )
    wanted = (len(images), n_patches)
    if mask is not None and (mask.dtype != torch.bool or tuple(mask.shape) != wanted):
        raise ValueError(
            "mask must be a bool tensor of shape (n_samples, n_patches), here "
            f"{wanted}; got {mask.dtype} of shape {tuple(mask.shape)}."
        )


def _is_count(x: Any) -> bool:
    return isinstance(x, Integral) and not isinstance(x, bool) and int(x) >= 1
