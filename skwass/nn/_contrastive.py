"""Losses that pull two views of a sample together and push other samples away."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class NTXentLoss(nn.Module):
    r"""Normalised, temperature-scaled cross-entropy, the loss of SimCLR [1]_.

    For 2n embeddings of n samples, rows scaled to unit length,

    .. math:: L = -\frac{1}{2n} \sum_{i=1}^{2n} \log
              \frac{\exp(z_i^\top z_{i'} / T)}
                   {\sum_{j \ne i} \exp(z_i^\top z_j / T)} ,

    with :math:`i'` the other view of the same sample.

    Parameters
    ----------
    temperature : float, default=0.5
        T. Lower looks harder at the nearest others. 0.5 is published for CIFAR-10.

    References
    ----------
    .. [1] Chen, Kornblith, Norouzi, Hinton. A simple framework for contrastive learning
       of visual representations. ICML 2020.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import NTXentLoss
    >>> NTXentLoss(temperature=1.0)(torch.eye(2), torch.eye(2))
    tensor(0.5514)
    """

    def __init__(self, temperature: float = 0.5) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The loss.

        Parameters
        ----------
        first, second : Tensor of shape (n_samples, n_features)
            Embeddings of two views of the same samples, of any length.

        Returns
        -------
        loss : Tensor, scalar
            In nats.
        """
        n_samples = len(first)
        both = F.normalize(torch.cat([first, second]), dim=1)
        logits = both @ both.T / self.temperature
        itself = torch.eye(2 * n_samples, dtype=torch.bool, device=both.device)
        places = torch.arange(2 * n_samples, device=both.device)
        return F.cross_entropy(
            logits.masked_fill(itself, -torch.inf), places.roll(n_samples)
        )


class InfoNCELoss(nn.Module):
    r"""Which of many candidates is the right one? The loss of MoCo and NNCLR.

    Anchors and candidates are scaled to unit length. Without `negatives`, the positives
    of the other anchors are those of each [2]_:

    .. math:: L = -\frac1n \sum_i \log \frac{\exp(q_i^\top k_i / T)}
                   {\sum_j \exp(q_i^\top k_j / T)} .

    With them, such as a queue of embeddings of earlier batches, the sum goes over
    :math:`k_i` and all negatives instead [1]_.

    Parameters
    ----------
    temperature : float, default=0.2
        T, as MoCo v2 has it; NNCLR has 0.1.

    References
    ----------
    .. [1] Chen, Fan, Girshick, He. Improved baselines with momentum contrastive
       learning. 2020. arXiv:2003.04297
    .. [2] Dwibedi, Aytar, Tompson, Sermanet, Zisserman. With a little help from my
       friends: nearest-neighbor contrastive learning of visual representations. ICCV
       2021.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import InfoNCELoss
    >>> same = torch.eye(3)
    >>> InfoNCELoss(temperature=1.0)(same[:1], same[:1], negatives=same[1:])
    tensor(0.5514)
    """

    def __init__(self, temperature: float = 0.2) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(
        self, anchors: Tensor, positives: Tensor, negatives: Tensor | None = None
    ) -> Tensor:
        """The loss.

        Parameters
        ----------
        anchors, positives : Tensor of shape (n_samples, n_features)
            Each anchor belongs to the positive of the same row.
        negatives : Tensor of shape (n_negatives, n_features), default=None
            What no anchor belongs to.

        Returns
        -------
        loss : Tensor, scalar
            In nats.
        """
        anchors = F.normalize(anchors, dim=1)
        positives = F.normalize(positives, dim=1)
        if negatives is None:
            logits = anchors @ positives.T
            right = torch.arange(len(anchors), device=anchors.device)
        else:
            own = (anchors * positives).sum(dim=1, keepdim=True)
            others = anchors @ F.normalize(negatives, dim=1).T
            logits = torch.cat([own, others], dim=1)
            right = torch.zeros(len(anchors), dtype=torch.long, device=anchors.device)
        return F.cross_entropy(logits / self.temperature, right)
