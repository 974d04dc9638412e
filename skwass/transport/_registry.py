"""What a user may mean by `metric`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils import check_random_state

from skwass.nn import checked_device
from skwass.transport._entropic import AnnealedTransport, SinkhornDivergence
from skwass.transport._exact import Cloud, transport_cost
from skwass.transport._gromov import (
    squared_fused_gromov,
    squared_gromov,
    third_lower_bound,
)
from skwass.transport._ground import SQUARED_EUCLIDEAN, GroundCost, ground_metric
from skwass.transport._methods import (
    Bures,
    EachPair,
    Features,
    MaxSliced,
    diagonal_rows,
    distance_rows,
    linear_rows,
    sliced_rows,
)
from skwass.transport._scheduling import FeatureMethod, PairMethod

Metric = str | Callable[..., float]


class Param(NamedTuple):
    """An entry of `metric_params`."""

    default: Any
    accepts: Callable[[Any], bool]
    expected: str


def _is_count(value: Any) -> bool:
    return (
        isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _count(default: int) -> Param:
    return Param(default, _is_count, "a positive integer")


def _is_seed(value: Any) -> bool:
    try:
        check_random_state(value)
    except (TypeError, ValueError):
        return False
    return True


_SEED = Param(0, _is_seed, "None, an integer from 0 to 2**32 - 1 or a RandomState")
_ALPHA = Param(
    0.5, lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1"
)
_TOL = Param(1e-3, lambda value: _is_number(value) and value > 0, "a positive number")
_COVARIANCE = Param(
    "full",
    lambda value: isinstance(value, str) and value in ("full", "diag"),
    "'full' or 'diag'",
)
_REFERENCE = Param(
    "auto",
    lambda value: _is_count(value) or (isinstance(value, str) and value == "auto"),
    "'auto' or a positive integer",
)
_PARAMS: dict[str, dict[str, Param]] = {
    "sinkhorn": {"max_iter": _count(1000), "tol": _TOL},
    "sliced": {
        "n_projections": _count(100),
        "n_quantiles": _count(256),
        "random_state": _SEED,
    },
    "max_sliced": {
        "n_projections": _count(32),
        "max_iter": _count(50),
        "random_state": _SEED,
    },
    "bures": {"covariance": _COVARIANCE},
    "linear": {"n_reference": _REFERENCE, "random_state": _SEED},
    "gromov": {"max_iter": _count(1000)},
    "fused_gromov": {"alpha": _ALPHA, "max_iter": _count(1000)},
    "gromov_slb": {"n_quantiles": _count(256)},
    "gromov_tlb": {},
}
_SOLVERS = {"sinkhorn": ("auto", "annealed", "log")}
_TRANSPORT_SOLVERS = ("auto", "exact", "simplex", "annealed")
_ANNEALED_ITER = 500
_ANNEALED_TOL = 0.05


def method_for(
    metric: Metric,
    metric_params: Mapping[str, Any] | None = None,
    *,
    order: float = 2,
    solver: str = "auto",
    reg: float | None = None,
    device: str = "cpu",
) -> PairMethod | FeatureMethod:
    """How to compute a metric.

    Raises
    ------
    ValueError
        If a parameter is not what is expected, or does not go with the metric.
    """
    if not _is_number(order) or not 1 <= order < np.inf:
        raise ValueError(f"order must be a number of at least 1; got {order!r}.")
    if reg is not None and not (_is_number(reg) and 0 < reg < np.inf):
        raise ValueError(f"reg must be None or a positive number; got {reg!r}.")
    if metric_params is not None and not isinstance(metric_params, Mapping):
        raise ValueError(
            f"metric_params must be None or a dictionary; got {metric_params!r}."
        )
    device = _checked_device(device)
    if not isinstance(metric, str) or metric not in _PARAMS:
        _check_solver(metric, solver, _TRANSPORT_SOLVERS)
        return _transport(metric, metric_params, order, solver, reg, device)
    _check_solver(metric, solver, _SOLVERS.get(metric, ("auto",)))
    if order != 2:
        raise ValueError(f"metric={metric!r} has order=2 only; got order={order!r}.")
    params = _checked_params(metric, metric_params or {})
    if metric == "sinkhorn":
        return SinkhornDivergence(reg, device, log=solver == "log", **params)
    if reg is not None:
        raise ValueError(f"metric={metric!r} has no regularisation; got reg={reg!r}.")
    return _unregularised(metric, params)


def _transport(
    metric: Metric,
    metric_params: Mapping[str, Any] | None,
    order: float,
    solver: str,
    reg: float | None,
    device: str,
) -> PairMethod:
    cost = GroundCost(ground_metric(metric, dict(metric_params or {})), float(order))
    if solver == "auto":
        solver = "exact" if torch.device(device).type == "cpu" else "annealed"
    if solver == "annealed":
        return AnnealedTransport(cost, reg, device, _ANNEALED_ITER, _ANNEALED_TOL)
    if reg is not None:
        raise ValueError(
            f"reg={reg!r} goes with solver='annealed' or metric='sinkhorn'; "
            f"metric={metric!r} with solver={solver!r} is exact and has none."
        )

    def squared(source: Cloud, target: Cloud) -> float:
        found = transport_cost(source, target, cost, dense=solver == "simplex")
        return float(cost.squared(np.float64(found)))

    return EachPair("exact distances", squared, cost)


def _unregularised(metric: str, params: dict[str, Any]) -> PairMethod | FeatureMethod:
    if metric == "sliced":
        return Features("sliced transport", sliced_rows, params=params)
    if metric == "max_sliced":
        return MaxSliced(**params)
    if metric == "bures":
        if params["covariance"] == "full":
            return Bures()
        return Features("Gaussians", diagonal_rows, SQUARED_EUCLIDEAN)
    if metric == "linear":
        known = SQUARED_EUCLIDEAN
        return Features("linear transport", linear_rows, known, params=params)
    if metric == "fused_gromov":
        fused = partial(squared_fused_gromov, **params)
        return EachPair("fused Gromov–Wasserstein", fused)
    if metric == "gromov_slb":
        return Features("second bound", distance_rows, same_space=False, params=params)
    if metric == "gromov_tlb":
        return EachPair("third bound", third_lower_bound, same_space=False)
    squared = partial(squared_gromov, **params)
    return EachPair("Gromov–Wasserstein", squared, same_space=False)


def _checked_device(device: str) -> str:
    if not isinstance(device, str):
        raise ValueError(f"device must be a string such as 'cpu'; got {device!r}.")
    checked_device(device)
    # "cpu:0" is the CPU too
    return "cpu" if torch.device(device).type == "cpu" else device


def _check_solver(metric: Metric, solver: str, solvers: tuple[str, ...]) -> None:
    if not isinstance(solver, str) or solver not in solvers:
        raise ValueError(
            f"solver must be one of {solvers} for metric={metric!r}; got {solver!r}."
        )


def _checked_params(metric: str, given: Mapping[str, Any]) -> dict[str, Any]:
    known = _PARAMS[metric]
    for name, value in given.items():
        if name not in known:
            raise ValueError(
                f"metric={metric!r} knows {sorted(known)} in metric_params; got "
                f"{name!r}."
            )
        if not known[name].accepts(value):
            raise ValueError(
                f"metric_params[{name!r}] must be {known[name].expected} for "
                f"metric={metric!r}; got {value!r}."
            )
    return {name: param.default for name, param in known.items()} | dict(given)
