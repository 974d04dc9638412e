"""Losses of representations on the unit sphere: close pairs, and rows far apart."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def unit_rows(z: Tensor) -> Tensor:
    """Rows scaled to length one; rows of zeros stay, and get no gradient.

    Parameters
    ----------
    z : Tensor of shape (n_samples, n_features)
        Representations.

    Returns
    -------
    rows : Tensor of shape (n_samples, n_features)
        In the dtype of z; float32 for half precision.
    """
    # 1 / tiny is still a number of the dtype, so gradients are finite
    tiny = torch.finfo(z.dtype).tiny
    z = z.float() if torch.finfo(z.dtype).bits < 32 else z
    # in units of the largest entry, so that no square overflows or vanishes
    largest = z.detach().abs().amax(dim=1, keepdim=True)
    z = z / largest.masked_fill(largest < tiny, math.inf)
    lengths = torch.linalg.vector_norm(z, dim=1, keepdim=True)
    return z / lengths.masked_fill(lengths == 0, math.inf)


class WangIsolaLoss(nn.Module):
    r"""How close representations are to each other, by a Gaussian kernel.

    .. math:: \log \frac{2}{n (n - 1)} \sum_{i<j} e^{-t \|z_i - z_j\|^2}

    over rows scaled to length one [1]_. Zero if all are the same, about :math:`-2t` if
    they are uniform in many dimensions, and never below :math:`-4t`. It does not see
    that some dimensions are not used; `WassersteinUniformityLoss` does.

    Parameters
    ----------
    t : float, default=2.0
        Of the kernel, as published.

    Raises
    ------
    ValueError
        If t is not positive.

    Notes
    -----
    Pairs within the batch of one process are looked at, also under
    ``torch.distributed``.

    References
    ----------
    .. [1] Wang, Isola. Understanding contrastive representation learning through
       alignment and uniformity on the hypersphere. ICML 2020.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import WangIsolaLoss
    >>> WangIsolaLoss()(torch.tensor([[1.0, 0.0], [-2.0, 0.0]])).item()
    -8.0
    """

    def __init__(self, t: float = 2.0) -> None:
        super().__init__()
        if not 0 < t < math.inf:
            raise ValueError(f"t must be positive; got {t!r}.")
        self.t = t

    def forward(self, z: Tensor) -> Tensor:
        """Compare representations with each other.

        Parameters
        ----------
        z : Tensor of shape (n_samples, n_features)
            Representations, two or more.

        Returns
        -------
        loss : Tensor of shape ()
            In the dtype of z; float32 for half precision.

        Raises
        ------
        ValueError
            If z is not of two dimensions, holds no floating-point numbers, or has fewer
            than two rows: there would be no pair.
        """
        _check(z, "z")
        if len(z) < 2:
            raise ValueError(
                f"z must hold two representations or more; got n_samples = {len(z)}, "
                "and no pair."
            )
        rows = unit_rows(z)
        squares = rows.square().sum(1)
        products = rows @ rows.T
        gaps = (squares[:, None] + squares - 2 * products).clamp_min(0)
        themselves = torch.eye(len(z), dtype=torch.bool, device=z.device)
        kernel = (-self.t * gaps).masked_fill(themselves, -math.inf)
        n_pairs = len(z) * (len(z) - 1)
        return torch.logsumexp(kernel.flatten(), 0) - math.log(n_pairs)

    def extra_repr(self) -> str:
        """What stands between the brackets of the repr.

        Returns
        -------
        options : str
            By name.
        """
        return f"t={self.t}"


class AlignmentLoss(nn.Module):
    r"""Mean distance between two views of the same samples.

    .. math:: \frac1n \sum_i \|z_i - z_i^+\|^\alpha

    over rows scaled to length one [1]_.

    Parameters
    ----------
    alpha : float, default=2
        The power, as published: squared distances.

    Raises
    ------
    ValueError
        If alpha is not positive.

    References
    ----------
    .. [1] Wang, Isola. Understanding contrastive representation learning through
       alignment and uniformity on the hypersphere. ICML 2020.

    Examples
    --------
    >>> import torch
    >>> from skwass.nn import AlignmentLoss
    >>> first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> second = torch.tensor([[3.0, 0.0], [1.0, 0.0]])
    >>> AlignmentLoss()(first, second).item()
    1.0
    """

    def __init__(self, alpha: float = 2) -> None:
        super().__init__()
        if not 0 < alpha < math.inf:
            raise ValueError(f"alpha must be positive; got {alpha!r}.")
        self.alpha = alpha

    def forward(self, z1: Tensor, z2: Tensor) -> Tensor:
        """Compare two views.

        Parameters
        ----------
        z1 : Tensor of shape (n_samples, n_features)
            Representations of one view.
        z2 : Tensor of shape (n_samples, n_features)
            Those of the other, in the same order.

        Returns
        -------
        loss : Tensor of shape ()
            Between zero and two to the power of alpha. In the dtype of z1; float32 for
            half precision.

        Raises
        ------
        ValueError
            If shapes differ, or one is not of two dimensions, is empty, or holds no
            floating-point numbers.
        """
        _check(z1, "z1")
        _check(z2, "z2")
        if z1.shape != z2.shape or not len(z1):
            raise ValueError(
                "z1 and z2 must be of the same shape, and not empty; got "
                f"{tuple(z1.shape)} and {tuple(z2.shape)}."
            )
        squares = (unit_rows(z1) - unit_rows(z2)).square().sum(1)
        if self.alpha == 2:
            return squares.mean()
        # a power below two has no slope at zero
        tiny = torch.finfo(squares.dtype).tiny
        return squares.clamp_min(tiny).pow(self.alpha / 2).mean()

    def extra_repr(self) -> str:
        """What stands between the brackets of the repr.

        Returns
        -------
        options : str
            By name.
        """
        return f"alpha={self.alpha}"


def _check(z: Tensor, name: str) -> None:
    if z.dim() != 2:
        raise ValueError(
            f"{name} must be of shape (n_samples, n_features), two dimensions; got "
            f"shape {tuple(z.shape)}."
        )
    if not z.is_floating_point():
        raise ValueError(f"{name} must hold floating-point numbers; got {z.dtype}.")
