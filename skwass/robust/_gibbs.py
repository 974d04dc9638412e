"""Particles of the inner problem at a given temperature, for one small vector."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


@torch.no_grad()
def gibbs_particles(
    loss: Callable[[Tensor], Tensor],
    centre: Tensor,
    *,
    rho: float,
    inverse_temperature: float,
    n_steps: int,
    step_size: float,
    n_particles: int = 1000,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Draw from the density :math:`\propto e^{\lambda L}` on a ball.

    Langevin dynamics with steps that are not normalised,

    .. math:: \tilde\theta \leftarrow \tilde\theta + \eta \nabla L(\tilde\theta) +
              \sqrt{2\eta/\lambda}\, z,

    accepted or not by the rule of Metropolis, and never if they leave the ball: this
    has the right density at any step size, where projection acts as if the ball were
    wider by 0.58 of a step's noise. The mean of :math:`\nabla L` over the particles is
    the gradient of :math:`F_\lambda(\theta) = \frac1\lambda \log \int_{B_\rho(0)}
    e^{\lambda L(\theta + \delta)} d\delta`, which the optimiser approximates.

    Parameters
    ----------
    loss : callable
        Takes points (n_particles, n_features) to their losses (n_particles,).
    centre : Tensor of shape (n_features,)
        The centre of the ball, theta.
    rho : float
        Its Euclidean radius.
    inverse_temperature : float
        Lambda, in units of one over the loss.
    n_steps : int
        Steps of each particle. They start at the centre.
    step_size : float
        Eta, in units of parameters squared over the loss.
    n_particles : int, default=1000
        Number of particles, which do not know each other.
    generator : torch.Generator, default=None
        Where the noise comes from. None is torch's global one.

    Returns
    -------
    particles : Tensor of shape (n_particles, n_features)
        Points in the ball.
    """
    points = centre.expand(n_particles, -1).clone()
    value, drift = _with_drift(loss, points, step_size)
    noise = math.sqrt(2 * step_size / inverse_temperature)
    for _ in range(n_steps):
        z = torch.empty_like(points).normal_(generator=generator)
        proposed = points + drift + noise * z
        new_value, new_drift = _with_drift(loss, proposed, step_size)
        back = (points - proposed - new_drift) / noise
        odds = inverse_temperature * (new_value - value)
        odds += (z.square() - back.square()).sum(1) / 2
        chance = torch.empty_like(odds).uniform_(generator=generator)
        accepted = chance.log() < odds
        accepted &= (proposed - centre).norm(dim=1) <= rho
        value = torch.where(accepted, new_value, value)
        points = torch.where(accepted[:, None], proposed, points)
        drift = torch.where(accepted[:, None], new_drift, drift)
    return points


def _with_drift(
    loss: Callable[[Tensor], Tensor], points: Tensor, step_size: float
) -> tuple[Tensor, Tensor]:
    """Losses at points, and where their gradients carry them."""
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        value = loss(points)
        (gradient,) = torch.autograd.grad(value.sum(), points)
    return value.detach(), step_size * gradient
