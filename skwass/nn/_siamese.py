"""Methods of self-supervised learning: what two views of a batch are told to be."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, cast

from torch import Tensor, nn

from skwass.nn._contrastive import InfoNCELoss, NTXentLoss
from skwass.nn._heads import ProjectionHead
from skwass.nn._momentum import EmbeddingQueue, MomentumCopy
from skwass.nn._prediction import NegativeCosineLoss
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

    @abstractmethod
    def compare(self, first: Tensor, second: Tensor) -> Compared:
        """Loss and projections of two views of the same samples."""

    def after_step(self) -> None:
        """Called after each step of the optimiser."""


class _WithLoss(Siamese):
    """Methods whose loss looks at projections only."""

    def __init__(
        self,
        encoder: nn.Module,
        n_components: int,
        projector_sizes: Sequence[int],
        loss: nn.Module,
    ) -> None:
        super().__init__(encoder, n_components, projector_sizes)
        self.loss = loss

    def compare(self, first: Tensor, second: Tensor) -> Compared:
        """Loss and projections of two views of the same samples."""
        z1, z2 = self.project(first), self.project(second)
        return Compared(self.loss(z1, z2), z1, z2)


class SimCLR(_WithLoss):
    """SimCLR: two views of a sample against all others of the batch."""

    def __init__(self, *shape: Any, temperature: float = 0.5) -> None:
        super().__init__(*shape, NTXentLoss(temperature))


class BarlowTwins(_WithLoss):
    """Barlow Twins: features agree between views and not among each other."""

    def __init__(self, *shape: Any, **options: Any) -> None:
        super().__init__(*shape, BarlowTwinsLoss(**options))


class ZeroCL(_WithLoss):
    """Zero-CL: whitened features and whitened instances agree between views."""

    def __init__(self, *shape: Any, **options: Any) -> None:
        super().__init__(*shape, ZeroCLLoss(**options))


class AlignUniform(Siamese):
    """Alignment of views, and Wang and Isola's uniformity of each."""

    def __init__(self, *shape: Any, uniform_weight: float = 1.0) -> None:
        super().__init__(*shape)
        self.uniform_weight = uniform_weight
        self.alignment, self.uniformity = AlignmentLoss(), WangIsolaLoss()

    def compare(self, first: Tensor, second: Tensor) -> Compared:
        """Loss and projections of two views of the same samples."""
        z1, z2 = self.project(first), self.project(second)
        spread = (self.uniformity(z1) + self.uniformity(z2)) / 2
        loss = self.alignment(z1, z2) + self.uniform_weight * spread
        return Compared(loss, z1, z2)


class MoCo(Siamese):
    """MoCo v2: keys of a slow copy, against a queue of earlier keys."""

    def __init__(
        self,
        *shape: Any,
        temperature: float = 0.2,
        momentum: float = 0.99,
        queue_size: int = 4096,
    ) -> None:
        super().__init__(*shape)
        self.loss = InfoNCELoss(temperature)
        branch = nn.Sequential(self.encoder, self.projector)
        self.target = MomentumCopy(branch, momentum)
        self.queue = EmbeddingQueue(queue_size, self.n_projected)

    def compare(self, first: Tensor, second: Tensor) -> Compared:
        """Loss and projections of two views of the same samples."""
        z1, z2 = self.project(first), self.project(second)
        k1, k2 = self.target(first), self.target(second)
        earlier = self.queue.rows
        loss = (self.loss(z1, k2, earlier) + self.loss(z2, k1, earlier)) / 2
        self.queue.push(k2)
        return Compared(loss, z1, z2)

    def after_step(self) -> None:
        """Let the slow copy follow."""
        self.target.follow(nn.Sequential(self.encoder, self.projector))


class NNCLR(Siamese):
    """NNCLR: the nearest of earlier projections stands for a view."""

    def __init__(
        self,
        *shape: Any,
        predictor_sizes: Sequence[int],
        temperature: float = 0.1,
        queue_size: int = 4096,
    ) -> None:
        super().__init__(*shape)
        self.loss = InfoNCELoss(temperature)
        self.predictor = _predictor(self.n_projected, predictor_sizes)
        self.queue = EmbeddingQueue(queue_size, self.n_projected)

    def compare(self, first: Tensor, second: Tensor) -> Compared:
        """Loss and projections of two views of the same samples."""
        z1, z2 = self.project(first), self.project(second)
        p1, p2 = self.predictor(z1), self.predictor(z2)
        n1, n2 = self.queue.nearest(z1), self.queue.nearest(z2)
        loss = (self.loss(n1, p2) + self.loss(n2, p1)) / 2
        self.queue.push(z1)
        return Compared(loss, z1, z2)


class BYOL(Siamese):
    """BYOL: a predictor says what a slow copy makes of the other view."""

    def __init__(
        self, *shape: Any, predictor_sizes: Sequence[int], momentum: float = 0.99
    ) -> None:
        super().__init__(*shape)
        self.loss = NegativeCosineLoss()
        self.predictor = _predictor(self.n_projected, predictor_sizes)
        branch = nn.Sequential(self.encoder, self.projector)
        self.target = MomentumCopy(branch, momentum)

    def compare(self, first: Tensor, second: Tensor) -> Compared:
        """Loss and projections of two views of the same samples."""
        z1, z2 = self.project(first), self.project(second)
        told1 = self.loss(self.predictor(z1), self.target(second))
        told2 = self.loss(self.predictor(z2), self.target(first))
        # squared distances of unit vectors, summed over both directions
        return Compared(4 + 2 * (told1 + told2), z1, z2)

    def after_step(self) -> None:
        """Let the slow copy follow."""
        self.target.follow(nn.Sequential(self.encoder, self.projector))


class SimSiam(Siamese):
    """SimSiam: a predictor says the other projection, which gets no gradient."""

    normalizes_projections = True

    def __init__(self, *shape: Any, predictor_sizes: Sequence[int]) -> None:
        super().__init__(*shape)
        self.loss = NegativeCosineLoss()
        self.predictor = _predictor(self.n_projected, predictor_sizes)

    def compare(self, first: Tensor, second: Tensor) -> Compared:
        """Loss and projections of two views of the same samples."""
        z1, z2 = self.project(first), self.project(second)
        told = self.loss(self.predictor(z1), z2) + self.loss(self.predictor(z2), z1)
        return Compared(told / 2, z1, z2)


def _predictor(n_projected: int, hidden: Sequence[int]) -> ProjectionHead:
    """From projections to projections."""
    return ProjectionHead(n_projected, [*hidden, n_projected])
