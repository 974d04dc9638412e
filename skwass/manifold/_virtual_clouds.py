"""Clouds that nobody sent: bent and reweighted versions of given ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skwass.clouds import PointClouds

Array = NDArray[np.float64]

# standard deviations: of coordinates for a cloud of spread one, of log-weights
_SHIFT, _STRETCH, _BEND, _TILT = 0.1, 0.15, 0.1, 0.4
_N_WAVES = 3
_FREQUENCY = 2.0


def virtual_clouds(
    clouds: PointClouds, n_clouds: int, random_state: np.random.RandomState
) -> PointClouds:
    r"""Random clouds that look like the given ones and are not among them.

    Each is one of the given clouds, shifted, stretched along random lines and bent by
    smooth waves,

    .. math:: x \mapsto x + a_0 + \sum_k a_k \langle b_k, x \rangle
              + \sum_k c_k \sin(\langle \omega_k, x \rangle + \phi_k) ,

    with weights multiplied by the exponential of such waves. All these vectors join two
    random points of the cloud, so that in many dimensions, too, it moves within what it
    spans; a single point stays where it is.

    Parameters
    ----------
    clouds : PointClouds
        Checked clouds.
    n_clouds : int
        How many to make.
    random_state : RandomState
        Decides them.

    Returns
    -------
    made : PointClouds
        Clouds of as many points as those they come from, with weights that sum to one.
    """
    chosen = clouds[random_state.randint(len(clouds), size=n_clouds)]
    owner = np.repeat(np.arange(n_clouds), chosen.sizes)
    weights = chosen.weights / np.bincount(owner, chosen.weights)[owner]
    mean = _sums(weights[:, None] * chosen.points, chosen)
    unit = chosen.points - mean[owner]
    spread = np.sqrt(_sums(weights * np.einsum("ij,ij->i", unit, unit), chosen))
    unit = unit / np.where(spread > 0, spread, 1.0)[owner, None]

    def lines(amplitude: float) -> Array:
        drawn = amplitude * random_state.standard_normal((n_clouds, 1))
        return drawn * _lines(unit, chosen, random_state)

    def waves(place: Array) -> Array:
        phase = random_state.uniform(0, 2 * np.pi, n_clouds)
        waved: Array = np.sin(place + phase[owner])
        return waved

    moved, rise = unit + lines(_SHIFT)[owner], np.zeros(len(unit))
    for _ in range(_N_WAVES):
        place = np.einsum("ij,ij->i", unit, lines(1.0)[owner])
        moved += place[:, None] * lines(_STRETCH)[owner]
        place = np.einsum("ij,ij->i", unit, lines(_FREQUENCY)[owner])
        moved += waves(place)[:, None] * lines(_BEND)[owner]
        rise += waves(place) * (_TILT * random_state.standard_normal(n_clouds))[owner]
    weights = weights * np.exp(rise)
    weights /= np.bincount(owner, weights)[owner]
    return PointClouds(
        mean[owner] + spread[owner, None] * moved, weights, chosen.offsets
    )


def _sums(values: Array, clouds: PointClouds) -> Array:
    """Sums over the points of each cloud, none of which is empty."""
    sums: Array = np.add.reduceat(values, clouds.offsets[:-1], axis=0)
    return sums


def _lines(
    unit: Array, clouds: PointClouds, random_state: np.random.RandomState
) -> Array:
    """For each cloud the unit vector between two of its points; zero if they agree."""
    start, stop = (
        clouds.offsets[:-1] + random_state.randint(clouds.sizes) for _ in range(2)
    )
    between = unit[stop] - unit[start]
    length = np.linalg.norm(between, axis=1, keepdims=True)
    line: Array = between / np.where(length > 0, length, 1.0)
    return line
