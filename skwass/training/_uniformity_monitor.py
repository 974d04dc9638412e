"""Watch a layer while it trains: how far its outputs are from uniform."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import Tensor, nn

from skwass.metrics import singular_spectrum, uniformity_floor
from skwass.metrics._spectrum import rank_of_spectrum
from skwass.metrics._uniformity import distance_of_spectrum


class LayerUniformity(NamedTuple):
    """What `layer_uniformity` found of the outputs of a layer.

    Parameters
    ----------
    distance : float
        Wasserstein distance from uniform: zero is uniform, the root of two collapsed.
    floor : float
        What as many uniform samples have.
    excess : float
        How far the distance is above the floor: zero is as uniform as it gets, one is
        collapsed.
    effective_rank : float
        In how many directions the outputs spread.
    zero_share : float
        Share of samples whose outputs are all zero. They have no direction, and the
        other figures leave them out.
    """

    distance: float
    floor: float
    excess: float
    effective_rank: float
    zero_share: float


def layer_uniformity(
    module: nn.Module,
    X: Any,
    layer: str | nn.Module = "",
    *,
    batch_size: int = 1024,
    device: Any = None,
) -> LayerUniformity:
    """Uniformity of the outputs of a layer, in any training loop.

    The module runs as in evaluation, without gradients, and is left as it was: batch
    statistics, dropout and random numbers of training are not touched.

    Parameters
    ----------
    module : Module
        The network.
    X : Tensor or ndarray of shape (n_samples, ...), or iterable of batches
        What it is run on: as many samples as fit in memory as outputs of the layer,
        always the same ones. Of a batch that is a tuple or a list, such as a loader
        gives with labels, the first is the input.
    layer : str or Module, default=""
        A part of the module, or its name in ``module.named_modules()``. The empty name
        is the module itself. Outputs of more than two dimensions are flattened; a layer
        that is called more than once for a batch counts with its last call.
    batch_size : int, default=1024
        Samples that are run at once, if X is a tensor or an array.
    device : device, default=None
        Where batches are sent; None is where the first parameter is.

    Returns
    -------
    found : LayerUniformity
        NaN stands for what is undefined: outputs that are not finite, or fewer than two
        samples, or two features, that are not zero.

    Raises
    ------
    ValueError
        If there is no such layer, or it was not called or gave no tensor.

    Examples
    --------
    >>> import torch
    >>> from skwass.training import layer_uniformity
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8, 4))
    >>> with torch.no_grad():
    ...     network[1].weight.zero_()[0, 0] = 1  # only one output is alive
    ...     network[1].bias.zero_()
    Parameter containing:
    tensor([0., 0., 0., 0.], requires_grad=True)
    >>> X = torch.randn(500, 8, generator=torch.Generator().manual_seed(0))
    >>> round(layer_uniformity(network, X, "1").effective_rank, 6)
    1.0
    """
    part = _part(module, layer)
    if device is None:
        device = next((p.device for p in module.parameters()), torch.device("cpu"))
    caught: list[Tensor] = []
    kept = []
    # a copy, since the next layer may work in place
    handle = part.register_forward_hook(
        lambda _, __, output: caught.append(
            output.clone() if isinstance(output, Tensor) else output
        )
    )
    try:
        with _in_evaluation(module):
            for batch in _batches(X, batch_size):
                caught.clear()
                module(batch.to(device))
                kept.append(_rows(caught, layer))
    finally:
        handle.remove()
    if not kept:
        raise ValueError("X must hold a sample or more; got none.")
    return _figures(np.concatenate(kept))


class UniformityMonitor(Callback):
    """skorch callback that records the uniformity of a layer at the end of epochs.

    The history gets ``uniformity_distance``, ``uniformity_excess`` and
    ``uniformity_rank``, and so does what is printed: a layer collapses if the distance
    goes to the root of two, the excess to one and the rank down.

    Parameters
    ----------
    layer : str or Module, default=""
        A part of the net's module, or its name in ``net.module_.named_modules()``.
    X : Tensor or ndarray of shape (n_samples, ...), default=None
        What the module is run on, as for `layer_uniformity`. None takes samples at
        even steps from the validation set, or the training set if there is none.
    every : int, default=1
        Look at every so many epochs; in those between nothing is recorded.
    max_samples : int, default=1024
        How many samples at most, if X is None.
    prefix : str, default="uniformity"
        How the names in the history begin; give each of two monitors one.

    See Also
    --------
    skwass.training.layer_uniformity : The same for other training loops.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from skorch import NeuralNetClassifier
    >>> from skwass.training import UniformityMonitor
    >>> X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
    >>> net = NeuralNetClassifier(
    ...     torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.LogSoftmax(dim=1)),
    ...     max_epochs=2,
    ...     train_split=None,
    ...     verbose=0,
    ...     callbacks=[UniformityMonitor(layer="0", X=X)],
    ... ).fit(X, (X[:, 0] > 0).astype("int64"))
    >>> len(net.history[:, "uniformity_distance"])
    2
    """

    def __init__(
        self,
        layer: str | nn.Module = "",
        X: Any = None,
        *,
        every: int = 1,
        max_samples: int = 1024,
        prefix: str = "uniformity",
    ) -> None:
        self.layer = layer
        self.X = X
        self.every = every
        self.max_samples = max_samples
        self.prefix = prefix

    def on_epoch_end(
        self,
        net: Any,
        dataset_train: Any = None,
        dataset_valid: Any = None,
        **kwargs: Any,
    ) -> None:
        """Look at the layer.

        Parameters
        ----------
        net : NeuralNet
            Of skorch, in training.
        dataset_train : Dataset, default=None
            What it is trained on.
        dataset_valid : Dataset, default=None
            What it is validated on.
        **kwargs : dict
            Not used.
        """
        if len(net.history) % self.every:
            return
        X = self.X
        if X is None:
            dataset = dataset_train if dataset_valid is None else dataset_valid
            X = [_some_of(dataset, self.max_samples)]
        found = layer_uniformity(net.module_, X, self.layer, device=net.device)
        net.history.record(f"{self.prefix}_distance", found.distance)
        net.history.record(f"{self.prefix}_excess", found.excess)
        net.history.record(f"{self.prefix}_rank", found.effective_rank)


def _part(module: nn.Module, layer: str | nn.Module) -> nn.Module:
    if isinstance(layer, nn.Module):
        if all(part is not layer for part in module.modules()):
            raise ValueError("layer must be a part of the module; it is not.")
        return layer
    parts = dict(module.named_modules())
    if layer not in parts:
        names = ", ".join(repr(name) for name in list(parts)[:20])
        raise ValueError(f"layer must be one of {names}; got {layer!r}.")
    return parts[layer]


@contextmanager
def _in_evaluation(module: nn.Module) -> Iterator[None]:
    """Without gradients; afterwards, each part is in the mode it was in."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part in training:
            part.training = True


def _some_of(dataset: Any, n_samples: int) -> Tensor:
    # a set may be sorted by class, so not the first ones
    steps = np.linspace(0, len(dataset) - 1, min(n_samples, len(dataset)))
    return torch.stack([torch.as_tensor(dataset[int(i)][0]) for i in steps])


def _batches(X: Any, batch_size: int) -> Iterable[Tensor]:
    if isinstance(X, np.ndarray):
        X = torch.as_tensor(X)
    if isinstance(X, Tensor):
        yield from X.split(batch_size)
        return
    for batch in X:
        yield torch.as_tensor(batch[0] if isinstance(batch, (tuple, list)) else batch)


def _rows(caught: list[Tensor], layer: str | nn.Module) -> np.ndarray:
    if not caught:
        raise ValueError(f"layer {layer!r} was not called by the module.")
    output = caught[-1]
    if not isinstance(output, Tensor) or output.dim() < 2:
        raise ValueError(
            f"layer {layer!r} must give a tensor of shape (n_samples, ...); got "
            f"{type(output).__name__}"
            f"{tuple(output.shape) if isinstance(output, Tensor) else ''}."
        )
    rows: np.ndarray = output.flatten(1).cpu().float().numpy()
    return rows


def _figures(rows: np.ndarray) -> LayerUniformity:
    alive = rows.any(axis=1)
    zero_share = float(1 - alive.mean())
    rows = rows[alive]
    if min(rows.shape) < 2 or not np.isfinite(rows).all():
        return LayerUniformity(*(math.nan,) * 4, zero_share)
    spectrum = singular_spectrum(rows)
    return LayerUniformity(
        distance=distance_of_spectrum(spectrum, len(rows)),
        floor=uniformity_floor(*rows.shape),
        excess=distance_of_spectrum(spectrum, len(rows), corrected=True),
        effective_rank=rank_of_spectrum(spectrum),
        zero_share=zero_share,
    )
