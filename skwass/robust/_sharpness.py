"""How sharp the minimum is that a training has found."""

from __future__ import annotations

import math
import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, check_scalar
from torch import Tensor

from skwass.nn import Landscape, random_direction
from skwass.robust._ball import Ball
from skwass.robust._checks import NORMS, check_radius
from skwass.robust._landscapes import landscapes_of
from skwass.robust._parts import norm as norm_of
from skwass.training import draw_seed

#: in units of the radius; what is clipped after it is nearly the direction itself
_FIRST_STEP = 8.0


def loss_sharpness(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    rho: float = 0.05,
    *,
    n_steps: int = 20,
    norm: float = 2,
    adaptive: bool = False,
    sample_weight: ArrayLike | None = None,
    batch_size: int = 1024,
) -> float:
    r"""How much the loss can rise within a ball around the trained weights.

    .. math:: \max_{\|\delta\| \le \rho} L(\theta + \delta) - L(\theta)

    for the mean loss L over all samples: what sharpness-aware training lowers [1]_.

    Parameters
    ----------
    estimator : object
        A fitted `OTMDRClassifier` or `OTMDRRegressor`, a pipeline or a search around
        one, or a skorch net whose criterion is a mean over samples. It is not touched:
        all is computed on a copy.
    X : array-like of shape (n_samples, n_features) or (n_samples, ...)
        Samples, as for ``estimator.predict``.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Their labels or targets.
    rho : float, default=0.05
        Radius of the ball. The default is that of training.
    n_steps : int, default=20
        Gradients over all samples that are spent on the ascent. On perceptrons, twenty
        found at least 0.98 of what forty did, a single one as little as a hundredth.
    norm : {1, 2, inf}, default=2
        Of the ball, over all weights of a network.
    adaptive : bool, default=False
        Whether to measure lengths relative to the size of each weight, as in training
        with ``adaptive=True``.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of samples in the loss. Not for skorch nets.
    batch_size : int, default=1024
        Samples that are run at once. It bounds memory, and changes nothing else.

    Returns
    -------
    rise : float
        At least zero, in the unit of the loss. Of an ensemble, the mean over members,
        each in a ball of its own.

    Raises
    ------
    ValueError
        If X, y or a parameter is not what is expected, the estimator has no torch
        modules, or the loss is not finite.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    top_hessian_eigenvalue : Sharpness in the limit of a small ball.
    skwass.plotting.SharpnessDisplay : The loss along random directions.

    Notes
    -----
    The loss is in nats, so that networks that were trained in different ways can be
    compared: the cross-entropy of a classifier, without label smoothing and class
    weights; the Gaussian negative log-likelihood of standardised targets of a
    regressor; without weight decay and without the divergence of a posterior from its
    prior. Batch normalisation is in evaluation, and dropout off. Weights that are
    frozen stay; Bayesian weights are at their means, which are what moves.

    The maximum is looked for by projected gradient ascent from the trained weights,
    whose step is halved where the loss does not rise. No point outside the ball is
    looked at, so what is returned is never above the maximum, up to rounding; it may be
    below. Computation is in double precision where layers and device allow it.

    References
    ----------
    .. [1] Foret, Kleiner, Mobahi, Neyshabur. Sharpness-aware minimization for
       efficiently improving generalization. ICLR 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skwass import OTMDRClassifier, loss_sharpness
    >>> X, y = load_iris(return_X_y=True)
    >>> plain = OTMDRClassifier(rho=0, max_iter=20, random_state=0).fit(X, y)
    >>> flat = OTMDRClassifier(rho=0.2, max_iter=20, random_state=0).fit(X, y)
    >>> loss_sharpness(flat, X, y, rho=0.2) < loss_sharpness(plain, X, y, rho=0.2)
    True
    """
    check_radius("rho", rho)
    check_scalar(n_steps, "n_steps", Integral, min_val=1)
    if norm not in NORMS:
        raise ValueError(f"norm must be 1, 2 or numpy.inf; got {norm!r}.")
    found = landscapes_of(estimator, X, y, sample_weight, batch_size)
    rises = [_rise(one, rho, n_steps, norm, adaptive) for one in found]
    return float(np.mean(rises))


def top_hessian_eigenvalue(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    max_iter: int = 100,
    tol: float = 1e-3,
    sample_weight: ArrayLike | None = None,
    batch_size: int = 1024,
    random_state: int | np.random.RandomState | None = None,
) -> float:
    r"""Curvature of the loss in the direction in which it is most curved upwards.

    .. math:: \lambda_{\max}\big(\nabla^2 L(\theta)\big)
              = \max_{\|v\| = 1} v^\top \nabla^2 L(\theta)\, v

    for the mean loss L over all samples. It is the largest eigenvalue with its sign,
    not the largest in absolute value. Where the gradient vanishes, the loss rises by
    :math:`\lambda_{\max} \rho^2 / 2` within a small ball of radius :math:`\rho`.

    Parameters
    ----------
    estimator : object
        As of `loss_sharpness`.
    X : array-like of shape (n_samples, n_features) or (n_samples, ...)
        Samples, as for ``estimator.predict``.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Their labels or targets.
    max_iter : int, default=100
        Products of the Hessian with a vector at most. Each costs two to three
        gradients over all samples; the Hessian itself is never made.
    tol : float, default=1e-3
        Length of the residual :math:`\|\nabla^2 L\, v - \lambda v\|` at which to stop,
        relative to :math:`\lambda`. The error of :math:`\lambda` is smaller still.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of samples in the loss. Not for skorch nets.
    batch_size : int, default=1024
        Samples that are run at once. It bounds memory, and changes nothing else.
    random_state : int, RandomState or None, default=None
        Decides the vector that the iteration starts with.

    Returns
    -------
    value : float
        In the unit of the loss over that of squared weights. Of an ensemble, the mean
        over members.

    Raises
    ------
    ValueError
        If X, y or a parameter is not what is expected, or the estimator has no torch
        modules.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If `max_iter` products were not enough; what is returned is then too low.

    See Also
    --------
    loss_sharpness : The rise of the loss within a ball that is not small.

    Notes
    -----
    The eigenvalue is found by the Lanczos method [1]_, which needs no more than power
    iteration and converges faster. Loss and weights are those of `loss_sharpness`.

    A kink of the loss has no curvature: networks with ReLU, as the perceptron is, can
    rise faster in a small ball than this number says.

    References
    ----------
    .. [1] Lanczos. An iteration method for the solution of the eigenvalue problem of
       linear differential and integral operators. J. Res. Natl. Bur. Stand., 1950.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skwass import OTMDRClassifier, top_hessian_eigenvalue
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = OTMDRClassifier(max_iter=20, random_state=0).fit(X, y)
    >>> top_hessian_eigenvalue(classifier, X, y, random_state=0) > 0
    True
    """
    check_scalar(max_iter, "max_iter", Integral, min_val=1)
    check_scalar(tol, "tol", Real, min_val=0)
    seeds = check_random_state(random_state)
    found = [
        one.top_eigenvalue(
            torch.Generator().manual_seed(draw_seed(seeds)),
            max_iter=max_iter,
            tol=tol,
        )
        for one in landscapes_of(estimator, X, y, sample_weight, batch_size)
    ]
    if not all(converged for _, converged in found):
        warnings.warn(
            f"max_iter={max_iter} products with the Hessian were not enough to find "
            f"its largest eigenvalue to tol={tol:g}: the value is too low. Raise "
            "max_iter.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return float(np.mean([value for value, _ in found]))


@torch.no_grad()
def _rise(
    landscape: Landscape, rho: float, n_steps: int, norm: float, adaptive: bool
) -> float:
    """Climb from the best point so far, with half the step where that leads down."""
    start, gradient = landscape.gradient()
    if not math.isfinite(start):
        raise ValueError(f"The loss of X and y must be finite; it is {start}.")
    if not rho:
        return 0.0
    if not float(norm_of(gradient, math.inf)):
        generator = torch.Generator().manual_seed(0)
        gradient = random_direction(landscape.parameters, generator)
    points = landscape.parameters
    ball = Ball(points, [rho] * len(points), norm, adaptive)
    highest, summit, step = start, _copied(points), _FIRST_STEP
    for _ in range(n_steps):
        direction = _copied(gradient)
        factor = ball.steepest_(direction)
        if not factor:  # the gradient is zero, or not finite
            break
        ball.advance(direction, step * factor)
        height, slope = landscape.gradient()
        if height > highest:
            highest, gradient, summit = height, slope, _copied(points)
        else:
            torch._foreach_copy_(points, summit)
            step /= 2
    ball.leave()
    return highest - start


def _copied(parts: list[Tensor]) -> list[Tensor]:
    return [part.detach().clone() for part in parts]
