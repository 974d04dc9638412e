"""Transport as a loss: values and gradients for training loops in torch."""

from __future__ import annotations

import warnings
from typing import Literal

import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn

from skwass.transport._divergence import sinkhorn_divergences
from skwass.transport._envelopes import exact_envelope, with_gradients


class TransportLoss(nn.Module):
    r"""Cost of transport between clouds, differentiable in points and weights.

    For each pair of clouds :math:`\sum_i a_i \delta_{x_i}`,
    :math:`\sum_j b_j \delta_{y_j}`, whose weights are normalised to sum to one,

    .. math:: W_p^p = \min_{P \ge 0,\ P 1 = a,\ P^\top 1 = b}
              \sum_{ij} P_{ij} \|x_i - y_j\|^p,

    or a smooth approximation of it. The gradient is the one of the optimum, by the
    envelope theorem [1]_: the plan is kept fixed for the points, and dual potentials
    are the derivatives in the weights. Nothing is differentiated through iterations;
    second derivatives are refused.

    Parameters
    ----------
    solver : {"exact", "sinkhorn"}, default="exact"
        "exact" solves each problem by the network simplex, on the CPU wherever the
        tensors are; the time grows with about the third power of the number of points.
        "sinkhorn" gives the Sinkhorn divergence [2]_, ``OT(x, y) - OT(x, x) / 2 -
        OT(y, y) / 2`` with entropic regularisation, on the device of the tensors. It
        is another quantity, positive and zero between equal clouds, that tends to the
        exact one as `reg` tends to zero.
    reg : float, default=None
        The regularisation of "sinkhorn", in the unit of the cost and the same in all
        three terms. None is 5 % of the mean cost between the two clouds of each
        problem, taken as a constant: the gradient does not follow that mean.
    order : {1, 2}, default=2
        The power p of the Euclidean distance.
    reduction : {"mean", "sum", "none"}, default="mean"
        Over the problems of a batch.
    squared : bool, default=True
        True gives the cost, the squared 2-Wasserstein distance for ``order=2``. False
        gives its p-th root, the distance, whose gradient where it is zero is taken as
        zero. For ``order=1`` both are the same.
    n_jobs : int, default=None
        Threads of "exact"; None is one, -1 is all cores.
    max_iter : int, default=1000
        Most iterations of "sinkhorn" at the last regularisation.
    tol : float, default=1e-4
        "sinkhorn" stops when the marginals of all plans differ in sum by no more.

    See Also
    --------
    skwass.wasserstein_distances : Exact distances between all clouds of two sets.

    Notes
    -----
    A point of weight zero is padding. Its coordinates, even NaN, change neither the
    loss nor any other gradient, and their own gradient is zero. The gradient of its
    weight is what it would cost to give it mass; zero if that is not finite.

    Exact transport is a maximum of linear functions of the weights: where several
    potentials are optimal, as for clouds of equally many points of equal weights, the
    gradient in the weights is one of its subgradients. So is the gradient in the points
    where several plans are optimal, and for ``order=1`` where points coincide (zero).

    References
    ----------
    .. [1] Danskin. The theory of max-min, with applications. SIAM Journal on Applied
       Mathematics 14(4), 1966.
    .. [2] Feydy, Séjourné, Vialard, Amari, Trouvé, Peyré. Interpolating between optimal
       transport and MMD using Sinkhorn divergences. AISTATS 2019, arXiv:1810.08278.

    Examples
    --------
    Move 20 points onto others:

    >>> import torch
    >>> from skwass.transport import TransportLoss
    >>> generator = torch.Generator().manual_seed(0)
    >>> x = torch.randn(20, 2, generator=generator).requires_grad_()
    >>> y = torch.randn(20, 2, generator=generator) + 3.0
    >>> loss_function = TransportLoss()
    >>> optimizer = torch.optim.SGD([x], lr=5.0)
    >>> before = loss_function(x, y).item()
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     loss = loss_function(x, y)
    ...     loss.backward()
    ...     optimizer.step()
    >>> before > 10, loss.item() < 1e-4
    (True, True)
    """

    def __init__(
        self,
        solver: Literal["exact", "sinkhorn"] = "exact",
        *,
        reg: float | None = None,
        order: int = 2,
        reduction: Literal["mean", "sum", "none"] = "mean",
        squared: bool = True,
        n_jobs: int | None = None,
        max_iter: int = 1000,
        tol: float = 1e-4,
    ) -> None:
        super().__init__()
        _one_of("solver", solver, ("exact", "sinkhorn"))
        _one_of("order", order, (1, 2))
        _one_of("reduction", reduction, ("mean", "sum", "none"))
        if reg is not None and solver == "exact":
            raise ValueError("reg is for solver='sinkhorn'; the exact one has none.")
        if reg is not None and not 0 < reg < float("inf"):
            raise ValueError(f"reg must be positive and finite or None; got {reg}.")
        if max_iter < 1 or not tol >= 0:
            raise ValueError(
                "max_iter must be at least 1 and tol not negative; got "
                f"max_iter={max_iter}, tol={tol}."
            )
        self.solver = solver
        self.reg = reg
        self.order = order
        self.reduction = reduction
        self.squared = squared
        self.n_jobs = n_jobs
        self.max_iter = max_iter
        self.tol = tol

    def forward(
        self,
        x: Tensor,
        y: Tensor,
        x_weights: Tensor | None = None,
        y_weights: Tensor | None = None,
    ) -> Tensor:
        """Compare clouds pairwise, ``x[k]`` with ``y[k]``.

        Parameters
        ----------
        x : Tensor of shape (batch_size, n, n_features) or (n, n_features)
            Points of clouds, or of one cloud.
        y : Tensor of shape (batch_size, m, n_features) or (m, n_features)
            Points of the clouds they are compared with.
        x_weights : Tensor of shape (batch_size, n) or (n,), default=None
            Weights of points, not negative; zero marks padding. They are normalised
            to sum to one in each cloud. A mask of booleans will do. None is uniform.
        y_weights : Tensor of shape (batch_size, m) or (m,), default=None
            The same for `y`.

        Returns
        -------
        loss : Tensor of shape () or (batch_size,)
            In the floating type of x and y; one value per problem if not reduced, and
            a single one for a single pair of clouds.

        Raises
        ------
        ValueError
            If shapes do not fit, points that have weight are not finite, weights are
            negative or not finite, a cloud has no mass, or the loss overflows.
        TypeError
            If points are no tensors of real floating type.
        """
        batched = _check_shapes(x, y)
        kind = torch.promote_types(x.dtype, y.dtype)
        x_weights = _weights(x, x_weights, "x")
        y_weights = _weights(y, y_weights, "y")
        if not batched:
            x, y, x_weights, y_weights = (
                x[None],
                y[None],
                x_weights[None],
                y_weights[None],
            )
        inner = torch.promote_types(kind, torch.float32)
        x, y = x.to(inner), y.to(inner)
        a = _normalised(x, x_weights.to(inner), "x")
        b = _normalised(y, y_weights.to(inner), "y")
        values = self._root(self._values(x, y, a, b)).to(kind)
        if not batched:
            return values[0]
        if self.reduction == "none":
            return values
        return values.mean() if self.reduction == "mean" else values.sum()

    def _values(self, x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        if self.solver == "exact":
            envelope = exact_envelope(x, y, a, b, self.order, self.n_jobs)
        else:
            envelope, error = sinkhorn_divergences(
                x, y, a, b, self.reg, order=self.order, max_iter=self.max_iter,
                tol=self.tol,
            )  # fmt: skip
            self._warn(error)
        return with_gradients(envelope, x, y, a, b)

    def _root(self, values: Tensor) -> Tensor:
        if self.squared or self.order == 1:
            return values
        positive = values > 0
        roots = torch.where(positive, values, 1.0).sqrt()
        return torch.where(positive, roots, 0.0)

    def _warn(self, error: Tensor) -> None:
        unconverged = int((error > self.tol).sum())
        if unconverged:
            warnings.warn(
                f"Sinkhorn's iterations did not converge for {unconverged} of "
                f"{len(error)} problems: marginals differ by up to "
                f"{error.max().item():.1e}, with tol={self.tol:g}. Increase max_iter, "
                "reg or tol; in float32, float64 converges further.",
                ConvergenceWarning,
                stacklevel=6,
            )

    def extra_repr(self) -> str:
        """Tell the parameters where a network is printed.

        Returns
        -------
        parameters : str
            Names and values.
        """
        names = ("solver", "reg", "order", "reduction", "squared")
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in names)


def _check_shapes(x: Tensor, y: Tensor) -> bool:
    """Whether x and y are batches."""
    for name, points in (("x", x), ("y", y)):
        if not isinstance(points, Tensor) or not points.is_floating_point():
            kind = type(points).__name__
            if isinstance(points, Tensor):
                kind = str(points.dtype)
            raise TypeError(f"{name} must be a tensor of floating type; got {kind}.")
    fits = x.ndim == y.ndim and x.ndim in (2, 3) and x.shape[-1] == y.shape[-1]
    if not fits or x.shape[:-2] != y.shape[:-2] or not (x.numel() and y.numel()):
        raise ValueError(
            "x and y must have shapes (batch_size, n, n_features) and (batch_size, m, "
            "n_features), or those of one pair of clouds, with at least one point "
            f"each; got {tuple(x.shape)} and {tuple(y.shape)}."
        )
    if x.device != y.device:
        raise ValueError(f"x is on {x.device} and y on {y.device}.")
    return x.ndim == 3


def _weights(points: Tensor, weights: Tensor | None, name: str) -> Tensor:
    if weights is None:
        return points.new_ones(points.shape[:-1])
    if not isinstance(weights, Tensor) or weights.is_complex():
        raise TypeError(f"{name}_weights must be a tensor of real numbers or None.")
    if weights.shape != points.shape[:-1]:
        raise ValueError(
            f"{name}_weights must have the shape {tuple(points.shape[:-1])} of the "
            f"points in {name}; got {tuple(weights.shape)}."
        )
    return weights.to(points.device)


def _normalised(points: Tensor, weights: Tensor, name: str) -> Tensor:
    total = weights.sum(1, keepdim=True)
    _refuse((weights < 0).any(1), f"{name}_weights are negative")
    _refuse(~total.isfinite().all(1), f"{name}_weights are not finite")
    _refuse(total[:, 0] == 0, f"{name}_weights give no mass to any point")
    broken = ~points.isfinite().all(2) & (weights > 0)
    _refuse(broken.any(1), f"points of {name} that have weight are NaN or infinite")
    return weights / total


def _refuse(wrong: Tensor, what: str) -> None:
    if bool(wrong.any()):
        first = int(wrong.nonzero()[0])
        raise ValueError(f"In cloud {first}, {what}.")


def _one_of(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {choices}; got {value!r}.")
