"""Losses that compare Gaussian tokens."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from skwass.nn._precision import exactly, precise
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
        Squared distances, in float32 or more.

    Raises
    ------
    ValueError
        If shapes do not fit each other.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import GaussianTokens, gaussian_wasserstein
    >>> first = GaussianTokens(torch.tensor([0.0]), torch.tensor([1.0]))
    >>> second = GaussianTokens(torch.tensor([3.0]), torch.tensor([4.0]))
    >>> gaussian_wasserstein(first, second)
    tensor(10.)
    """
    for name, tokens in (("first", first), ("second", second)):
        shapes = [tuple(part.shape) for part in tokens]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"{name} must hold means and variances of the same shape; got "
                f"{shapes[0]} and {shapes[1]}."
            )
    if first.mean.shape[-1] != second.mean.shape[-1]:
        raise ValueError(
            f"second must be of the width of first, {first.mean.shape[-1]}; got shape "
            f"{tuple(second.mean.shape)}."
        )
    with exactly(first.mean):
        means = precise(first.mean) - precise(second.mean)
        roots = _deviation(first) - _deviation(second)
        return means.square().sum(-1) + roots.square().sum(-1)


def _deviation(tokens: GaussianTokens) -> Tensor:
    """Roots of variances; that of zero has no slope, where the true one is infinite."""
    variance = precise(tokens.variance)
    return variance.clamp_min(torch.finfo(variance.dtype).tiny).sqrt()


class TripletWassersteinLoss(nn.Module):
    r"""Images are close to their clean versions and far from other classes.

    .. math::

       \lambda_1 \bigl[-\log \sigma(W_2^2(z, z^-) - W_2^2(z, z^+))\bigr]
       + \lambda_2 \bigl[W_2^2(z, z^+) - W_2^2(z^+, z^-)\bigr]_+

    Parameters
    ----------
    lambda1, lambda2 : float, default=1e-4
        Weights of the two, as published [1]_.

    Raises
    ------
    ValueError
        If a weight is negative or not finite.

    References
    ----------
    .. [1] Stochastic vision transformers with Wasserstein distance-aware attention.
       2023, arXiv:2311.18645.

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
        for name, weight in (("lambda1", lambda1), ("lambda2", lambda2)):
            if not 0 <= weight < math.inf:
                raise ValueError(f"{name} must not be negative; got {weight!r}.")
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

    def extra_repr(self) -> str:
        """What stands between the brackets of the repr.

        Returns
        -------
        options : str
            By name.
        """
        return f"lambda1={self.lambda1}, lambda2={self.lambda2}"


class ContrastiveWassersteinLoss(nn.Module):
    r"""Gaussians of a student are close to those of its teacher.

    .. math:: -\log \sigma(-W_2^2(z, z^+))

    and so never below :math:`\log 2` [1]_.

    References
    ----------
    .. [1] Stochastic vision transformers with Wasserstein distance-aware attention.
       2023, arXiv:2311.18645.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import ContrastiveWassersteinLoss, GaussianTokens
    >>> z = GaussianTokens(torch.zeros(1, 3), torch.ones(1, 3))
    >>> ContrastiveWassersteinLoss()(z, z)
    tensor(0.6931)
    """

    def __init__(self) -> None:
        super().__init__()

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
