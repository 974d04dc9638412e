"""Which distance between points a user means by `metric`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from skwass.transport._exact import GroundMetric

#: names for the Euclidean ground distance; the second is what MDS and TSNE call it
EUCLIDEAN = ("wasserstein", "euclidean", "l2")
#: scikit-learn's names for metrics that SciPy calls otherwise
_ALIASES = {"l1": "cityblock", "manhattan": "cityblock"}
#: what SciPy would otherwise estimate anew from each pair of clouds
_NEEDED = {"mahalanobis": "VI", "seuclidean": "V"}


def ground_metric(
    metric: str | Callable[..., float], metric_params: dict[str, Any] | None = None
) -> GroundMetric | None:
    """A function of two arrays of points, or None for the Euclidean distance.

    Raises
    ------
    ValueError
        If SciPy knows no metric of that name or refuses its parameters.
    """
    params = metric_params or {}
    if isinstance(metric, str):
        if metric in EUCLIDEAN and not params:
            return None
        metric = _ALIASES.get(metric, "euclidean" if metric in EUCLIDEAN else metric)
        _try_out(metric, params)
    elif not callable(metric):
        raise ValueError(f"metric must be a string or a callable; got {metric!r}.")
    return partial(_ground_distances, metric=metric, params=params)


def _try_out(metric: str, params: dict[str, Any]) -> None:
    needed = _NEEDED.get(metric)
    if needed is not None and needed not in params:
        raise ValueError(
            f"metric={metric!r} needs {needed!r} in metric_params, the same for all "
            "pairs of clouds."
        )
    points = np.array([[0.25, 0.75], [0.5, 0.5]])
    if {"V", "VI", "w"} & set(params):
        return  # sized for the dimension of X: SciPy checks them there
    try:
        cdist(points, points, metric, **params)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"metric={metric!r} with metric_params={params!r} is no ground distance: "
            f"{error}. Use 'wasserstein' (Euclidean), a name that "
            "scipy.spatial.distance.cdist knows, or a callable of two points."
        ) from None


def _ground_distances(
    x: NDArray[Any], y: NDArray[Any], metric: Any, params: dict[str, Any]
) -> NDArray[np.float64]:
    distances = cdist(x, y, metric, **params)
    if not np.isfinite(distances).all():
        raise ValueError(
            f"The ground distance metric={metric!r} is NaN or infinite for some points "
            "of X."
        )
    return distances
