"""What it costs to move mass from one point to another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from skwass.transport._simplex import Array

#: names for the Euclidean ground distance; the second is what MDS and TSNE call it
EUCLIDEAN = ("wasserstein", "euclidean", "l2")
#: scikit-learn's names for metrics that SciPy calls otherwise
_ALIASES = {"l1": "cityblock", "manhattan": "cityblock"}
#: what SciPy would otherwise estimate anew from each pair of clouds
_NEEDED = {"mahalanobis": "VI", "seuclidean": "V"}

#: how far below zero, relative to the largest, a computed distance may be
_ROUNDING = 1e-9

#: takes two arrays of points, and where to put it, and gives the matrix of distances
GroundMetric = Callable[..., Array]


@dataclass(frozen=True)
class GroundCost:
    """A power of a ground distance.

    Attributes
    ----------
    metric : callable or None, default=None
        Takes two arrays of points and gives the matrix of distances; None is Euclidean.
    order : float, default=2
        The power, and the order of the Wasserstein distance.
    """

    metric: GroundMetric | None = None
    order: float = 2.0

    @property
    def is_euclidean(self) -> bool:
        """Whether the ground distance is the Euclidean one."""
        return self.metric is None

    @property
    def is_squared_euclidean(self) -> bool:
        """Whether it is that of the squared 2-Wasserstein distance."""
        return self.metric is None and self.order == 2

    def matrix(
        self, x: NDArray[Any], y: NDArray[Any], out: Array | None = None
    ) -> Array:
        """Costs between two sets of points, in float64."""
        if self.is_squared_euclidean:
            costs = cdist(x, y, "sqeuclidean", out=out)
        else:
            distance = cdist if self.metric is None else self.metric
            costs = distance(x, y, out=out)
            if self.order != 1:
                with np.errstate(over="ignore"):
                    np.power(costs, self.order, out=costs)
        refuse_overflow(costs.max())
        return costs

    def paired(self, x: NDArray[Any], y: NDArray[Any]) -> Array:
        """Costs between points of the same row."""
        if self.metric is None:
            difference = np.asarray(x, dtype=np.float64) - y
            squares = np.einsum("ij,ij->i", difference, difference)
            costs = squares if self.order == 2 else squares ** (self.order / 2)
            refuse_overflow(costs.max(initial=0.0))
            return costs
        pairs = zip(x[:, None], y[:, None], strict=True)
        return np.array([self.matrix(*pair)[0, 0] for pair in pairs])

    def squared(self, costs: Array) -> Array:
        """Costs as squared distances."""
        return costs if self.order == 2 else costs ** (2 / self.order)


#: the cost of the squared 2-Wasserstein distance
SQUARED_EUCLIDEAN = GroundCost()


def refuse_overflow(largest: float) -> None:
    """Powers of float64 numbers end at 1e308."""
    if not np.isfinite(largest):
        raise ValueError(
            "The powers of the ground distances overflow; rescale X to smaller "
            "coordinates."
        )


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
            "scipy.spatial.distance.cdist knows, or a callable of two points; "
            "wasserstein_distances knows 'sinkhorn', 'sliced', 'max_sliced', 'bures', "
            "'linear', 'gromov', 'fused_gromov', 'gromov_slb' and 'gromov_tlb' besides."
        ) from None


def _ground_distances(
    x: NDArray[Any],
    y: NDArray[Any],
    metric: Any,
    params: dict[str, Any],
    out: Array | None = None,
) -> Array:
    try:
        distances = cdist(x, y, metric, out=out, **params)
    except (TypeError, ValueError) as error:
        if not callable(metric):
            raise
        raise ValueError(
            f"The callable metric {metric!r} must take two points, arrays of shape "
            f"({x.shape[1]},), and return their distance as one number: {error}"
        ) from error
    if not np.isfinite(distances).all():
        raise ValueError(
            f"The ground distance metric={metric!r} is NaN or infinite for some points "
            "of X."
        )
    if distances.min() < -_ROUNDING * distances.max():
        raise ValueError(
            f"The ground distance metric={metric!r} is negative for some points of X: "
            f"{distances.min():g}."
        )
    return np.maximum(distances, 0.0, out=distances)
