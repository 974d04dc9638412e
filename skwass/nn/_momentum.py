"""What self-supervised training remembers: slow copies of networks, past embeddings."""

from __future__ import annotations

import copy
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MomentumCopy(nn.Module):
    r"""A copy of a network that follows it slowly and takes no gradient.

    After each step, :math:`\theta' \leftarrow \mu \theta' + (1 - \mu) \theta`. Running
    statistics of batch normalisation are its own.

    Parameters
    ----------
    module : Module
        What is followed.
    momentum : float, default=0.99
        μ. Zero makes it the same as the network, one leaves it as it started.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import MomentumCopy
    >>> layer = torch.nn.Linear(1, 1, bias=False)
    >>> _ = torch.nn.init.ones_(layer.weight)
    >>> slow = MomentumCopy(layer, momentum=0.9)
    >>> _ = torch.nn.init.zeros_(layer.weight)
    >>> slow.follow(layer)
    >>> slow(torch.ones(1, 1))
    tensor([[0.9000]])
    """

    def __init__(self, module: nn.Module, momentum: float = 0.99) -> None:
        super().__init__()
        self.momentum = momentum
        self.copied = copy.deepcopy(module).requires_grad_(False)

    @torch.no_grad()
    def follow(self, module: nn.Module) -> None:
        """Come nearer to the network by one step.

        Parameters
        ----------
        module : Module
            What is followed, with parameters in the same order.
        """
        pairs = zip(self.copied.parameters(), module.parameters(), strict=True)
        for slow, fast in pairs:
            slow.lerp_(fast, 1 - self.momentum)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """What the copy says.

        Parameters
        ----------
        x : Tensor
            What the network reads.

        Returns
        -------
        said : Tensor
            Without gradient.
        """
        return cast(Tensor, self.copied(x))


class EmbeddingQueue(nn.Module):
    """The last embeddings that came in, as unit vectors; random ones at first.

    Parameters
    ----------
    size : int
        How many.
    n_features : int
        Their length.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import EmbeddingQueue
    >>> queue = EmbeddingQueue(3, 2)
    >>> queue.push(torch.tensor([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]]))
    >>> queue.nearest(torch.tensor([[5.0, 1.0]]))
    tensor([[1., 0.]])
    """

    rows: Tensor
    place: Tensor

    def __init__(self, size: int, n_features: int) -> None:
        super().__init__()
        rows = F.normalize(torch.randn(size, n_features), dim=1)
        self.register_buffer("rows", rows)
        self.register_buffer("place", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def push(self, rows: Tensor) -> None:
        """Put the oldest out and new ones in.

        Parameters
        ----------
        rows : Tensor of shape (n_rows, n_features)
            Of any length; if there are too many, the last ones count.
        """
        size = len(self.rows)
        new = F.normalize(rows.detach()[-size:], dim=1)
        where = (self.place + torch.arange(len(new), device=new.device)) % size
        # a new tensor, since a gradient may still need the old one
        self.rows = self.rows.index_copy(0, where, new.to(self.rows))
        self.place = (self.place + len(new)) % size

    @torch.no_grad()
    def nearest(self, rows: Tensor) -> Tensor:
        """For each row the one of the queue with the largest cosine.

        Parameters
        ----------
        rows : Tensor of shape (n_rows, n_features)
            Of any length.

        Returns
        -------
        found : Tensor of shape (n_rows, n_features)
            Unit vectors.
        """
        cosines = F.normalize(rows, dim=1) @ self.rows.T
        return self.rows[cosines.argmax(dim=1)]
