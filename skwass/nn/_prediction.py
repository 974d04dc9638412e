"""The loss of methods that predict one view from the other, without negatives."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class NegativeCosineLoss(nn.Module):
    r"""How well directions are predicted: the loss of BYOL and SimSiam.

    .. math:: L = -\frac1n \sum_i
              \frac{p_i^\top z_i}{\|p_i\|_2 \, \|z_i\|_2}

    No gradient reaches the targets :math:`z_i`, without which all embeddings would
    become the same [1]_. BYOL [2]_ writes the mean squared distance of unit vectors,
    which is :math:`2 + 2L`.

    References
    ----------
    .. [1] Chen, He. Exploring simple Siamese representation learning. CVPR 2021.
    .. [2] Grill et al. Bootstrap your own latent: a new approach to self-supervised
       learning. NeurIPS 2020.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import NegativeCosineLoss
    >>> NegativeCosineLoss()(torch.eye(2), 3 * torch.eye(2))
    tensor(-1.)
    """

    def __init__(self) -> None:
        super().__init__()

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """The loss.

        Parameters
        ----------
        predictions, targets : Tensor of shape (n_samples, n_features)
            Row by row, of any length.

        Returns
        -------
        loss : Tensor, scalar
            Between -1, all directions are right, and 1.
        """
        return -F.cosine_similarity(predictions, targets.detach(), dim=1).mean()
