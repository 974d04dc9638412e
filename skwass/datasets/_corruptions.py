"""Images as they are met outside: noisy, blurred, in bad weather, badly processed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from skwass.datasets._blur import BLUR
from skwass.datasets._digital import DIGITAL
from skwass.datasets._filters import Corruption, Images
from skwass.datasets._noise import NOISE
from skwass.datasets._weather import WEATHER

_CORRUPTIONS: dict[str, Corruption] = {**NOISE, **BLUR, **WEATHER, **DIGITAL}
_CHANNELS = ("auto", "first", "last", "none")
#: axes of this length are taken for channels
_LIKELY = (1, 3, 4)
_N_SEVERITIES = 5
_LEAST_SIDE = 4
_WHITE = 255
#: how far rounding may have taken a float out of [0, 1]
_ROUNDING = 1e-5
#: values worked on at once, so that memory stays bounded
_AT_ONCE = 2**21

#: names of all corruptions, in the order in which `corrupt_images` describes them
CORRUPTIONS = tuple(_CORRUPTIONS)


def corrupt_images(
    X: ArrayLike,
    kind: str,
    severity: int,
    *,
    channels: str = "auto",
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[Any]:
    """Corrupt images in one of fourteen ways, little or much.

    For tests of how a classifier stands what it was not trained on, in the manner of
    CIFAR-10-C (Hendrycks and Dietterich 2019). It is a set of our own: most kinds of
    corruption are the same, how they are made and how strong they are is not, so
    figures compare within this set only.

    Parameters
    ----------
    X : array-like of shape (n_images, height, width), (n_images, height, width, \
n_channels) or (n_images, n_channels, height, width)
        Images: uint8, or floats between zero and one; four pixels or more on a side.
    kind : str
        One of ``skwass.datasets.CORRUPTIONS``:

        - noise: ``"gaussian_noise"``, ``"shot_noise"`` (few photons),
          ``"impulse_noise"`` (values black or white);
        - blur: ``"defocus_blur"``, ``"gaussian_blur"``, ``"motion_blur"``,
          ``"zoom_blur"``;
        - weather: ``"snow"``, ``"fog"``, ``"brightness"``;
        - processing: ``"contrast"``, ``"elastic_transform"``, ``"pixelate"``,
          ``"jpeg_compression"``.
    severity : int
        From 1, mild, to 5.
    channels : {"auto", "first", "last", "none"}, default="auto"
        Where the axis of channels is. ``"auto"`` takes three axes to be images without
        one, and of four axes the second or the last to be it, whichever is of length 1,
        3 or 4. JPEG takes three channels for red, green and blue.
    random_state : int, RandomState instance or None, default=None
        Determines noise, directions, flakes, clouds and shifts. With a number the
        images come out the same each time; the next severity is then the same noise,
        stronger, except that photons are counted anew.

    Returns
    -------
    images : ndarray of the shape and type of X
        The corrupted images. X stays as it is.

    Raises
    ------
    ValueError
        If X is of another type or shape, is NaN or outside [0, 1], `channels` does not
        fit it, or `kind` or `severity` is unknown.

    See Also
    --------
    skwass.metrics.mean_corruption_error : Sums up what corruption costs.

    Notes
    -----
    An image comes out the same whatever images come after it. Lengths, such as the
    width of a blur, are set for images of 32 pixels a side and grow with the square
    root of the shorter side.

    Of the 15 kinds of CIFAR-10-C two are not here: frost, which needs photographs of
    ice, and the blur of frosted glass. ``"gaussian_blur"`` is one of its extra kinds.

    References
    ----------
    - Hendrycks, Dietterich. Benchmarking neural network robustness to common
      corruptions and perturbations. ICLR 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skwass.datasets import CORRUPTIONS, corrupt_images
    >>> images = load_digits().images / 16
    >>> for severity in (1, 3, 5):
    ...     blurred = corrupt_images(images, "motion_blur", severity, random_state=0)
    ...     print(f"{np.mean((blurred - images) ** 2):.3f}")
    0.012
    0.037
    0.074
    >>> len(CORRUPTIONS)
    14
    """
    corruption = _checked_kind(kind)
    step = _checked_severity(severity) - 1
    given = np.asarray(X)
    place = _place_of_channels(given.shape, channels)
    _check_values(given)
    stack = given[:, None] if place is None else np.moveaxis(given, place, 1)
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    out = np.empty_like(given, order="C", subok=False)
    target = out[:, None] if place is None else np.moveaxis(out, place, 1)
    for part in _parts(stack):
        draws = [_generator(seed, kind, number) for number in range(len(stack))[part]]
        target[part] = _as_given(corruption(_as_shares(stack[part]), step, draws), out)
    return out


def _parts(stack: NDArray[Any]) -> Iterator[slice]:
    size = max(1, _AT_ONCE // stack[0].size)
    for start in range(0, len(stack), size):
        yield slice(start, start + size)


def _generator(seed: int, kind: str, number: int) -> np.random.Generator:
    """A generator of one image's own, and another for another kind."""
    # unlike the hash of Python, the same in every process
    key = (zlib.crc32(kind.encode()), number)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _as_shares(images: NDArray[Any]) -> Images:
    """In [0, 1], in single precision unless they are in double."""
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images, dtype=np.float32) / np.float32(_WHITE)
    dtype = np.float64 if images.dtype.itemsize >= 8 else np.float32
    return np.ascontiguousarray(np.clip(images, 0, 1), dtype=dtype)


def _as_given(images: Images, like: NDArray[Any]) -> NDArray[Any]:
    shares = np.clip(images, 0, 1)
    whole = like.dtype == np.uint8
    return (np.rint(_WHITE * shares) if whole else shares).astype(like.dtype)


def _checked_kind(kind: Any) -> Corruption:
    if not isinstance(kind, str) or kind not in _CORRUPTIONS:
        raise ValueError(f"kind must be one of {list(CORRUPTIONS)}; got {kind!r}.")
    return _CORRUPTIONS[kind]


def _checked_severity(severity: Any) -> int:
    whole = isinstance(severity, Integral) and not isinstance(severity, bool)
    if not whole or not 1 <= severity <= _N_SEVERITIES:
        raise ValueError(
            f"severity must be an integer from 1 to {_N_SEVERITIES}; got {severity!r}."
        )
    return int(severity)


def _place_of_channels(shape: tuple[int, ...], channels: str) -> int | None:
    """The axis of channels, or None if there is none."""
    if channels not in _CHANNELS:
        raise ValueError(f"channels must be one of {_CHANNELS}; got {channels!r}.")
    if len(shape) not in (3, 4):
        raise ValueError(
            "X must be of shape (n_images, height, width), or have a further axis of "
            f"channels; got shape {shape}. Reshape flat rows to images."
        )
    if len(shape) == 3 and channels not in ("auto", "none"):
        raise ValueError(
            f"channels={channels!r} needs an axis of channels; X has shape {shape}. "
            "Set channels='none'."
        )
    if len(shape) == 4 and channels == "none":
        raise ValueError(
            f"channels='none' needs images without an axis of channels; X has shape "
            f"{shape}. Set channels='first' or channels='last'."
        )
    place = _found_place(shape) if channels == "auto" else channels
    axis = {"first": 1, "last": 3, "none": None}[place]
    sides = shape[1:] if axis is None else (*shape[1:axis], *shape[axis + 1 :])
    if 0 in shape or min(sides) < _LEAST_SIDE:
        raise ValueError(
            "X must hold one image or more, of one channel or more and of "
            f"{_LEAST_SIDE} pixels or more on each side; got shape {shape}"
            + (f" with channels={channels!r}." if axis else ".")
        )
    return axis


def _found_place(shape: tuple[int, ...]) -> str:
    if len(shape) == 3:
        return "none"
    first, last = shape[1] in _LIKELY, shape[3] in _LIKELY
    if first == last:
        raise ValueError(
            "channels='auto' cannot tell which axis of X holds channels, the second or "
            f"the last, from its shape {shape}. Set channels='first' or "
            "channels='last'."
        )
    return "first" if first else "last"


def _check_values(X: NDArray[Any]) -> None:
    if X.dtype == np.uint8:
        return
    if X.dtype.kind != "f":
        raise ValueError(
            f"X must be uint8, or floats between 0 and 1; got dtype {X.dtype}."
        )
    least, most = X.min(), X.max()
    if np.isnan(least):
        raise ValueError("X must be finite; it contains NaN.")
    if least < -_ROUNDING or most > 1 + _ROUNDING:
        raise ValueError(
            f"X must be between 0 and 1 if it is no uint8; got values from {least:g} "
            f"to {most:g}. Divide by the value of white."
        )
