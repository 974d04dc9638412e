"""Methods whose branches differ: by a predictor, a slow copy or a queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from torch import Tensor, nn

from skwass.nn._contrastive import InfoNCELoss
from skwass.nn._heads import ProjectionHead
from skwass.nn._momentum import EmbeddingQueue, MomentumCopy
from skwass.nn._prediction import NegativeCosineLoss
from skwass.nn._siamese import Siamese


class MoCo(Siamese):
    """MoCo v2: keys of a slow copy, against a queue of earlier keys.

    Parameters
    ----------
    encoder : Module
        Gives representations of shape (n_samples, n_components).
    n_components : int
        Their width.
    projector_sizes : sequence of int
        Widths of the layers of the projector.
    temperature : float, default=0.2
        As of `InfoNCELoss`.
    momentum : float, default=0.99
        Of the slow copy.
    queue_size : int, default=4096
        Keys in the queue.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import MoCo
    >>> siamese = MoCo(torch.nn.Linear(3, 8), 8, (16, 4))
    >>> views = torch.randn(2, 32, 3)
    >>> siamese.compare(*views).first.shape
    torch.Size([32, 4])
    """

    def __init__(
        self,
        encoder: nn.Module,
        n_components: int,
        projector_sizes: Sequence[int],
        *,
        temperature: float = 0.2,
        momentum: float = 0.99,
        queue_size: int = 4096,
    ) -> None:
        super().__init__(encoder, n_components, projector_sizes)
        self.loss = InfoNCELoss(temperature)
        branch = nn.Sequential(self.encoder, self.projector)
        self.target = MomentumCopy(branch, momentum)
        self.queue = EmbeddingQueue(queue_size, self.n_projected)

    def _loss(self, z1: Tensor, z2: Tensor, first: Tensor, second: Tensor) -> Tensor:
        k1, k2 = self.target(first), self.target(second)
        earlier = self.queue.rows
        loss: Tensor = (self.loss(z1, k2, earlier) + self.loss(z2, k1, earlier)) / 2
        self.queue.push(k2)
        return loss

    def after_step(self) -> None:
        """Let the slow copy follow."""
        self.target.follow(nn.Sequential(self.encoder, self.projector))


class NNCLR(Siamese):
    """NNCLR: the nearest of earlier projections stands for a view.

    Parameters
    ----------
    encoder : Module
        Gives representations of shape (n_samples, n_components).
    n_components : int
        Their width.
    projector_sizes : sequence of int
        Widths of the layers of the projector.
    predictor_sizes : sequence of int
        Widths of the hidden layers of the predictor.
    temperature : float, default=0.1
        As of `InfoNCELoss`.
    queue_size : int, default=4096
        Projections in the queue.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import NNCLR
    >>> siamese = NNCLR(torch.nn.Linear(3, 8), 8, (16, 4), predictor_sizes=(8,))
    >>> views = torch.randn(2, 32, 3)
    >>> siamese.compare(*views).first.shape
    torch.Size([32, 4])
    """

    normalizes_projections: ClassVar[bool] = True

    def __init__(
        self,
        encoder: nn.Module,
        n_components: int,
        projector_sizes: Sequence[int],
        *,
        predictor_sizes: Sequence[int],
        temperature: float = 0.1,
        queue_size: int = 4096,
    ) -> None:
        super().__init__(encoder, n_components, projector_sizes)
        self.loss = InfoNCELoss(temperature)
        self.predictor = _predictor(self.n_projected, predictor_sizes)
        self.queue = EmbeddingQueue(queue_size, self.n_projected)

    def _loss(self, z1: Tensor, z2: Tensor, first: Tensor, second: Tensor) -> Tensor:
        p1, p2 = self.predictor(z1), self.predictor(z2)
        n1, n2 = self.queue.nearest(z1), self.queue.nearest(z2)
        loss: Tensor = (self.loss(n1, p2) + self.loss(n2, p1)) / 2
        self.queue.push(z1)
        return loss


class BYOL(Siamese):
    """BYOL: a predictor says what a slow copy makes of the other view.

    Parameters
    ----------
    encoder : Module
        Gives representations of shape (n_samples, n_components).
    n_components : int
        Their width.
    projector_sizes : sequence of int
        Widths of the layers of the projector.
    predictor_sizes : sequence of int
        Widths of the hidden layers of the predictor.
    momentum : float, default=0.99
        Of the slow copy.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import BYOL
    >>> siamese = BYOL(torch.nn.Linear(3, 8), 8, (16, 4), predictor_sizes=(8,))
    >>> views = torch.randn(2, 32, 3)
    >>> siamese.compare(*views).first.shape
    torch.Size([32, 4])
    """

    def __init__(
        self,
        encoder: nn.Module,
        n_components: int,
        projector_sizes: Sequence[int],
        *,
        predictor_sizes: Sequence[int],
        momentum: float = 0.99,
    ) -> None:
        super().__init__(encoder, n_components, projector_sizes)
        self.loss = NegativeCosineLoss()
        self.predictor = _predictor(self.n_projected, predictor_sizes)
        branch = nn.Sequential(self.encoder, self.projector)
        self.target = MomentumCopy(branch, momentum)

    def _loss(self, z1: Tensor, z2: Tensor, first: Tensor, second: Tensor) -> Tensor:
        told1 = self.loss(self.predictor(z1), self.target(second))
        told2 = self.loss(self.predictor(z2), self.target(first))
        # squared distances of unit vectors, summed over both directions
        return cast(Tensor, 4 + 2 * (told1 + told2))

    def after_step(self) -> None:
        """Let the slow copy follow."""
        self.target.follow(nn.Sequential(self.encoder, self.projector))


class SimSiam(Siamese):
    """SimSiam: a predictor says the other projection, which gets no gradient.

    Parameters
    ----------
    encoder : Module
        Gives representations of shape (n_samples, n_components).
    n_components : int
        Their width.
    projector_sizes : sequence of int
        Widths of the layers of the projector.
    predictor_sizes : sequence of int
        Widths of the hidden layers of the predictor.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import SimSiam
    >>> siamese = SimSiam(torch.nn.Linear(3, 8), 8, (16, 4), predictor_sizes=(2,))
    >>> views = torch.randn(2, 32, 3)
    >>> siamese.compare(*views).first.shape
    torch.Size([32, 4])
    """

    normalizes_projections: ClassVar[bool] = True

    def __init__(
        self,
        encoder: nn.Module,
        n_components: int,
        projector_sizes: Sequence[int],
        *,
        predictor_sizes: Sequence[int],
    ) -> None:
        super().__init__(encoder, n_components, projector_sizes)
        self.loss = NegativeCosineLoss()
        self.predictor = _predictor(self.n_projected, predictor_sizes)

    def _loss(self, z1: Tensor, z2: Tensor, first: Tensor, second: Tensor) -> Tensor:
        told = self.loss(self.predictor(z1), z2) + self.loss(self.predictor(z2), z1)
        return cast(Tensor, told / 2)


def _predictor(n_projected: int, hidden: Sequence[int]) -> ProjectionHead:
    """From projections to projections."""
    return ProjectionHead(n_projected, [*hidden, n_projected])
