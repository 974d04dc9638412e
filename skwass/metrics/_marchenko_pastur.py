"""Spectra of finitely many uniform samples: the Marchenko–Pastur law."""

from __future__ import annotations

import math
from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from scipy.special import hyp2f1
from sklearn.utils import check_scalar

#: points of the numerical distribution function; its error is far below a line's width
_GRID = 4097


def uniformity_floor(n_samples: int, n_features: int) -> float:
    r"""Distance from uniform that uniform samples themselves have, since they are few.

    The covariance of n samples is not that of their distribution. For n uniform
    samples of m features, :math:`m \Sigma` has eigenvalues spread by the
    Marchenko–Pastur law [1]_, so :func:`wasserstein_uniformity` is about

    .. math:: \sqrt{2 - 2 E[\sqrt\lambda]}, \qquad
              E[\sqrt\lambda] = \sqrt{1 - \tfrac1n}\,
              \sqrt{\min\big(1, \tfrac{n - 1}{m}\big)}\;
              {}_2F_1(\tfrac12, -\tfrac12; 2; \gamma)

    with the hypergeometric function. The law has :math:`\gamma = a / b` with a the
    smaller, b the larger one of m and n - 1, one degree of freedom being lost to the
    mean. A row of length one has one less as well, which counts where a is much smaller
    than b: :math:`\gamma = (a - 1 + a/b) / b` meets both ends. For many samples, the
    floor is close to :math:`\sqrt{(m + 3) / 4n}`.

    Parameters
    ----------
    n_samples : int
        How many samples, two or more.
    n_features : int
        Of how many features.

    Returns
    -------
    floor : float
        A distance, not squared, between zero and :math:`\sqrt2`. Within a per cent of
        the mean of simulations where both numbers are 50 or more, within a tenth down
        to three.

    Raises
    ------
    ValueError
        If a number is too small.
    TypeError
        If it is not whole.

    References
    ----------
    .. [1] Marchenko, Pastur. Distribution of eigenvalues for some sets of random
       matrices. Mathematics of the USSR-Sbornik 1, 1967.

    Examples
    --------
    >>> from skwass.metrics import uniformity_floor
    >>> [round(uniformity_floor(512, m), 3) for m in (64, 128, 256, 512)]
    [0.182, 0.257, 0.369, 0.552]
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=2)
    check_scalar(n_features, "n_features", Integral, min_val=1)
    n_values, inner, unit = _law(n_samples, n_features)
    mean = n_values / n_features * unit * float(hyp2f1(0.5, -0.5, 2, inner))
    return math.sqrt(2 - 2 * mean)


def _law(n_samples: int, n_features: int) -> tuple[int, float, float]:
    """How many singular values there are, the ratio of their law, and their unit."""
    few, many = sorted((n_features, n_samples - 1))
    unit = math.sqrt((1 - 1 / n_samples) * max(1, n_features / (n_samples - 1)))
    return few, (few - 1 + few / many) / many, unit


def expected_spectrum(n_samples: int, n_features: int) -> NDArray[np.float64]:
    """What `singular_spectrum` is expected to be for uniform samples: quantiles.

    Of shape (n_features,), in descending order.
    """
    n_values, inner, unit = _law(n_samples, n_features)
    # an eigenvalue goes from edge to edge as a cosine, which takes the roots away
    angle = np.linspace(0, np.pi, _GRID)
    eigenvalue = 1 + inner + 2 * math.sqrt(inner) * np.cos(angle)
    # at a ratio of one, both vanish at the lower edge, and their quotient is one
    slope = np.ones_like(angle)
    safe = eigenvalue > 1e-12
    slope[safe] = np.sin(angle[safe]) ** 2 / eigenvalue[safe]
    steps = (slope[1:] + slope[:-1]) / 2
    above = np.concatenate([[0], np.cumsum(steps)])
    ranks = (np.arange(n_values) + 0.5) / n_values
    found = np.interp(ranks, above / above[-1], np.sqrt(np.maximum(eigenvalue, 0)))
    spectrum = np.zeros(n_features)
    spectrum[:n_values] = found * unit
    return spectrum
