"""How much the members of an ensemble differ in what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr
from sklearn.utils import Bunch

from skwass.metrics._predictions import checked_probabilities, checked_weights


def ensemble_diversity(
    proba: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> Bunch:
    r"""How often members disagree on the label, and how far apart they are.

    An ensemble gains by members that err in different places. For the probabilities
    :math:`p_m(x_i)` of M members on n samples, with entropy H and weights that sum to
    one,

    .. math:: \text{disagreement} &= \frac{2}{M(M-1)} \sum_{m < m'} \sum_i w_i\,
              \big[\arg\max p_m(x_i) \ne \arg\max p_{m'}(x_i)\big], \\
              \text{divergence} &= \sum_i w_i \Big[H\Big(\tfrac1M \sum_m p_m(x_i)\Big)
              - \tfrac1M \sum_m H\big(p_m(x_i)\big)\Big].

    The divergence is that of Jensen and Shannon, of all members at once: what the name
    of the member would tell of the label. It sees confidence too, the disagreement
    labels only.

    Parameters
    ----------
    proba : array-like of shape (n_members, n_samples, n_classes)
        Probabilities by each member, as from ``predict_members``; rows sum to one.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. A weight of two is the same as the sample twice.

    Returns
    -------
    diversity : Bunch
        `disagreement`, a float between zero and one, and `divergence`, a float in nats
        between zero and ``log(n_members)``. Both are zero if all say the same, and for
        one member.

    Raises
    ------
    ValueError
        If proba has another number of dimensions or a single class, holds NaN or what
        is no probability, or weights are negative, all zero, or of another length.

    References
    ----------
    - Kuncheva, Whitaker. Measures of diversity in classifier ensembles and their
      relationship with the ensemble accuracy. Machine Learning 51, 2003.
    - Lin. Divergence measures based on the Shannon entropy. IEEE Transactions on
      Information Theory 37, 1991.

    Examples
    --------
    Two members agree on the first sample, and not on the second:

    >>> from skwass.metrics import ensemble_diversity
    >>> found = ensemble_diversity([[[1, 0], [1, 0]], [[1, 0], [0, 1]]])
    >>> found.disagreement
    0.5
    >>> round(found.divergence, 4)  # log(2) / 2
    0.3466
    """
    members = _checked_members(proba)
    n_members, n_samples, n_classes = members.shape
    weights = checked_weights(sample_weight, n_samples)
    votes = np.eye(n_classes)[members.argmax(axis=-1)].sum(axis=0)
    agreeing = (votes * (votes - 1)).sum(axis=-1) / max(n_members * (n_members - 1), 1)
    differing = 1 - agreeing if n_members > 1 else np.zeros(n_samples)
    # rounding may leave a little less than nothing
    apart = np.maximum(
        entr(members.mean(axis=0)).sum(axis=-1)
        - entr(members).sum(axis=-1).mean(axis=0),
        0.0,
    )
    return Bunch(
        disagreement=float(np.average(differing, weights=weights)),
        divergence=float(np.average(apart, weights=weights)),
    )


def _checked_members(proba: ArrayLike) -> NDArray[np.float64]:
    shape = np.shape(proba)
    if len(shape) != 3 or shape[0] < 1 or shape[2] < 2:
        raise ValueError(
            "proba must be of shape (n_members, n_samples, n_classes), with a member "
            f"and two classes at least; got shape {shape}."
        )
    return np.stack(
        [
            checked_probabilities(member, name=f"proba[{place}]")[0]
            for place, member in enumerate(np.asarray(proba))
        ]
    )
