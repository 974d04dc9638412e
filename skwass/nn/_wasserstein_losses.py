"""Losses that compare Gaussian tokens."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import softplus

from skwass.nn._wasserstein_attention import GaussianTokens


def gaussian_wasserstein(first: GaussianTokens, second: GaussianTokens) -> Tensor:
    r"""Squared 2-Wasserstein distances of Gaussians with independent components.

    .. math:: \|\mu_1 - \mu_2\|^2 + \|\sqrt{\sigma_1} - \sqrt{\sigma_2}\|^2

    Parameters
    ----------
    first, second : GaussianTokens of shape (..., width)
        Means and variances.

    Returns
    -------
    squares : Tensor of shape (...)
        Squared distances.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import GaussianTokens, gaussian_wasserstein
    >>> first = GaussianTokens(torch.tensor([0.0]), torch.tensor([1.0]))
    >>> second = GaussianTokens(torch.tensor([3.0]), torch.tensor([4.0]))
    >>> gaussian_wasserstein(first, second)
    tensor(10.)
    """
    means = (first.mean - second.mean).square().sum(-1)
    roots = first.variance.sqrt() - second.variance.sqrt()
    return means + roots.square().sum(-1)


class TripletWassersteinLoss(nn.Module):
    r"""Images are close to their clean versions and far from other classes.

    .. math::

       \lambda_1 \bigl[-\log \sigma(W_2^2(z, z^-) - W_2^2(z, z^+))\bigr]
       + \lambda_2 \bigl[W_2^2(z, z^+) - W_2^2(z^+, z^-)\bigr]_+

    Parameters
    ----------
    lambda1, lambda2 : float, default=1e-4
        Weights of the two.

    References
    ----------
    .. [1] Stochastic vision transformers with Wasserstein distance-aware attention.
       arXiv:2311.18645.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import GaussianTokens, TripletWassersteinLoss
    >>> z, far = (
    ...     GaussianTokens(torch.tensor([[x]]), torch.ones(1, 1)) for x in (0.0, 1.0)
    ... )
    >>> TripletWassersteinLoss(lambda1=1.0, lambda2=1.0)(z, z, far)
    tensor(0.3133)
    """

    def __init__(self, lambda1: float = 1e-4, lambda2: float = 1e-4) -> None:
        super().__init__()
        self.lambda1 = lambda1
        self.lambda2 = lambda2

    def forward(
        self, z: GaussianTokens, positive: GaussianTokens, negative: GaussianTokens
    ) -> Tensor:
        """Compare Gaussians.

        Parameters
        ----------
        z, positive, negative : GaussianTokens of shape (n_samples, width)
            Images, the same images as they were, and images of other classes.

        Returns
        -------
        loss : Tensor of shape ()
            Mean over samples.
        """
        near = gaussian_wasserstein(z, positive)
        first = softplus(near - gaussian_wasserstein(z, negative))
        second = (near - gaussian_wasserstein(positive, negative)).relu()
        return (self.lambda1 * first + self.lambda2 * second).mean()


class ContrastiveWassersteinLoss(nn.Module):
    r"""Gaussians of a student are close to those of its teacher.

    .. math:: -\log \sigma(-W_2^2(z, z^+))

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import ContrastiveWassersteinLoss, GaussianTokens
    >>> z = GaussianTokens(torch.zeros(1, 3), torch.ones(1, 3))
    >>> ContrastiveWassersteinLoss()(z, z)
    tensor(0.6931)
    """

    def forward(self, student: GaussianTokens, teacher: GaussianTokens) -> Tensor:
        """Compare Gaussians.

        Parameters
        ----------
        student, teacher : GaussianTokens of shape (..., width)
            In the same order.

        Returns
        -------
        loss : Tensor of shape ()
            Mean over all.
        """
        return softplus(gaussian_wasserstein(student, teacher)).mean()
