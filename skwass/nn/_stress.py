"""The stress between distances of an embedding and the distances it should have."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def group_distances(z: Tensor) -> Tensor:
    """Euclidean distances between the members of each group.

    Parameters
    ----------
    z : Tensor of shape (n_groups, group_size, n_components)
        Embeddings.

    Returns
    -------
    distances : Tensor of shape (n_groups, group_size * (group_size - 1) / 2)
        Distances (not squared) in the order of ``numpy.triu_indices(group_size, 1)``.
        Their gradient at coinciding points is zero, not NaN.
    """
    size = z.shape[1]
    i, j = torch.triu_indices(size, size, offset=1, device=z.device)
    squared = (z[:, i] - z[:, j]).square().sum(-1)
    return squared.clamp_min(torch.finfo(z.dtype).tiny).sqrt()


class StressLoss(nn.Module):
    r"""Stress of an embedding and error of its decoder, both relative.

    .. math:: \frac{\sum_{i<j} (\|z_i - z_j\| - \delta_{ij})^2}{\sum_{i<j}
              \delta_{ij}^2} + \frac{\sum_i \|\hat x_i - x_i\|^2}{\sum_i \|x_i\|^2},

    the stress relative to the distances and, while training, the decoder's error in
    transport features: that error is a linear transport distance, which bounds the
    squared Wasserstein distance from above. In evaluation it is the stress alone.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import StressLoss
    >>> z = torch.tensor([[[0.0], [3.0]]])
    >>> x = torch.ones(1, 2, 4)
    >>> StressLoss()((z, None), (torch.tensor([[4.0]]), x)).item()
    0.0625
    """

    def __init__(self) -> None:
        super().__init__()

    def forward(
        self, output: tuple[Tensor, Tensor | None], target: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Compare an embedding with distances.

        Parameters
        ----------
        output : tuple of Tensor
            Embedding of shape (n_groups, group_size, n_components), and the decoded
            features or None.
        target : tuple of Tensor
            Distances as `group_distances` orders them, and the features.

        Returns
        -------
        loss : Tensor of shape ()
            The loss, without unit.
        """
        embedding, decoded = output
        distances, features = target
        stress = _relative(group_distances(embedding), distances)
        if decoded is None or not self.training:
            return stress
        return stress + _relative(decoded, features[..., : decoded.shape[-1]])


def _relative(value: Tensor, target: Tensor) -> Tensor:
    # where all is zero, the clamped distances of the embedding must not count
    scale = target.square().mean().clamp_min(torch.finfo(target.dtype).eps ** 2)
    return (value - target).square().mean() / scale
