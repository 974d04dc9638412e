"""Particles climb the loss of a batch and report the gradients where they arrive."""

from __future__ import annotations

import torch
from torch import Tensor

from skwass.robust._ball import Ball
from skwass.robust._gradients import GradientSum, gradients
from skwass.robust._passes import Passes


def send_particles(
    ball: Ball,
    passes: Passes,
    parameters: list[Tensor],
    *,
    n_particles: int,
    n_steps: int,
    noise: float,
    generator: torch.Generator | None,
) -> None:
    """Turn ``.grad``, the gradient at the centre, into the mean of the particles'.

    A gradient on the way that is not finite is left there, and ends it.

    Parameters
    ----------
    ball : Ball
        What the particles stay in; its points are left where the last one has come.
    passes : Passes
        The loss of the batch.
    parameters : list of Tensor
        All that have gradients to average, in the ball or not.
    n_particles, n_steps : int
        How many particles, and steps of each.
    noise : float
        Norm of a step's noise, over the radius.
    generator : torch.Generator
        Where the noise comes from.
    """
    if not noise:
        n_particles = 1  # all would go the same way
    step = 1.0 if n_steps == 1 else min(1.0, 2 / n_steps)
    direction = gradients(ball.points)
    if n_particles > 1:
        # others than us may own the memory of a gradient, and use it again
        direction = [part.clone() for part in direction]
    factor = ball.steepest_(direction)
    if factor is None:
        return
    shake = ball.noise(noise, generator)
    total = GradientSum(parameters)
    for k in range(n_particles):
        ball.enter(direction, step * factor, shake)
        if n_particles == 1:
            direction.clear()  # its memory is that of the next gradient
        for _ in range(n_steps - 1):
            passes()
            current = gradients(ball.points)
            factor_here = ball.steepest_(current)
            if factor_here is None:
                return
            ball.advance(current, step * factor_here, shake)
            current.clear()
        passes()
        if k + 1 < n_particles:
            total.add()
            for parameter in parameters:
                parameter.grad = None  # the next particle needs the memory
    if n_particles > 1:
        total.finish(n_particles)
