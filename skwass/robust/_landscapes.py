"""From a fitted estimator to the losses of its networks, as functions of weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any

import torch
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNet
from skorch.utils import to_tensor
from torch import Tensor, nn
from torch.utils.data import DataLoader

from skwass.nn import Landscape, Perceptron
from skwass.robust._estimator import SharpnessAwareEstimator
from skwass.robust._members import Group
from skwass.robust._modules import as_inputs
from skwass.training import with_mean_one

#: what training adds to the loss, and what the loss is without
_PLAIN = {"class_weight": None, "label_smoothing": 0.0}


def landscapes_of(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    batch_size: int = 1024,
) -> list[Landscape]:
    """One landscape for each member; all on copies, in double precision if they can be.

    Parameters
    ----------
    estimator : object
        A fitted `OTMDRClassifier` or `OTMDRRegressor`, a pipeline or a search around
        one, or a skorch net.
    X, y : object
        What it was fitted on, or alike.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights in the loss.
    batch_size : int, default=1024
        Samples at once.

    Returns
    -------
    landscapes : list of Landscape
        The members' losses, means over samples.
    """
    check_scalar(batch_size, "batch_size", Integral, min_val=1)
    estimator, X = _innermost(estimator, X)
    if isinstance(estimator, NeuralNet):
        return [_of_net(estimator, X, y, sample_weight, batch_size)]
    if not isinstance(estimator, SharpnessAwareEstimator):
        raise ValueError(
            "estimator must have torch modules: an OTMDRClassifier, an OTMDRRegressor, "
            "a skorch net, or a pipeline that ends in one; got "
            f"{type(estimator).__name__}."
        )
    plain = copy.copy(estimator)
    for name in _PLAIN.keys() & plain.get_params().keys():
        setattr(plain, name, _PLAIN[name])
    X, y = plain._read_pair(X, y, reset=False)
    X, targets, weights = plain._weighted(X, y, sample_weight)
    inputs, loss = as_inputs(X, plain._whole), plain._task().loss
    weights = torch.as_tensor(with_mean_one(weights))
    parts = [part.split(batch_size) for part in (inputs, targets, weights)]
    batches = list(zip(*parts, strict=True))
    return [
        _of_module(module, group, batches, loss)
        for group in estimator._groups
        for module in _networks(group)
    ]


def _innermost(estimator: Any, X: Any) -> tuple[Any, Any]:
    """The last step of pipelines, the best of searches, and what it gets to see."""
    while True:
        if isinstance(estimator, Pipeline):
            check_is_fitted(estimator)
            if len(estimator) > 1:
                X = estimator[:-1].transform(X)
            estimator = estimator[-1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, NeuralNet):
            if not getattr(estimator, "initialized_", False):
                raise NotFittedError(
                    f"This {type(estimator).__name__} is not fitted yet."
                )
            return estimator, X
        else:
            check_is_fitted(estimator)
            return estimator, X


def _networks(group: Group) -> list[nn.Module]:
    if isinstance(group.module, Perceptron) and group.stacked:
        return [*group.module.alone()]
    return [group.module]


def _of_module(
    module: nn.Module,
    group: Group,
    batches: list[tuple[Tensor, Tensor, Tensor]],
    loss: nn.Module,
) -> Landscape:
    n_samples = sum(len(targets) for _, targets, _ in batches)

    def share(network: nn.Module, dtype: torch.dtype, batch: Any) -> Tensor:
        inputs, targets, weights = (part.to(group.net.device) for part in batch)
        inputs = inputs.to(dtype) if inputs.is_floating_point() else inputs
        if targets.is_floating_point():
            targets = targets.to(dtype)
        found: Tensor = loss(network(inputs), (targets, weights.to(dtype)))
        return found * (len(targets) / n_samples)

    return _landscape(module, share, batches)


def _of_net(
    net: NeuralNet, X: Any, y: Any, sample_weight: Any, batch_size: int
) -> Landscape:
    if sample_weight is not None:
        raise ValueError("sample_weight must be None for a skorch net.")
    net = copy.deepcopy(net)
    if getattr(net.criterion_, "reduction", "mean") != "mean":
        raise ValueError(
            "estimator must have a criterion that is a mean over samples; got "
            f"reduction={net.criterion_.reduction!r}."
        )
    data = net.get_dataset(X, y)
    # a loader without a generator draws from the global one
    batches = list(DataLoader(data, batch_size, generator=torch.Generator()))

    def share(network: nn.Module, dtype: torch.dtype, batch: Any) -> Tensor:
        inputs, target = (_cast(to_tensor(p, net.device), dtype) for p in batch)
        net.module_ = network
        net.criterion_.to(dtype)
        outputs = net.infer(inputs)
        found: Tensor = net.get_loss(outputs, target, X=inputs, training=False)
        first = outputs[0] if isinstance(outputs, tuple) else outputs
        return found * (len(first) / len(data))

    return _landscape(net.module_, share, batches)


def _landscape(
    module: nn.Module,
    share: Callable[[nn.Module, torch.dtype, Any], Tensor],
    batches: list[Any],
) -> Landscape:
    """That of a copy in evaluation, as precise as its layers and its device let it."""
    copied = copy.deepcopy(module).eval()
    dtype = torch.float64
    try:
        with torch.no_grad():
            share(copied.double(), dtype, batches[0])
    except (RuntimeError, TypeError):
        copied, dtype = copy.deepcopy(module).eval(), torch.float32
    terms = [partial(share, copied, dtype, batch) for batch in batches]
    landscape = Landscape(copied, terms)
    if not landscape.parameters:
        raise ValueError(
            f"estimator must have weights that can be trained; {type(module).__name__} "
            "has no parameter that requires a gradient."
        )
    return landscape


def _cast(data: Any, dtype: torch.dtype) -> Any:
    """Real numbers to another precision, wherever they are in there."""
    if isinstance(data, Tensor):
        return data.to(dtype) if data.is_floating_point() else data
    if isinstance(data, dict):
        return {name: _cast(part, dtype) for name, part in data.items()}
    return type(data)(_cast(part, dtype) for part in data)
