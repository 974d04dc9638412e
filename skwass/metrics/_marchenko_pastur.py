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
    Marchenko–Pastur law of ratio :math:`\gamma = m / (n - 1)`, one degree of freedom
    being lost to the mean, so :func:`wasserstein_uniformity` is about

    .. math:: \sqrt{2 - 2 \sqrt{1 - 1/n}\; E[\sqrt\lambda]}, \qquad
              E[\sqrt\lambda] = {}_2F_1(\tfrac12, -\tfrac12; 2; \gamma)
              \quad (\gamma \le 1),

    and :math:`\gamma^{-1/2}\, {}_2F_1(\tfrac12, -\tfrac12; 2; 1/\gamma)` above. That is
    close to :math:`\sqrt{m / 4n}` for many samples.

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
        the mean of simulations where both numbers are 50 or more; of five samples or
        features, within a tenth.

    Raises
    ------
    ValueError
        If a number is too small.
    TypeError
        If it is not whole.

    References
    ----------
    - Marchenko, Pastur. Distribution of eigenvalues for some sets of random matrices.
      Mathematics of the USSR-Sbornik 1, 1967.

    Examples
    --------
    >>> from skwass.metrics import uniformity_floor
    >>> [round(uniformity_floor(512, m), 3) for m in (64, 128, 256, 512)]
    [0.184, 0.258, 0.369, 0.552]
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=2)
    check_scalar(n_features, "n_features", Integral, min_val=1)
    shrunk = math.sqrt(1 - 1 / n_samples)
    mean = mean_singular_value(n_features / (n_samples - 1))
    return math.sqrt(2 - 2 * shrunk * mean)


def mean_singular_value(ratio: float) -> float:
    """Mean root of an eigenvalue under the law, the zeros of a ratio above one too."""
    if ratio > 1:
        return float(hyp2f1(0.5, -0.5, 2, 1 / ratio)) / math.sqrt(ratio)
    return float(hyp2f1(0.5, -0.5, 2, ratio))


def expected_spectrum(n_samples: int, n_features: int) -> NDArray[np.float64]:
    """What `singular_spectrum` is expected to be for uniform samples: quantiles.

    Of shape (n_features,), in descending order.
    """
    ratio = n_features / (n_samples - 1)
    inner = min(ratio, 1 / ratio)
    n_values = min(n_features, n_samples - 1)
    # an eigenvalue goes from edge to edge as a cosine, which takes the roots away
    angle = np.linspace(0, np.pi, _GRID)
    eigenvalue = 1 + inner + 2 * math.sqrt(inner) * np.cos(angle)
    # at a ratio of one both vanish at the lower edge, and twice as fast above
    slope = np.full_like(angle, 4 * math.sqrt(inner))
    safe = eigenvalue > 1e-12
    slope[safe] = np.sin(angle[safe]) ** 2 / eigenvalue[safe]
    steps = (slope[1:] + slope[:-1]) / 2
    above = np.concatenate([[0], np.cumsum(steps)])
    ranks = (np.arange(n_values) + 0.5) / n_values
    found = np.interp(ranks, above / above[-1], np.sqrt(np.maximum(eigenvalue, 0)))
    spectrum = np.zeros(n_features)
    spectrum[:n_values] = found * math.sqrt((1 - 1 / n_samples) * max(ratio, 1))
    return spectrum
