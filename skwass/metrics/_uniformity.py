"""How far representations are from uniform on the sphere, and pairs from each other."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.utils import check_scalar

from skwass.metrics._marchenko_pastur import uniformity_floor
from skwass.metrics._representations import checked_representation
from skwass.metrics._spectrum import spectrum_of_rows

#: entries of a block of the kernel matrix
_BLOCK = 2**22


def wasserstein_uniformity(
    Z: Any, *, squared: bool = False, normalize: bool = True, corrected: bool = False
) -> float:
    r"""2-Wasserstein distance of representations from uniform on the sphere.

    With the mean :math:`\mu` and the covariance :math:`\Sigma` (by 1/n) of n rows of m
    features, the distance between :math:`N(\mu, \Sigma)` and :math:`N(0, I/m)`, which
    is close to uniform on the sphere [1]_:

    .. math:: W_2^2 = \|\mu\|^2 + 1 + \operatorname{Tr} \Sigma
              - \tfrac{2}{\sqrt m} \operatorname{Tr} \Sigma^{1/2}
              = 2 - \frac{2}{\sqrt{nm}} \|Z_c\|_*

    for rows of length one, with the nuclear norm of the centred matrix. Zero is
    uniform, :math:`\sqrt2` is collapsed to one point. If a share :math:`\eta` of the
    dimensions has collapsed, it is :math:`\sqrt{2 - 2 \sqrt{1 - \eta}}`. Uniformity is
    :math:`-W_2` in the paper, and for scorers.

    The order of samples and their copies make no difference; copies of features, or
    features of zeros, make it worse.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_features)
        Representations: an array of any numbers, a torch tensor on any device, a frame.
        Computed in float64. For gradients, see
        :class:`skwass.nn.WassersteinUniformityLoss`.
    squared : bool, default=False
        Give the squared distance.
    normalize : bool, default=True
        Scale rows to length one first: what is compared lies on the sphere. Otherwise
        they are taken as they are, and the distance has no upper bound.
    corrected : bool, default=False
        Give the excess over :func:`uniformity_floor`, what as many uniform samples
        have: :math:`(W_2 - f) / (\sqrt2 - f)`, where zero is as uniform as it gets and
        one is collapsed; of samples spread more evenly than by chance, a little below
        zero. With `squared`, the same of squares. Compare numbers of samples or
        features that differ by this.

    Returns
    -------
    distance : float
        Without unit.

    Raises
    ------
    ValueError
        If Z is not of two dimensions, complex, NaN or infinite, or has a single sample;
        or, to be normalised, has a row of zeros, which is named, or a single feature.

    See Also
    --------
    skwass.metrics.representation_report : This beside figures with other blind spots.

    Notes
    -----
    The two first moments are all that counts. Samples at the ends of the axes, as many
    at each, have a distance of zero and are far from uniform. Look at
    :func:`wang_isola_uniformity` as well.

    References
    ----------
    .. [1] Fang, Li, Sun, Wang. Rethinking the uniformity metric in self-supervised
       learning. ICLR 2024. arXiv:2403.00642

    Examples
    --------
    >>> import numpy as np
    >>> from skwass import wasserstein_uniformity
    >>> Z = np.random.default_rng(0).normal(size=(2000, 32))
    >>> round(wasserstein_uniformity(Z), 2)
    0.07
    >>> Z[:, :16] = 0  # half of the dimensions collapse
    >>> round(wasserstein_uniformity(Z), 2)
    0.77
    """
    rows = checked_representation(Z, normalize=normalize)
    power = 1.0 if normalize else float(np.square(rows).sum(axis=1).mean())
    return distance_of_spectrum(
        spectrum_of_rows(rows),
        len(rows),
        power=power,
        squared=squared,
        corrected=corrected,
    )


def distance_of_spectrum(
    spectrum: NDArray[np.float64],
    n_samples: int,
    *,
    power: float = 1.0,
    squared: bool = False,
    corrected: bool = False,
) -> float:
    """The distance from singular values and the mean squared length of rows."""
    square = max(0.0, 1 + power - 2 * float(spectrum.mean()))
    floor = uniformity_floor(n_samples, len(spectrum)) if corrected else 0.0
    if squared:
        return (square - floor**2) / (2 - floor**2) if corrected else square
    distance = math.sqrt(square)
    return (distance - floor) / (math.sqrt(2) - floor) if corrected else distance


def wang_isola_uniformity(Z: Any, *, t: float = 2.0, normalize: bool = True) -> float:
    r"""How close representations are to each other, by a Gaussian kernel.

    .. math:: L_U = \log \frac{2}{n (n - 1)} \sum_{i<j} e^{-t \|z_i - z_j\|^2}

    Less is more uniform [1]_. All pairs are looked at, in blocks of bounded memory.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_features)
        Representations: an array, a torch tensor, a frame. Computed in float64.
    t : float, default=2.0
        Of the kernel, as published.
    normalize : bool, default=True
        Scale rows to length one first.

    Returns
    -------
    loss : float
        Zero if all are the same; about :math:`-2t` if they are uniform in many
        dimensions; never below :math:`-4t` if normalised.

    Raises
    ------
    ValueError
        As :func:`wasserstein_uniformity` does, or if t is not positive.

    See Also
    --------
    skwass.nn.WangIsolaLoss : The same as a loss.

    References
    ----------
    .. [1] Wang, Isola. Understanding contrastive representation learning through
       alignment and uniformity on the hypersphere. ICML 2020.

    Examples
    --------
    >>> from skwass.metrics import wang_isola_uniformity
    >>> wang_isola_uniformity([[1, 0], [-1, 0]])
    -8.0
    """
    _check_positive(t, "t")
    rows = checked_representation(Z, normalize=normalize)
    rows = rows - rows.mean(axis=0)  # pairs far from the origin keep their digits
    squares = np.square(rows).sum(axis=1)
    n_samples = len(rows)
    total = -math.inf
    height = max(1, _BLOCK // n_samples)
    for start in range(0, n_samples - 1, height):
        block = slice(start, min(start + height, n_samples - 1))
        gaps = squares[block, None] + squares[start:] - 2 * rows[block] @ rows[start:].T
        kernel = -t * np.maximum(gaps, 0)
        # each pair once, and none with itself
        kernel[np.tril(np.ones_like(kernel, dtype=bool))] = -np.inf
        total = np.logaddexp(total, logsumexp(kernel))
    return float(total - math.log(n_samples * (n_samples - 1) / 2))


def alignment(
    Z: Any, Z_positive: Any, *, alpha: float = 2.0, normalize: bool = True
) -> float:
    r"""Mean distance between two views of the same samples.

    .. math:: \frac1n \sum_i \|z_i - z_i^+\|^\alpha

    Less is better aligned [1]_; a representation that has collapsed is perfectly so.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_features)
        Representations of one view: an array, a torch tensor, a frame.
    Z_positive : array-like of shape (n_samples, n_features)
        Those of another view, in the same order.
    alpha : float, default=2.0
        The power, as published: squared distances.
    normalize : bool, default=True
        Scale rows to length one first.

    Returns
    -------
    alignment : float
        Between zero and :math:`2^\alpha` if normalised; two to the power
        :math:`\alpha / 2` for views that have nothing to do with each other.

    Raises
    ------
    ValueError
        If shapes differ, alpha is not positive, or a side is not of two dimensions,
        complex, NaN or infinite, or empty; or, to be normalised, has a row of zeros or
        a single feature.

    References
    ----------
    .. [1] Wang, Isola. Understanding contrastive representation learning through
       alignment and uniformity on the hypersphere. ICML 2020.

    Examples
    --------
    >>> from skwass.metrics import alignment
    >>> alignment([[1, 0], [0, 1]], [[3, 0], [1, 0]])
    1.0
    """
    _check_positive(alpha, "alpha")
    first, second = (
        checked_representation(side, normalize=normalize, name=name, min_samples=1)
        for side, name in ((Z, "Z"), (Z_positive, "Z_positive"))
    )
    if first.shape != second.shape:
        raise ValueError(
            "Z and Z_positive must be of the same shape, two views of the same "
            f"samples; got {first.shape} and {second.shape}."
        )
    squares = np.square(first - second).sum(axis=1)
    return float(np.mean(squares ** (alpha / 2)))


def _check_positive(value: float, name: str) -> None:
    check_scalar(value, name, Real, min_val=0, include_boundaries="neither")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a positive number; got {value!r}.")
