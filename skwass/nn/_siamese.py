"""Methods of self-supervised learning: what two views of a batch are told to be."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, cast

from torch import Tensor, nn

from skwass.nn._contrastive import NTXentLoss
from skwass.nn._heads import ProjectionHead
from skwass.nn._redundancy import BarlowTwinsLoss, ZeroCLLoss
from skwass.nn._sphere import AlignmentLoss, WangIsolaLoss


class Compared(NamedTuple):
    """What comparing two views gives.

    Attributes
    ----------
    loss : Tensor, scalar
        That of the method.
    first, second : Tensor of shape (n_samples, n_features)
        Projections of the views, of any length and with gradient.
    """

    loss: Tensor
    first: Tensor
    second: Tensor


class Siamese(nn.Module):
    """An encoder with a projector, and a way to compare two views.

    Parameters
    ----------
    encoder : Module
        Gives representations of shape (n_samples, n_components).
    n_components : int
        Their width.
    projector_sizes : sequence of int
        Widths of the layers of the projector.
    """

    #: whether the output of the projector has batch normalisation, as published
    normalizes_projections: ClassVar[bool] = False

    def __init__(
        self, encoder: nn.Module, n_components: int, projector_sizes: Sequence[int]
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = ProjectionHead(
            n_components,
            projector_sizes,
            normalize_output=self.normalizes_projections,
        )
        self.n_components = n_components
        self.n_projected = projector_sizes[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Representations, which is what is used after training."""
        return cast(Tensor, self.encoder(x))

    def project(self, x: Tensor) -> Tensor:
        """Projections, which is what is trained."""
        return cast(Tensor, self.projector(self.encoder(x)))

    def compare(self, first: Tensor, second: Tensor) -> Compared:
        """Loss and projections of two views of the same samples.

        Parameters
        ----------
        first, second : Tensor of shape (n_samples, ...)
            The views, in the same order.

        Returns
        -------
        compared : Compared
            A tuple of the loss and the projections of both.
        """
        z1, z2 = self.project(first), self.project(second)
        return Compared(self._loss(z1, z2, first, second), z1, z2)

    @abstractmethod
    def _loss(self, z1: Tensor, z2: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Compare projections; the views themselves are for second networks."""

    def after_step(self) -> None:
        """Called after each step of the optimiser."""


class SimCLR(Siamese):
    """SimCLR: two views of a sample against all others of the batch.

    Parameters
    ----------
    encoder : Module
        Gives representations of shape (n_samples, n_components).
    n_components : int
        Their width.
    projector_sizes : sequence of int
        Widths of the layers of the projector.
    temperature : float, default=0.5
        As of `NTXentLoss`.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import SimCLR
    >>> siamese = SimCLR(torch.nn.Linear(3, 8), 8, (16, 4))
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
        temperature: float = 0.5,
    ) -> None:
        super().__init__(encoder, n_components, projector_sizes)
        self.loss = NTXentLoss(temperature)

    def _loss(self, z1: Tensor, z2: Tensor, first: Tensor, second: Tensor) -> Tensor:
        return cast(Tensor, self.loss(z1, z2))


class BarlowTwins(Siamese):
    """Barlow Twins: features agree between views and not among each other.

    Parameters
    ----------
    encoder : Module
        Gives representations of shape (n_samples, n_components).
    n_components : int
        Their width.
    projector_sizes : sequence of int
        Widths of the layers of the projector.
    off_diagonal : float, default=0.005
        As of `BarlowTwinsLoss`.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import BarlowTwins
    >>> siamese = BarlowTwins(torch.nn.Linear(3, 8), 8, (16, 4))
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
        off_diagonal: float = 0.005,
    ) -> None:
        super().__init__(encoder, n_components, projector_sizes)
        self.loss = BarlowTwinsLoss(off_diagonal)

    def _loss(self, z1: Tensor, z2: Tensor, first: Tensor, second: Tensor) -> Tensor:
        return cast(Tensor, self.loss(z1, z2))


class ZeroCL(Siamese):
    """Zero-CL: whitened features and whitened instances agree between views.

    Parameters
    ----------
    encoder : Module
        Gives representations of shape (n_samples, n_components).
    n_components : int
        Their width.
    projector_sizes : sequence of int
        Widths of the layers of the projector.
    instance_weight : float, default=1.0
        As of `ZeroCLLoss`.
    shrinkage : float, default=1e-4
        As of `ZeroCLLoss`.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import ZeroCL
    >>> siamese = ZeroCL(torch.nn.Linear(3, 8), 8, (16, 4))
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
        instance_weight: float = 1.0,
        shrinkage: float = 1e-4,
    ) -> None:
        super().__init__(encoder, n_components, projector_sizes)
        self.loss = ZeroCLLoss(instance_weight, shrinkage)

    def _loss(self, z1: Tensor, z2: Tensor, first: Tensor, second: Tensor) -> Tensor:
        return cast(Tensor, self.loss(z1, z2))


class AlignUniform(Siamese):
    """Alignment of views, and Wang and Isola's uniformity of each.

    Parameters
    ----------
    encoder : Module
        Gives representations of shape (n_samples, n_components).
    n_components : int
        Their width.
    projector_sizes : sequence of int
        Widths of the layers of the projector.
    uniform_weight : float, default=1.0
        Of the latter.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import AlignUniform
    >>> siamese = AlignUniform(torch.nn.Linear(3, 8), 8, (16, 4))
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
        uniform_weight: float = 1.0,
    ) -> None:
        super().__init__(encoder, n_components, projector_sizes)
        self.uniform_weight = uniform_weight
        self.alignment, self.uniformity = AlignmentLoss(), WangIsolaLoss()

    def _loss(self, z1: Tensor, z2: Tensor, first: Tensor, second: Tensor) -> Tensor:
        spread = (self.uniformity(z1) + self.uniformity(z2)) / 2
        loss: Tensor = self.alignment(z1, z2) + self.uniform_weight * spread
        return loss
