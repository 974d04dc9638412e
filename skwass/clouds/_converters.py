"""Stateless transformers that read images and histograms as point clouds."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin
from sklearn.utils import Tags, check_array
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from skwass.clouds._container import PointClouds
from skwass.clouds._output import CloudsOutMixin

if TYPE_CHECKING:
    from typing_extensions import Self


class _GridToCloud(ClassNamePrefixFeaturesOutMixin, CloudsOutMixin, BaseEstimator):
    """What both converters share: numbers on a fixed support become weights.

    The features that come out, so that a pipeline can name its own, are the coordinates
    of the points.
    """

    threshold: float | None
    _n_features_out: int

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _clouds(self, X: NDArray[Any], support: NDArray[Any]) -> PointClouds:
        if (X < 0).any():
            index = int(np.argmax((X < 0).any(axis=1)))
            raise ValueError(
                "Negative values in data passed to "
                f"{type(self).__name__}: X[{index}] has one, and mass is non-negative."
            )
        kept = np.full(X.shape, True) if self.threshold is None else X > self.threshold
        mass = np.where(kept, X, 0).sum(axis=1, dtype=np.float64)
        if self.threshold is None:
            mass[mass == 0] = 1.0
        elif not (mass > 0).all():
            raise ValueError(
                f"X[{int(np.argmin(mass > 0))}] makes an empty cloud: of its "
                f"n_features={X.shape[1]} values none is above "
                f"threshold={self.threshold!r}."
            )
        owner, place = np.nonzero(kept)
        dtype = np.float32 if X.dtype == np.float32 else np.float64
        return PointClouds(
            support.astype(dtype)[place],
            X[owner, place] / mass[owner],
            np.concatenate([[0], np.cumsum(kept.sum(axis=1))]),
        )


class ImageToCloud(_GridToCloud):
    """Read images as point clouds: pixels are points, intensities their weights.

    Pixel ``image[i, j]`` becomes the point ``(i, j)`` with the weight
    ``image[i, j] / image.sum()``. Distances between the clouds are in pixels.

    Parameters
    ----------
    shape : tuple of int, default=None
        Shape of one image, such as ``(8, 8)``, for images that come as flat rows. One
        entry may be -1, as in NumPy, and is found from the number of pixels. Volumes
        have three entries. None reads it off X, which then must be of shape (n_images,
        height, width).
    threshold : float, default=0.0
        Pixels brighter than this become points. The default keeps every pixel that has
        mass; raise it to drop noise of the background. None makes a point of each
        pixel, those without mass included, so that all clouds have the same size; a
        blank image then keeps weights of zero, which the next estimator refuses.

    Attributes
    ----------
    n_features_in_ : int
        Number of pixels of an image.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the pixels, if X was a data frame.

    See Also
    --------
    HistogramToCloud : The same for any other support.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skwass import ImageToCloud
    >>> ImageToCloud((8, 8)).fit_transform(load_digits().data)
    PointClouds(n_clouds=1797, n_features=2, sizes=16..42)
    """

    _parameter_constraints: dict = {
        "shape": [tuple, list, None],
        "threshold": [Interval(Real, 0, None, closed="left"), None],
    }

    def __init__(
        self, shape: tuple[int, ...] | None = None, *, threshold: float | None = 0.0
    ) -> None:
        self.shape = shape
        self.threshold = threshold

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        r"""Check the images; nothing is learned.

        Parameters
        ----------
        X : array-like of shape (n_images, n_pixels) or (n_images, \*shape)
            The images, non-negative.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer itself.

        Raises
        ------
        ValueError
            If X does not fit `shape`, or has negative values, NaN or infinities.
        """
        self._validate_params()
        images, shape = self._read(X, reset=True)
        self._n_features_out = self._clouds(images, _grid(shape)).n_features
        return self

    def transform(self, X: ArrayLike) -> PointClouds:
        r"""Turn images into clouds.

        Parameters
        ----------
        X : array-like of shape (n_images, n_pixels) or (n_images, \*shape)
            The images, non-negative, each with at least one pixel above `threshold`.

        Returns
        -------
        clouds : PointClouds of n_images clouds
            Points of dimension ``len(shape)`` (float32 if X is, else float64), weights
            that sum to one.

        Raises
        ------
        ValueError
            As in `fit`, or if an image has no pixel above `threshold`.
        """
        self._validate_params()
        images, shape = self._read(X, reset=False)
        return self._clouds(images, _grid(shape))

    def _read(
        self, X: ArrayLike, *, reset: bool
    ) -> tuple[NDArray[Any], tuple[int, ...]]:
        if isinstance(X, list | tuple):
            X = np.asarray(X)
        stacked = getattr(X, "ndim", 2) > 2
        if stacked:
            stack = check_array(X, allow_nd=True, dtype="numeric", input_name="X")
            flat = validate_data(self, stack.reshape(len(stack), -1), reset=reset)
        else:
            flat = validate_data(self, X, dtype="numeric", reset=reset)
        if self.shape is None:
            if not stacked:
                raise ValueError(
                    f"X holds flat images of {flat.shape[1]} pixels (n_features="
                    f"{flat.shape[1]}); say their shape, as in ImageToCloud((8, 8))."
                )
            return flat, stack.shape[1:]
        shape = _complete(self.shape, flat.shape[1])
        if stacked and stack.shape[1:] != shape:
            raise ValueError(
                f"shape={self.shape!r} was promised; X has images of shape "
                f"{stack.shape[1:]}."
            )
        return flat, shape


class HistogramToCloud(_GridToCloud):
    """Read histograms as point clouds: bins are points, counts their weights.

    Parameters
    ----------
    support : array-like of shape (n_bins, n_features) or (n_bins,), default=None
        Where each bin lies. None puts bin k at the place k on a line.
    threshold : float, default=0.0
        Bins with more than this become points; None makes a point of each bin, those
        without mass included, and leaves it to the next estimator to refuse a row of
        zeros.

    Attributes
    ----------
    n_features_in_ : int
        Number of bins.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the bins, if X was a data frame.

    See Also
    --------
    ImageToCloud : The same for pixels on a grid.

    Examples
    --------
    Words in a plane, and two documents that count them:

    >>> from skwass import HistogramToCloud
    >>> words = [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]
    >>> clouds = HistogramToCloud(words).fit_transform([[3, 1, 0], [0, 0, 5]])
    >>> clouds[0]
    (array([[0., 0.],
           [1., 0.]]), array([0.75, 0.25]))
    """

    _parameter_constraints: dict = {
        "support": ["array-like", None],
        "threshold": [Interval(Real, 0, None, closed="left"), None],
    }

    def __init__(
        self, support: ArrayLike | None = None, *, threshold: float | None = 0.0
    ) -> None:
        self.support = support
        self.threshold = threshold

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Check the histograms; nothing is learned.

        Parameters
        ----------
        X : array-like of shape (n_histograms, n_bins)
            Counts or masses, non-negative.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer itself.

        Raises
        ------
        ValueError
            If the number of bins is not that of `support`, or X has negative values,
            NaN or infinities.
        """
        self._validate_params()
        self._n_features_out = self._clouds(*self._read(X, reset=True)).n_features
        return self

    def transform(self, X: ArrayLike) -> PointClouds:
        """Turn histograms into clouds.

        Parameters
        ----------
        X : array-like of shape (n_histograms, n_bins)
            Counts or masses, non-negative, each row with at least one bin above
            `threshold`.

        Returns
        -------
        clouds : PointClouds of n_histograms clouds
            Points of the support (float32 if X is, else float64), weights that sum to
            one.

        Raises
        ------
        ValueError
            As in `fit`, or if a histogram has no bin above `threshold`.
        """
        self._validate_params()
        return self._clouds(*self._read(X, reset=False))

    def _read(self, X: ArrayLike, *, reset: bool) -> tuple[NDArray[Any], NDArray[Any]]:
        counts = validate_data(self, X, dtype="numeric", reset=reset)
        if self.support is None:
            return counts, np.arange(counts.shape[1], dtype=np.float64)[:, None]
        support = check_array(
            self.support, ensure_2d=False, dtype=np.float64, input_name="support"
        )
        support = support.reshape(len(support), -1)
        if len(support) != counts.shape[1]:
            raise ValueError(
                f"support has {len(support)} places and X has {counts.shape[1]} bins "
                f"(n_features={counts.shape[1]}); each bin needs its place."
            )
        return counts, support


def _complete(shape: tuple[int, ...], n_pixels: int) -> tuple[int, ...]:
    """The shape with -1 filled in, or an error if the pixels do not fit it."""
    entries_fit = all(isinstance(n, Integral) and (n > 0 or n == -1) for n in shape)
    if not shape or not entries_fit or list(shape).count(-1) > 1:
        raise ValueError(
            f"shape must have positive integers, of which one may be -1; got {shape!r}."
        )
    known = int(np.prod([n for n in shape if n != -1]))
    filled = tuple(n_pixels // known if n == -1 else int(n) for n in shape)
    if int(np.prod(filled)) != n_pixels:
        raise ValueError(
            f"X has images of {n_pixels} pixels (n_features={n_pixels}), which do not "
            f"fit shape={tuple(shape)!r}."
        )
    return filled


def _grid(shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.moveaxis(np.indices(shape, dtype=np.float64), 0, -1).reshape(
        -1, len(shape)
    )
