"""A deterministic transformer to compare one of Gaussian tokens with."""

from __future__ import annotations

from bisect import bisect_right

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
    wanted = sum(parameter.numel() for parameter in network.parameters())
    step, ratio = network.options["n_heads"], network.options["mlp_ratio"]

    def size(width: int, hidden: int) -> int:
        """Parameters of an ordinary transformer."""
        block = 4 * width * (width + 1) + (2 * width + 1) * hidden + 5 * width
        n_pixels = (
            network.options["image_shape"][0] * network.patch[0] * network.patch[1]
        )
        n_vectors = n_pixels + network.n_patches + 2 * network.n_special + 4
        return network.depth * block + (n_vectors + n_outputs) * width + n_outputs

    n_outputs = network.options["n_outputs"]
    # the widest that is not larger; two streams have less than one of twice the width
    steps = range(network.width // step, 2 * network.width // step + 1)
    found = bisect_right(
        steps, wanted, key=lambda n: size(n * step, round(ratio * n * step))
    )
    width = steps[max(found - 1, 0)] * step
    # hidden layers, some units more or less, do the rest
    unit = size(width, 1) - size(width, 0)
    hidden = max(1, round((wanted - size(width, 0)) / unit))
    options = {**network.options, "width": width, "mlp_ratio": hidden / width}
    return StochasticViT(
        **{**options, "attention": "dot"},
        mean=network.pixel_mean,
        scale=network.pixel_scale,
    )
