"""The transformer of Wasserstein Wormhole, on raw points."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skwass.nn._set_encoder import Residual, SetEncoder, Summary, silent


class TransformerEncoder(SetEncoder):
    r"""A permutation-invariant transformer on weighted points.

    Points are embedded one by one, attend to each other in pre-norm blocks, and are
    pooled by their weights [1]_. A weight w enters attention as :math:`\log w` added to
    the score of its point as a key, so that attention is an integral over the measure
    and a point given twice is a point of twice the weight. Here measures are
    standardised first, as `SetEncoder` says; there are no numbers q.

    Parameters
    ----------
    n_features : int
        Dimension of the points.
    n_components : int
        Dimension of the embedding.
    width : int, default=64
        Width of what a point is embedded in.
    n_layers : int, default=2
        Blocks.
    n_heads : int, default=4
        Heads of attention; they share the width.

    References
    ----------
    .. [1] Haviv, Kunes, Dougherty, Burdziak, Nawy, Gilbert, Pe'er. Wasserstein
       Wormhole: scalable optimal transport distance with transformers. ICML 2024,
       arXiv:2404.09411.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import TransformerEncoder
    >>> encoder = TransformerEncoder(3, n_components=4)
    >>> encoder(torch.ones(2, 7, 3), torch.ones(2, 7)).shape
    torch.Size([2, 4])
    """

    reads_points = True

    def __init__(
        self,
        n_features: int,
        n_components: int,
        width: int = 64,
        n_layers: int = 2,
        n_heads: int = 4,
    ) -> None:
        super().__init__(n_features, n_components, 0)
        self.embed = nn.Sequential(
            nn.Linear(n_features, width), nn.GELU(), nn.Linear(width, width)
        )
        self.blocks = nn.ModuleList(Block(width, n_heads) for _ in range(n_layers))
        self.body = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            Residual(4 * width, 4 * width),
            nn.LayerNorm(4 * width),
            silent(nn.Linear(4 * width, n_components)),
        )

    def describe(self, unit: Tensor, mass: Tensor) -> Summary:
        """No numbers; the points themselves."""
        return unit.new_zeros(len(unit), 0), unit, mass

    def network(self, numbers: Tensor, *rest: Tensor) -> Tensor:
        """The transformer on points."""
        unit, mass = rest
        # coordinates of spread one are small where they are many
        x = self.embed(unit * unit.shape[-1] ** 0.5)
        bias = mass.log()[:, None, None]
        for block in self.blocks:
            x = block(x, bias)
        pooled: Tensor = self.body(torch.einsum("bn,bnw->bw", mass, x))
        return pooled


class Block(nn.Module):
    """Attention, then a layer for each point, both before a norm and added.

    Parameters
    ----------
    width : int
        Width of a point.
    n_heads : int
        Heads.
    """

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm = nn.LayerNorm(width)
        self.read = nn.Linear(width, 3 * width)
        self.write = silent(nn.Linear(width, width))
        self.each = Residual(width, 2 * width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Let points attend to each other.

        Parameters
        ----------
        x : Tensor of shape (n_measures, n_points, width)
            Embedded points.
        bias : Tensor of shape (n_measures, 1, 1, n_points)
            Logarithms of weights; minus infinity is padding.

        Returns
        -------
        x : Tensor of shape (n_measures, n_points, width)
            What has become of them.
        """
        heads = self.read(self.norm(x)).unflatten(-1, (3, self.n_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        found = nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias.expand(-1, -1, query.shape[2], -1)
        )
        x = x + self.write(found.transpose(1, 2).flatten(2))
        updated: Tensor = self.each(x)
        return updated
