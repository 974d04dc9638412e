"""Every accepted form of images or tables → one array, and every error about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data
from torch import Tensor

from skwass.metrics._representations import on_the_cpu

#: channels that an axis of that length is taken for
_CHANNELS = (1, 3, 4)
_WHITE = 255
#: floats beyond are no brightness that a network is usually given
_FAR = 64.0

#: numbers of another kind are turned into the first of these
_ACCEPTED: dict[str, Any] = {"dtype": [np.float32, np.uint8], "allow_nd": True}

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Form:
    """What samples of a fit look like.

    Attributes
    ----------
    shape : tuple of int
        Channels, height and width; of a table, one channel of a single line of pixels.
    tabular : bool
        Whether samples are rows of a table, whose columns are no brightness.
    """

    shape: Shape
    tabular: bool

    def __str__(self) -> str:
        if self.tabular:
            return f"rows of {self.shape[2]} features"
        channels, height, width = self.shape
        return f"images of {height} × {width} pixels and {channels} channel(s)"


@dataclass(frozen=True)
class Images:
    """Samples as the network wants them.

    Attributes
    ----------
    pixels : Tensor of shape (n_samples, n_channels, height, width), float32
        Integers of eight bits have been divided by 255, unless they are a table.
    form : Form
        What a sample looks like.
    scaled : bool
        Whether they have been divided.
    """

    pixels: Tensor
    form: Form
    scaled: bool

    def like(self, pixels: Tensor) -> Images:
        """Some of these, or others of the same form."""
        return replace(self, pixels=pixels)

    @cached_property
    def extent(self) -> tuple[float, float]:
        """The least and the largest value."""
        return float(self.pixels.min()), float(self.pixels.max())

    @property
    def are_bright(self) -> bool:
        """Whether all pixels are within 0 and 1."""
        return self.extent[0] >= 0 and self.extent[1] <= 1

    @property
    def are_far(self) -> bool:
        """Whether these are images, of floats that are far from a brightness."""
        if self.form.tabular or self.scaled:
            return False
        return self.extent[0] < -_FAR or self.extent[1] > _FAR


def read(estimator: Any, X: Any, y: Any = "no_validation") -> tuple[Images, Any]:
    """Samples of a fit as the network wants them, and targets as an array.

    Parameters
    ----------
    estimator : estimator
        Its parameters `channels` and `image_shape` say how X is to be read. It is told
        the number of features and their names.
    X : array-like
        Images or rows.
    y : array-like, default="no_validation"
        Targets, if there are any.
    """
    # of lists and tensors, scikit-learn would not see that they hold eight bits
    X = on_the_cpu(X)
    read: Any = validate_data(estimator, X, y, ensure_min_samples=2, **_ACCEPTED)
    X, y = (read, None) if isinstance(y, str) else read
    return _as_images(X, estimator), y


@dataclass(frozen=True)
class Known:
    """What is remembered of the samples of a fit.

    Attributes
    ----------
    form : Form
        What they looked like.
    were_bright, were_far : bool
        As of `Images`.
    """

    form: Form
    were_bright: bool
    were_far: bool

    @classmethod
    def of(cls, images: Images) -> Known:
        """What is to be remembered of these."""
        return cls(images.form, images.are_bright, images.are_far)


def read_more(estimator: Any, X: Any, known: Known) -> Images:
    """Samples as the network wants them, which have to be like those of the fit.

    Parameters
    ----------
    estimator : estimator
        As in `read`, after the fit.
    X : array-like
        Images or rows.
    known : Known
        Of the fit.
    """
    X = on_the_cpu(X)
    n_axes = X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim
    flat = known.form.tabular or estimator.image_shape is not None
    if flat and n_axes <= 2:
        X = validate_data(estimator, X, reset=False, **_ACCEPTED)
    else:
        # features of images are not their second axis, and forms are compared below
        X = check_array(X, estimator=estimator, input_name="X", **_ACCEPTED)
    images = _as_images(X, estimator)
    if images.form != known.form:
        raise ValueError(f"X has {images.form}; the fit had {known.form}.")
    check_same_scale(images, known)
    return images


def check_same_scale(images: Images, known: Known) -> None:
    """A ValueError if these are shares of white, and those of the fit were not."""
    if images.scaled and not known.were_bright:
        raise ValueError(
            "X holds 8-bit integers, which are divided by 255; but the images of the "
            "fit were floats beyond 0 and 1. Give floats of the same range."
        )


def _as_images(X: NDArray[Any], estimator: Any) -> Images:
    images, tabular = _arranged(X, estimator.channels, estimator.image_shape)
    form = Form((images.shape[1], images.shape[2], images.shape[3]), tabular)
    scaled = X.dtype == np.uint8 and not tabular
    return Images(_pixels(images, scaled), form, scaled)


def _arranged(
    X: NDArray[Any], channels: str, image_shape: Any
) -> tuple[NDArray[Any], bool]:
    """With axes for samples, channels, height and width."""
    shape = None if image_shape is None else _checked_shape(image_shape)
    if X.ndim == 2:
        if shape is None:
            return X[:, None, None, :], True
        if math.prod(shape) != X.shape[1]:
            raise ValueError(
                f"image_shape={image_shape!r} asks for {math.prod(shape)} features; X "
                f"has {X.shape[1]}."
            )
        X = X.reshape(len(X), *shape)
    elif shape is not None and X.shape[1:] != shape:
        raise ValueError(
            f"image_shape={image_shape!r}, but X has samples of shape {X.shape[1:]}."
        )
    if X.ndim not in (3, 4) or 0 in X.shape:
        raise ValueError(
            "X must be a table or images, of shape (n_samples, n_features), (n_samples,"
            " height, width) or, with channels, of four axes; got shape "
            f"{X.shape}."
        )
    if X.ndim == 3:
        if channels not in ("auto", "none"):
            raise ValueError(
                f"channels={channels!r} needs images with an axis for channels; X has "
                f"shape {X.shape}. Set channels='none'."
            )
        return X[:, None], False
    if channels == "none":
        raise ValueError(
            "channels='none' needs images without an axis for channels; X has shape "
            f"{X.shape}. Set channels='first' or channels='last'."
        )
    place = _place_of_channels(X.shape) if channels == "auto" else channels
    _refuse_mixed_up(X.shape, place)
    return (X if place == "first" else np.moveaxis(X, -1, 1)), False


def _place_of_channels(shape: Sequence[int]) -> str:
    first, last = (shape[axis] in _CHANNELS for axis in (1, -1))
    if first == last:
        raise ValueError(
            "channels='auto' cannot tell which axis of X holds channels, the second or "
            f"the last, from its shape {tuple(shape)}. Set channels='first' or "
            "channels='last'."
        )
    return "first" if first else "last"


def _refuse_mixed_up(shape: Sequence[int], place: str) -> None:
    """Such as channels='first' for images of shape (n, 32, 32, 3)."""
    said, other = (shape[1], shape[-1]) if place == "first" else (shape[-1], shape[1])
    if said > max(_CHANNELS) and other in _CHANNELS:
        sides = shape[2:] if place == "first" else shape[1:3]
        contrary = "last" if place == "first" else "first"
        raise ValueError(
            f"channels={place!r} makes images of {said} channels and {sides[0]} × "
            f"{sides[1]} pixels of X, which has shape {tuple(shape)}. Set "
            f"channels={contrary!r}, or leave 'auto'."
        )


def _pixels(images: NDArray[Any], scaled: bool) -> Tensor:
    """As float32, without a copy if that can be."""
    pixels = np.ascontiguousarray(images, dtype=np.float32)
    if scaled:
        pixels = pixels / np.float32(_WHITE)
    elif not pixels.flags.writeable:  # torch could not promise to leave it alone
        pixels = pixels.copy()
    return torch.as_tensor(pixels)


def _checked_shape(image_shape: Any) -> tuple[int, ...]:
    sizes = tuple(np.atleast_1d(np.asarray(image_shape, dtype=object)))
    if len(sizes) not in (2, 3) or not all(is_positive(size) for size in sizes):
        raise ValueError(
            "image_shape must be two or three positive integers, such as (28, 28) or "
            f"(3, 32, 32); got {image_shape!r}."
        )
    return tuple(map(int, sizes))


def is_positive(size: Any) -> bool:
    """Whether it is a whole number above zero."""
    return isinstance(size, Integral) and int(size) > 0
