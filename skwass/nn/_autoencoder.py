"""Encoder and decoder: a linear map plus a small network that corrects it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ResidualMap(nn.Module):
    """``linear(x) + mlp(gain * x)``, where the network starts as zero.

    At the start this is exactly its linear part, so that whatever a linear embedding
    knows is kept and training only has to learn what is missing.

    Parameters
    ----------
    n_inputs : int
        Width of the input.
    n_outputs : int
        Width of the output.
    hidden_layer_sizes : sequence of int
        Widths of the layers of the network; empty for a linear map.
    weight : Tensor of shape (n_outputs, n_inputs), default=None
        Where the linear part starts. None copies the first coordinates of the input and
        fills up with zeros.
    gain : float, default=5.0
        What the network's input is multiplied with. Principal components of unit total
        variance are small one by one, and a network that is to bend them needs inputs
        of a few units: measured, 1 bends too little for two dimensions.
    mixed_precision : bool, default=False
        Compute the network, not the linear part, in bfloat16. Its three digits would
        spoil distances, but a correction of a few per cent can bear them.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import ResidualMap
    >>> ResidualMap(3, 2, [8])(torch.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[1.0, 2.0]]
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        hidden_layer_sizes: Sequence[int] = (256, 256, 256),
        weight: Tensor | None = None,
        gain: float = 5.0,
        mixed_precision: bool = False,
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(n_inputs, n_outputs, bias=False)
        with torch.no_grad():
            self.linear.weight.copy_(
                torch.eye(n_outputs, n_inputs) if weight is None else weight
            )
        self.mlp = _mlp(n_inputs, n_outputs, hidden_layer_sizes)
        self.gain = gain
        self.mixed_precision = mixed_precision

    def forward(self, x: Tensor) -> Tensor:
        """Map rows.

        Parameters
        ----------
        x : Tensor of shape (..., n_inputs)
            The rows.

        Returns
        -------
        mapped : Tensor of shape (..., n_outputs)
            What they are mapped to.
        """
        mapped: Tensor = self.linear(x)
        if self.mlp is None:
            return mapped
        with torch.autocast(
            x.device.type, dtype=torch.bfloat16, enabled=self.mixed_precision
        ):
            bend = self.mlp(self.gain * x)
        return mapped + bend.to(mapped.dtype)


class WormholeAutoencoder(nn.Module):
    """Encoder from transport features to an embedding, and a decoder back.

    The decoder reads a detached embedding: it describes the space that distances have
    shaped, and cannot bend it [1]_ (there both losses train the encoder).

    Parameters
    ----------
    n_inputs : int
        Number of transport features of a cloud.
    n_components : int
        Dimension of the embedding.
    hidden_layer_sizes : sequence of int
        Widths of the layers of both networks.
    weight : Tensor of shape (n_components, n_inputs), default=None
        Where the linear part of the encoder starts; see `ResidualMap`.
    decoder : bool, default=True
        Whether there is a decoder.
    n_decoded : int, default=None
        How many of the features, the first, are decoded; the others only help the
        encoder. None is all.
    gain : float, default=5.0
        That of the encoder; see `ResidualMap`.
    mixed_precision : bool, default=False
        As of `ResidualMap`, in both.

    References
    ----------
    .. [1] Haviv, Kunes, Dougherty, Burdziak, Nawy, Gilbert, Pe'er. Wasserstein
       Wormhole: scalable optimal transport distance with transformers. ICML 2024,
       arXiv:2404.09411.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import WormholeAutoencoder
    >>> embedding, decoded = WormholeAutoencoder(6, 2)(torch.ones(4, 6))
    >>> embedding.shape, decoded.shape
    (torch.Size([4, 2]), torch.Size([4, 6]))
    """

    def __init__(
        self,
        n_inputs: int,
        n_components: int,
        hidden_layer_sizes: Sequence[int] = (256, 256, 256),
        weight: Tensor | None = None,
        decoder: bool = True,
        n_decoded: int | None = None,
        gain: float = 5.0,
        mixed_precision: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = ResidualMap(
            n_inputs, n_components, hidden_layer_sizes, weight, gain, mixed_precision
        )
        self.decoder = None
        if decoder:
            n_outputs = n_inputs if n_decoded is None else n_decoded
            back = None if weight is None else torch.linalg.pinv(weight[:, :n_outputs])
            self.decoder = ResidualMap(
                n_components,
                n_outputs,
                hidden_layer_sizes,
                back,
                mixed_precision=mixed_precision,
            )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Encode and decode.

        Parameters
        ----------
        x : Tensor of shape (..., n_inputs)
            Transport features.

        Returns
        -------
        embedding : Tensor of shape (..., n_components)
            Their embedding.
        decoded : Tensor of shape (..., n_decoded) or None
            What the decoder makes of the embedding; None without a decoder.
        """
        embedding = self.encoder(x)
        if self.decoder is None:
            return embedding, None
        return embedding, self.decoder(embedding.detach())


def _mlp(
    n_inputs: int, n_outputs: int, hidden_layer_sizes: Sequence[int]
) -> nn.Sequential | None:
    if not len(hidden_layer_sizes):
        return None
    layers: list[nn.Module] = []
    width = n_inputs
    for size in hidden_layer_sizes:
        layers += [nn.Linear(width, size), nn.GELU()]
        width = size
    last = nn.Linear(width, n_outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)
