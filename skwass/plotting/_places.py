"""Where pictures of clouds and of their barycentres lie, in units of one picture."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

Array = NDArray[np.float64]

#: where the clouds lie that barycentres are drawn between
_CORNERS = {
    2: np.array([[0.0, 0.0], [1.0, 0.0]]),
    3: np.array([[0.5, 1.0], [0.0, 0.0], [1.0, 0.0]]),
    4: np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]]),
}
_MOST_COLUMNS = 10
_GAP = 0.4  # between the rows of clouds and those of barycentres


def has_between(n_clouds: int) -> bool:
    """Whether so many clouds can be the corners of a picture."""
    return n_clouds in _CORNERS


def weights_between(n_clouds: int, n_steps: int) -> Array:
    """Weights of evenly spaced barycentres between two, three or four clouds.

    Rows go from left to right and from top to bottom, of shape (n_barycenters,
    n_clouds). The clouds themselves are left out.
    """
    last = n_steps - 1
    away, along = np.indices((n_steps, n_steps)).reshape(2, -1) / last
    if n_clouds == 2:
        along = np.arange(n_steps) / last
        weights = np.stack([1 - along, along], axis=1)
    elif n_clouds == 3:
        # in row k of the triangle there are k + 1
        inside = along <= away
        away, along = away[inside], along[inside]
        weights = np.stack([1 - away, away - along, along], axis=1)
    else:
        weights = np.stack(
            [
                (1 - away) * (1 - along),
                (1 - away) * along,
                away * (1 - along),
                away * along,
            ],
            axis=1,
        )
    return np.asarray(weights[weights.max(axis=1) < 1])


def places_of(weights: Array) -> tuple[Array, Array]:
    """Centres of the pictures of clouds and of barycentres, one unit apart or more.

    Two, three or four clouds are the ends of a line or the corners of a triangle or a
    square, and barycentres lie between them by their weights. Where there are more
    clouds, or pictures would get smaller than in one single row, clouds come in rows
    and the barycentres in rows below.
    """
    n_barycenters, n_clouds = weights.shape
    if has_between(n_clouds):
        corners = _CORNERS[n_clouds]
        between = weights @ corners
        step = pdist(np.concatenate([corners, between]), "chebyshev").min()
        if step * (n_clouds + n_barycenters - 1) >= 1 - 1e-9:
            return corners / step, between / step
    columns = max(n_clouds, ceil(sqrt(n_clouds + n_barycenters)))
    columns = min(columns, _MOST_COLUMNS)
    clouds = _rows(n_clouds, columns)
    below = _rows(n_barycenters, columns)
    below[:, 1] += clouds[:, 1].min() - 1 - _GAP
    return clouds, below


def _rows(n_pictures: int, columns: int) -> Array:
    """Rows from the top, each of them centred."""
    number = np.arange(n_pictures)
    row, column = np.divmod(number, columns)
    lengths = np.minimum(columns, n_pictures - row * columns)
    return np.stack([column - (lengths - 1) / 2, -row], axis=1).astype(np.float64)
