"""One number that makes probabilities as sure as they should be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

Array = NDArray[np.float64]

#: least and largest temperature
_BOUNDS = (0.05, 20.0)


def fitted_temperature(logits: Array, labels: NDArray[np.intp]) -> float:
    r"""The temperature T by which labels are most likely.

    .. math:: \min_T -\frac1n \sum_i \log \mathrm{softmax}(z_i / T)_{y_i}

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)
        Of samples that were not trained on.
    labels : ndarray of shape (n_samples,)
        Their classes.
    """
    own = logits[np.arange(len(labels)), labels]

    def loss(log_temperature: float) -> float:
        factor = np.exp(-log_temperature)
        return float(np.mean(logsumexp(factor * logits, axis=1) - factor * own))

    # convex in the factor, so that there is no other minimum
    found = minimize_scalar(loss, bounds=np.log(_BOUNDS), method="bounded")
    return float(np.exp(found.x))
