"""What a student network is trained with: targets of a teacher, and their distances."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from skwass.nn._set_encoder import SetEncoder
from skwass.nn._stress import group_distances


class Student(nn.Module):
    """The trained part of an encoder of measures, fed with summaries.

    Parameters
    ----------
    encoder : SetEncoder
        The encoder.
    """

    def __init__(self, encoder: SetEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, summary: Sequence[Tensor]) -> Tensor:
        """Embeddings of what `SetEncoder.summarise` gives."""
        return self.encoder.head(*summary)


class ImitationLoss(nn.Module):
    r"""How far embeddings are from those of a teacher, and distances from its.

    .. math:: \frac1B \sum_i \|z_i - t_i\|^2 + \lambda \,
              \frac{\sum_{i<j} (\|z_i - z_j\| - \|t_i - t_j\|)^2}
                   {\sum_{i<j} \|t_i - t_j\|^2}

    over a batch of B embeddings z with targets t; pairs are taken within groups of the
    batch. The first term alone shrinks embeddings towards their mean where it is not
    sure, and with them all distances; the second does not let it.

    Parameters
    ----------
    stress : float, default=10.0
        The weight :math:`\lambda`.
    group_size : int, default=32
        Members of a group; what a batch has beyond full groups makes no pairs.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import ImitationLoss
    >>> z, targets = torch.tensor([[0.0], [3.0]]), torch.tensor([[0.0], [4.0]])
    >>> ImitationLoss(stress=1.0)(z, targets).item()
    0.5625
    """

    def __init__(self, stress: float = 10.0, group_size: int = 32) -> None:
        super().__init__()
        self.stress = stress
        self.group_size = group_size

    def forward(self, embedding: Tensor, targets: Tensor) -> Tensor:
        """Compare a batch with its targets.

        Parameters
        ----------
        embedding, targets : Tensor of shape (n_measures, n_components)
            What the student says and what it should; the targets in a unit of theirs.

        Returns
        -------
        loss : Tensor of shape ()
            The loss, without unit.
        """
        error = (embedding - targets).square().sum(1).mean()
        size = min(self.group_size, len(embedding))
        if size < 2 or self.stress == 0:
            return error
        found, wanted = (
            group_distances(z[: len(z) // size * size].unflatten(0, (-1, size)))
            for z in (embedding, targets)
        )
        scale = wanted.square().mean().clamp_min(torch.finfo(wanted.dtype).eps ** 2)
        return error + self.stress * (found - wanted).square().mean() / scale
