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
    r"""The temperature T by which labels are most likely, and not far from one.

    .. math:: \min_T -\sum_i \log \mathrm{softmax}(z_i / T)_{y_i}
              + \tfrac12 (\log T)^2

    The last term counts about as much as one sample. Without it, T would go to zero
    where all labels are right, as they often are of a few samples, and a later mistake
    would be made with certainty.

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
        surprise = np.sum(logsumexp(factor * logits, axis=1) - factor * own)
        return float(surprise + log_temperature**2 / 2)

    found = minimize_scalar(loss, bounds=np.log(_BOUNDS), method="bounded")
    return float(np.exp(found.x))
