"""Modules with Bayesian layers: run with chosen weights, distance from the prior."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skwass.nn._bayesian import BayesianLayer, at_means, widened

# prior scale, device, dtype
_Kind = tuple[float, torch.device, torch.dtype]

# below it, softplus is the exponential function to the last digit of a double
_LOW = -30.0


@contextmanager
def sampled_weights(
    module: nn.Module, generator: torch.Generator | None = None
) -> Iterator[None]:
    r"""Within this context, a module runs with one draw of its weights.

    .. math:: w = \mu + \sigma \varepsilon, \qquad \varepsilon \sim \mathcal N(0, 1)

    The noise :math:`\varepsilon` is drawn at the start and kept, so all rows of all
    batches see the same network: what a row gives does not depend on the other rows,
    their order or number. Means and spreads are read at each forward; they may move,
    and gradients reach both.

    Parameters
    ----------
    module : Module
        A module with Bayesian layers, in training or in evaluation.
    generator : Generator, default=None
        Where the noise comes from. With one of the CPU, the weights do not depend on
        the device. None is torch's global generator.

    Raises
    ------
    ValueError
        If `module` has no Bayesian layers.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import BayesianLinear, sampled_weights
    >>> layer, x = BayesianLinear(3, 2), torch.ones(4, 3)
    >>> with sampled_weights(layer, torch.Generator().manual_seed(0)):
    ...     y = layer(x)
    >>> bool((y == y[0]).all())
    True
    """
    # by spread, since layers that share weights share their noise too
    noises: dict[int, Tensor] = {}

    def noise(spread: Tensor | None) -> Tensor | None:
        if spread is None:
            return None
        if id(spread) not in noises:
            noises[id(spread)] = _normal_like(spread, generator)
        return noises[id(spread)]

    with _ways(
        module,
        lambda layer: _Draw(noise(layer.weight_spread), noise(layer.bias_spread)),
    ):
        yield


@contextmanager
def mean_weights(module: nn.Module) -> Iterator[None]:
    """Within this context, a module runs with the means of its weights.

    Parameters
    ----------
    module : Module
        A module with Bayesian layers, in training or in evaluation.

    Raises
    ------
    ValueError
        If `module` has no Bayesian layers.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import BayesianLinear, mean_weights
    >>> layer, x = BayesianLinear(3, 2), torch.ones(4, 3)
    >>> with mean_weights(layer):
    ...     print(torch.equal(layer(x), x @ layer.weight.T + layer.bias))
    True
    """
    with _ways(module, lambda layer: at_means):
        yield


def kl_divergence(module: nn.Module) -> Tensor:
    r"""Kullback–Leibler divergence of the weights of a module from their prior.

    .. math:: \mathrm{KL}(q \,\|\, p) = \sum_i \Bigl[\log\frac{p}{\sigma_i}
              + \frac{\sigma_i^2 + \mu_i^2}{2 p^2} - \frac12\Bigr]

    over the weights and biases of all Bayesian layers, each once, in closed form [1]_.
    The loss of a batch, a mean over its rows, plus this over the number of rows of the
    *whole* training set, is what variational inference minimises.

    Parameters
    ----------
    module : Module
        A module with Bayesian layers.

    Returns
    -------
    divergence : Tensor of shape ()
        In nats, with a gradient; float32 where the weights are of half precision. It is
        finite even where the spread is too small for a standard deviation.

    Raises
    ------
    ValueError
        If `module` has no Bayesian layers.

    References
    ----------
    .. [1] Graves. Practical variational inference for neural networks. NeurIPS 2011.

    Examples
    --------
    >>> from skwass.nn import BayesianLinear, kl_divergence
    >>> layer = BayesianLinear(3, 2, prior_scale=0.1, initial_scale=0.1)
    >>> bool(kl_divergence(layer) > 0)
    True
    >>> _ = layer.weight.data.zero_(), layer.bias.data.zero_()
    >>> round(kl_divergence(layer).item(), 4)
    0.0
    """
    # layers that share weights have one posterior for them
    seen: set[tuple[int, int]] = set()
    groups: dict[_Kind, tuple[list[Tensor], list[Tensor]]] = {}
    for layer in _layers(module):
        for mean, spread in (
            (layer.weight, layer.weight_spread),
            (layer.bias, layer.bias_spread),
        ):
            if mean is None or spread is None or (id(mean), id(spread)) in seen:
                continue
            seen.add((id(mean), id(spread)))
            kind = layer.prior_scale, mean.device, mean.dtype
            means, spreads = groups.setdefault(kind, ([], []))
            means.append(mean)
            spreads.append(spread)
    # few long vectors, since a small network is mostly overhead
    first, *others = (
        _divergence(_joined(means), _joined(spreads), prior_scale)
        for (prior_scale, *_), (means, spreads) in groups.items()
    )
    return sum((part.to(first.device) for part in others), start=first)


class _Draw:
    """Weights at means plus spreads times noise that is kept."""

    def __init__(self, weight: Tensor | None, bias: Tensor | None) -> None:
        self.weight = weight
        self.bias = bias

    def __call__(self, layer: BayesianLayer, x: Tensor) -> Tensor:
        weight = _moved(layer.weight, layer.weight_spread, self.weight)
        bias = _moved(layer.bias, layer.bias_spread, self.bias)
        return layer.run(x, weight, bias)


def _moved(mean: Any, spread: Tensor | None, noise: Tensor | None) -> Any:
    if spread is None or noise is None:
        return mean
    return torch.addcmul(mean, F.softplus(spread), noise)


def _normal_like(tensor: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal numbers, drawn where the generator is."""
    device = tensor.device if generator is None else generator.device
    noise = torch.randn(
        tensor.shape, generator=generator, device=device, dtype=tensor.dtype
    )
    return noise.to(tensor.device)


def _layers(module: nn.Module) -> list[BayesianLayer]:
    layers = [part for part in module.modules() if isinstance(part, BayesianLayer)]
    if not layers:
        raise ValueError(
            f"module={type(module).__name__} has no Bayesian layers: build it from "
            "them, or convert it with make_bayesian."
        )
    return layers


@contextmanager
def _ways(
    module: nn.Module,
    way: Callable[[BayesianLayer], Callable[[BayesianLayer, Tensor], Tensor]],
) -> Iterator[None]:
    """Within this context, each layer runs in its way."""
    layers = _layers(module)
    before = [layer._way for layer in layers]
    ways = [way(layer) for layer in layers]
    try:
        for layer, its in zip(layers, ways, strict=True):
            layer._way = its
        yield
    finally:
        for layer, its_before in zip(layers, before, strict=True):
            layer._way = its_before


def _joined(tensors: list[Tensor]) -> Tensor:
    return torch.cat([widened(tensor).flatten() for tensor in tensors])


def _divergence(mean: Tensor, raw: Tensor, prior_scale: float) -> Tensor:
    """That of vectors of means and raw spreads."""
    # log softplus; the second term is there, and has a gradient, below _LOW only
    kept = raw.clamp_min(_LOW)
    log_scale = F.softplus(kept).log() + (raw - kept)
    # of log(σ / p) this form keeps all digits where the posterior is near the prior
    twice = 2 * (log_scale - math.log(prior_scale))
    ratio = mean / prior_scale
    return 0.5 * (ratio.dot(ratio) + (twice.expm1() - twice).sum())
