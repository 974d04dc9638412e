"""Losses that make features say different things, without negatives."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skwass.nn._whitening import whitened

_EPSILON = 1e-5


class BarlowTwinsLoss(nn.Module):
    r"""Cross-correlations of features between views shall be the identity [1]_.

    .. math:: L = \sum_i (1 - C_{ii})^2 + \lambda \sum_{i \ne j} C_{ij}^2

    where :math:`C_{ij}` is the correlation, over the batch, of feature i in one view
    with feature j in the other.

    Parameters
    ----------
    off_diagonal : float, default=0.005
        λ. 0.005 is published for 8,192 features; for 256, 0.08 is used, since there are
        fewer pairs.

    References
    ----------
    .. [1] Zbontar, Jing, Misra, LeCun, Deny. Barlow Twins: self-supervised learning via
       redundancy reduction. ICML 2021.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import BarlowTwinsLoss
    >>> z = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> BarlowTwinsLoss()(z, z) < 1e-8
    tensor(True)
    >>> BarlowTwinsLoss()(z, -z).round()  # both correlations are -1
    tensor(8.)
    """

    def __init__(self, off_diagonal: float = 0.005) -> None:
        super().__init__()
        self.off_diagonal = off_diagonal

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The loss.

        Parameters
        ----------
        first, second : Tensor of shape (n_samples, n_features)
            Embeddings of two views of the same samples.

        Returns
        -------
        loss : Tensor, scalar
            Zero at best.
        """
        correlations = _standardized(first).T @ _standardized(second) / len(first)
        diagonal = correlations.diagonal()
        others = correlations.square().sum() - diagonal.square().sum()
        return (1 - diagonal).square().sum() + self.off_diagonal * others


class ZeroCLLoss(nn.Module):
    r"""Distance of two views after whitening, of features and of instances [1]_.

    .. math:: L = \frac{1}{nm} \|H_1 - H_2\|_F^2
              + \frac{w}{m (m - 1)} \|G_1 - G_2\|_F^2

    H has the columns of Z centred and whitened, :math:`H^\top H / n = I`, so that no
    feature repeats another; G the rows, so that no sample repeats another. More than
    m - 1 centred rows cannot all be white; they come as near as they can.

    Parameters
    ----------
    instance_weight : float, default=1.0
        w.
    shrinkage : float, default=1e-4
        Added to all eigenvalues, in units of their mean.

    References
    ----------
    .. [1] Zhang, Zhu, Yan, Tu, Yang. Zero-CL: Instance and feature decorrelation for
       negative-free symmetric contrastive learning. ICLR 2022.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import ZeroCLLoss
    >>> z = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    >>> ZeroCLLoss()(z, z)
    tensor(0.)
    >>> ZeroCLLoss()(z, -z).round(decimals=2)  # each part is four
    tensor(8.)
    """

    def __init__(self, instance_weight: float = 1.0, shrinkage: float = 1e-4) -> None:
        super().__init__()
        self.instance_weight = instance_weight
        self.shrinkage = shrinkage

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The loss.

        Parameters
        ----------
        first, second : Tensor of shape (n_samples, n_features)
            Embeddings of two views of the same samples.

        Returns
        -------
        loss : Tensor, scalar
            Zero where the views agree, two for each part where they have nothing in
            common.

        Raises
        ------
        ValueError
            If there are fewer samples than features.
        """
        n_samples, n_features = first.shape
        if n_samples < n_features:
            raise ValueError(
                f"Zero-CL whitens {n_features} features, for which a batch needs as "
                f"many samples; got {n_samples}."
            )
        features = [
            whitened(z - z.mean(dim=0), n_samples, self.shrinkage)
            for z in (first, second)
        ]
        instances = [
            whitened(z - z.mean(dim=1, keepdim=True), n_features, self.shrinkage)
            for z in (first, second)
        ]
        by_feature = (features[0] - features[1]).square().mean()
        by_instance = (instances[0] - instances[1]).square().sum()
        by_instance = by_instance / (n_features * max(1, n_features - 1))
        return by_feature + self.instance_weight * by_instance


def _standardized(z: Tensor) -> Tensor:
    """Columns with mean zero and variance one; a constant one stays zero."""
    centred = z - z.mean(dim=0)
    return centred * torch.rsqrt(centred.square().mean(dim=0) + _EPSILON)
