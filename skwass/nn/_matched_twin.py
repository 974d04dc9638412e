"""A deterministic transformer to compare one of Gaussian tokens with."""

from __future__ import annotations

import torch
from torch import nn

from skwass.nn._stochastic_vit import StochasticViT


def matched_twin(network: StochasticViT) -> StochasticViT:
    """A deterministic transformer of about as many parameters.

    Parameters
    ----------
    network : StochasticViT
        A network of Gaussian tokens.

    Returns
    -------
    twin : StochasticViT
        With ``attention="dot"``, of the same depth and number of heads, and wider, so
        that its count of parameters is within 2 %.

    Examples
    --------
    >>> from skwass.nn import StochasticViT, matched_twin
    >>> network = StochasticViT(10, (1, 8, 8), patch_size=2)
    >>> twin = matched_twin(network)
    >>> sizes = [sum(p.numel() for p in n.parameters()) for n in (network, twin)]
    >>> abs(sizes[0] - sizes[1]) < 0.02 * sizes[0]
    True
    """
    wanted = _count(network)
    options = {**network.options, "attention": "dot"}
    step = options["n_heads"]

    def size(width: int, mlp_ratio: float) -> int:
        with torch.device("meta"):
            return _count(
                StochasticViT(**{**options, "width": width, "mlp_ratio": mlp_ratio})
            )

    ratio = options["mlp_ratio"]
    width = network.width
    while size(width + step, ratio) <= wanted:
        width += step
    # one unit of a hidden layer more in each block
    unit = size(width, 2 / width) - size(width, 1 / width)
    hidden = round(ratio * width) + round((wanted - size(width, ratio)) / unit)
    options.update(width=width, mlp_ratio=hidden / width)
    return StochasticViT(**options, mean=network.pixel_mean, scale=network.pixel_scale)


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
