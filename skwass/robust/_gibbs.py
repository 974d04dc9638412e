"""Particles of the inner problem at a given temperature, for one small vector."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from skwass.robust._ball import Ball


@torch.no_grad()
def gibbs_particles(
    gradient: Callable[[Tensor], Tensor],
    centre: Tensor,
    *,
    rho: float,
    inverse_temperature: float,
    n_steps: int,
    step_size: float,
    start: Tensor | None = None,
    n_particles: int = 1000,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Draw from the density :math:`\propto e^{\lambda L}` on a ball.

    Projected Langevin dynamics with steps that are not normalised,

    .. math:: \tilde\theta \leftarrow \Pi_{B_\rho(\theta)} \bigl(\tilde\theta + \eta
              \nabla L(\tilde\theta) + \sqrt{2\eta/\lambda}\, z\bigr),

    is exact as :math:`\eta \to 0` and the number of steps grows. The mean of
    :math:`\nabla L` over such particles is the gradient of :math:`F_\lambda(\theta) =
    \frac1\lambda \log \int_{B_\rho(0)} e^{\lambda L(\theta + \delta)} d\delta`.

    Parameters
    ----------
    gradient : callable
        Takes points (n_particles, n_features) to the gradients of `L` there.
    centre : Tensor of shape (n_features,)
        The centre of the ball, theta.
    rho : float
        Its Euclidean radius.
    inverse_temperature : float
        Lambda, in units of one over the loss.
    n_steps : int
        Steps of each particle.
    step_size : float
        Eta. The error is of the order of one step's noise relative to `rho`.
    start : Tensor of shape (n_particles, n_features), default=None
        Where particles start. None starts at the centre.
    n_particles : int, default=1000
        Number of particles, where there is no `start`.
    generator : torch.Generator, default=None
        Where the noise comes from. None is torch's global one.

    Returns
    -------
    particles : Tensor of shape (n_particles, n_features)
        Points in the ball.
    """
    origin = centre.expand(n_particles if start is None else len(start), -1)
    points = origin.clone()
    # particles do not know each other, like members of an ensemble
    ball = Ball([points], [rho], n_members=len(points))
    if start is not None:
        points.copy_(start)
    noise = math.sqrt(2 * step_size * len(centre) / inverse_temperature) / rho
    for _ in range(n_steps):
        ball.advance([gradient(points)], step_size / rho, noise, generator)
    return points
