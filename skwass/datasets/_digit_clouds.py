"""The handwritten digits that come with scikit-learn, as point clouds."""

from __future__ import annotations

from typing import Any, Literal, overload

from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

from skwass.clouds import ImageToCloud, PointClouds


@overload
def load_digit_clouds(
    *, n_class: int = ..., threshold: float = ..., return_X_y: Literal[False] = ...
) -> Bunch: ...


@overload
def load_digit_clouds(
    *, n_class: int = ..., threshold: float = ..., return_X_y: Literal[True]
) -> tuple[PointClouds, NDArray[Any]]: ...


def load_digit_clouds(
    *, n_class: int = 10, threshold: float = 0.0, return_X_y: bool = False
) -> Bunch | tuple[PointClouds, NDArray[Any]]:
    """Load handwritten digits as point clouds, without a download.

    1,797 scans of 8 x 8 pixels come with scikit-learn. Pixel ``image[i, j]`` is the
    point ``(i, j)``, and its brightness the weight, as `ImageToCloud` makes them.

    Parameters
    ----------
    n_class : int, default=10
        How many digits to load, from zero on.
    threshold : float, default=0.0
        Pixels brighter than this become points; white is 16.
    return_X_y : bool, default=False
        Give clouds and labels alone.

    Returns
    -------
    digits : Bunch
        The data set, with

        data : PointClouds of n_clouds clouds
            The clouds, 16 to 42 points each by default.
        target : ndarray of shape (n_clouds,)
            The digit that each one is.
        target_names : ndarray of shape (n_class,)
            The digits there are.
        images : ndarray of shape (n_clouds, 8, 8)
            The images, from 0 to 16, as scikit-learn has them.
        DESCR : str
            Where they come from.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If n_class is not between 1 and 10, or threshold is negative or leaves an image
        without a point.

    See Also
    --------
    skwass.ImageToCloud : Makes clouds of other images.

    Examples
    --------
    >>> from skwass.datasets import load_digit_clouds
    >>> clouds, labels = load_digit_clouds(return_X_y=True)
    >>> clouds
    PointClouds(n_clouds=1797, n_features=2, sizes=16..42)
    >>> points, weights = clouds[0]
    >>> points.shape, labels[0].item()
    ((35, 2), 0)
    """
    digits = load_digits(n_class=n_class)
    clouds = ImageToCloud(threshold=threshold).fit_transform(digits.images)
    if return_X_y:
        return clouds, digits.target
    return Bunch(
        data=clouds,
        target=digits.target,
        target_names=digits.target_names[:n_class],
        images=digits.images,
        DESCR=digits.DESCR,
    )
