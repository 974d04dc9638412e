"""How near a matrix of distances is to one of points in a Euclidean space."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, validate_params

from skwass.manifold._dissimilarities import centred, checked_distances

Array = NDArray[np.float64]

#: steps of conjugate gradients for one Newton step, and the residual that is enough
_MOST_STEPS = 50
_RESIDUAL = 0.1
#: eigenvalues this close, relative to the largest, count as equal
_EQUAL = 1e-12


@validate_params(  # type: ignore[untyped-decorator]
    {
        "squared": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def nearest_euclidean_distances(
    D: ArrayLike, *, squared: bool = False, max_iter: int = 100, tol: float = 1e-6
) -> Array:
    r"""The matrix of Euclidean distances whose squares are nearest to those of D.

    .. math:: \min_E \sum_{ij} (E_{ij} - D_{ij}^2)^2 \quad \text{such that }
              E_{ij} = \|z_i - z_j\|^2 \text{ for points } z_i \text{ of any dimension.}

    The sum is over all ordered pairs, so each pair counts twice. No embedding has less
    stress [1]_. The problem is convex: E has zeros on its diagonal and
    :math:`-J E J \succeq 0`, where :math:`J = I - 11^\top / n` centres. Dykstra's
    alternating projections between these two sets, as in [1]_, are steps of length one
    along the gradient of the dual problem

    .. math:: \max_y \sum_k \max(\lambda_k(y), 0)^2 - \|y\|^2, \qquad
              \lambda(y) \text{ the eigenvalues of } J (D^2 + \mathrm{diag}(y)) J.

    Here Newton steps [2]_ are taken where they rise enough, and Dykstra's elsewhere;
    six steps do what takes about a hundred projections. Each y bounds the least sum
    from below, and what it gives is made Euclidean, so the two say when to stop.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_samples)
        Distances: symmetric, not negative, zeros on the diagonal; two samples at least.
        They need not obey the triangle inequality.
    squared : bool, default=False
        D holds squared distances, and so does the result.
    max_iter : int, default=100
        Largest number of iterations, each of which takes an eigendecomposition or two.
        Ten are usual. The first is classical MDS in all its dimensions.
    tol : float, default=1e-6
        Stop as soon as the sum is proven to be within this share of the least one.

    Returns
    -------
    distances : ndarray of shape (n_samples, n_samples), float64
        Euclidean distances, in the unit of D: symmetric, not negative, zeros on the
        diagonal; Euclidean up to rounding, also if `max_iter` was reached. D itself,
        up to rounding, if it is Euclidean.

    Raises
    ------
    ValueError
        If D is no matrix of distances; the message says why.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` is reached; the message says what was proven.

    See Also
    --------
    euclidean_embedding_bounds : Bounds of the sum, from one eigendecomposition.
    EuclideanDistanceEmbedding : The points themselves.

    References
    ----------
    .. [1] Haviv, Kunes, Dougherty, Burdziak, Nawy, Gilbert, Pe'er. Wasserstein
       Wormhole: scalable optimal transport distance with transformers. ICML 2024,
       arXiv:2404.09411.
    .. [2] Qi. A semismooth Newton method for the nearest Euclidean distance matrix
       problem. SIAM J. Matrix Analysis and Applications 34(1), 2013.

    Examples
    --------
    Three samples, of which two are too far apart for the third to lie between them:

    >>> import numpy as np
    >>> from skwass import nearest_euclidean_distances
    >>> D = np.array([[0.0, 1.0, 3.0], [1.0, 0.0, 1.0], [3.0, 1.0, 0.0]])
    >>> nearest_euclidean_distances(D).round(3)
    array([[0.   , 1.453, 2.906],
           [1.453, 0.   , 1.453],
           [2.906, 1.453, 0.   ]])
    """
    squares, unit = _read_squares(D, squared=squared)
    result = solve_nearest(squares, max_iter, tol).squares
    return unit * (result if squared else np.sqrt(result, out=result))


@validate_params(  # type: ignore[untyped-decorator]
    {"squared": ["boolean"]}, prefer_skip_nested_validation=True
)
def euclidean_embedding_bounds(
    D: ArrayLike, *, squared: bool = False
) -> tuple[float, float]:
    r"""Bounds of the least stress with which distances can be embedded.

    Stress is :math:`\sum_{ij} (\|z_i - z_j\|^2 - D_{ij}^2)^2` over all ordered pairs,
    and the least one is that of :func:`nearest_euclidean_distances`. Let N be the
    positive part of :math:`J D^2 J`, which is zero if and only if D is Euclidean. Then

    - the stress of any embedding is at least :math:`\|N\|_F^2` [1]_;
    - that of classical MDS, whose squared distances are
      :math:`D_{ij}^2 + (N_{ii} + N_{jj})/2 - N_{ij}`, is exactly
      :math:`\|N\|_F^2 + \tfrac14 \sum_{ij} (N_{ii} + N_{jj})^2`;
    - these are never too small and often all too large. `upper` is what their best
      multiple leaves, which is never more and often much less.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_samples)
        Distances: symmetric, not negative, zeros on the diagonal; two samples at least.
    squared : bool, default=False
        D holds squared distances.

    Returns
    -------
    lower : float
        No embedding, of any dimension, has less stress. In the fourth power of the unit
        of distances, as `upper`.
    upper : float
        Some embedding with n_samples - 1 dimensions has no more. One in few dimensions
        may have more.

    Raises
    ------
    ValueError
        If D is no matrix of distances; the message says why.

    See Also
    --------
    nearest_euclidean_distances : What has the least stress.

    Notes
    -----
    The table of [1]_ prints the second term of the stress of classical MDS alone as the
    upper bound. That is no bound: where N has rank one and entries of equal size, that
    term equals the lower bound, which cannot be attained.

    References
    ----------
    .. [1] Haviv, Kunes, Dougherty, Burdziak, Nawy, Gilbert, Pe'er. Wasserstein
       Wormhole: scalable optimal transport distance with transformers. ICML 2024,
       arXiv:2404.09411.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass import euclidean_embedding_bounds, nearest_euclidean_distances
    >>> D = np.array([[0.0, 1.0, 3.0], [1.0, 0.0, 1.0], [3.0, 1.0, 0.0]])
    >>> lower, upper = euclidean_embedding_bounds(D)
    >>> stress = np.sum((nearest_euclidean_distances(D) ** 2 - D**2) ** 2)
    >>> print(f"{lower:.3f} <= {stress:.3f} <= {upper:.3f}")
    2.778 <= 5.556 <= 5.556
    """
    squares, unit = _read_squares(D, squared=squared)
    lower, upper = stress_bounds(squares)
    with np.errstate(over="ignore"):
        fourth = float(np.float64(unit) ** (2 if squared else 4))
    if not np.isfinite(upper * fourth):
        raise ValueError(
            f"D is as large as {unit:.0e}, and the stress is of its fourth power; "
            "rescale D."
        )
    return lower * fourth, upper * fourth


@dataclass(frozen=True)
class Nearest:
    """Squared Euclidean distances, and how near they are proven to be."""

    squares: Array
    stress: float
    least: float
    n_iter: int


def solve_nearest(squares: Array, max_iter: int, tol: float) -> Nearest:
    """The nearest squared Euclidean distances to `squares`, which are of unit scale."""
    rounding = (len(squares) * np.finfo(np.float64).eps) ** 2 * float(
        np.vdot(squares, squares)
    )
    best, stress, least = squares, np.inf, 0.0
    for n_iter, point in enumerate(_climb(squares), start=1):
        candidate = point.euclidean()
        reached = float(np.sum((candidate - squares) ** 2))
        if reached < stress:
            best, stress = candidate, reached
        least = max(least, point.value)
        if stress - least <= tol * stress + rounding:
            break
        if n_iter == max_iter:
            warnings.warn(
                f"max_iter={max_iter} was reached before tol={tol:g}: the stress is "
                f"{stress:.3g}, and the least one may be as small as {least:.3g}, in "
                "units of the largest distance. Raise max_iter.",
                ConvergenceWarning,
                stacklevel=3,
            )
            break
    return Nearest(best, stress, min(least, stress), n_iter)


def stress_bounds(squares: Array) -> tuple[float, float]:
    """As `euclidean_embedding_bounds`, of squared distances of unit scale."""
    start = _DualPoint(squares, np.zeros(len(squares)))
    classical = start.euclidean()
    # what the best multiple leaves; as a difference of sums it would cancel
    shrink = np.vdot(classical, squares) / (np.vdot(classical, classical) or 1.0)
    upper = float(np.sum((shrink * classical - squares) ** 2))
    return min(start.value, upper), upper


class _DualPoint:
    """The dual problem at y: its value, its slope, and what it gives."""

    def __init__(self, squares: Array, y: Array) -> None:
        self.squares, self.y = squares, y
        self.values, self.vectors = eigh(centred(squares + np.diag(y)))
        self.excess = np.maximum(self.values, 0)  # of what is not Euclidean
        self.value = float(np.sum(self.excess**2) - y @ y)
        positive = self.excess > 0
        kept = self.vectors[:, positive]
        self._removed = (kept * self.excess[positive]) @ kept.T
        #: half the gradient; y + slope is the point that Dykstra goes to
        self.slope = np.diag(self._removed) - y

    def euclidean(self) -> Array:
        """Squared Euclidean distances: what is left, made hollow."""
        shift = self.slope / 2
        squares = self.squares - self._removed + shift + shift[:, None]
        np.fill_diagonal(squares, 0.0)
        return np.maximum((squares + squares.T) / 2, 0.0)

    def newton_step(self) -> Array:
        """Solve for the step by conjugate gradients, not exactly."""
        ratios = self._ratios()
        vectors = self.vectors - self.vectors.mean(axis=0)

        def curvature(step: Array) -> Array:
            inner = ratios * (vectors.T @ (step[:, None] * vectors))
            return step - np.einsum("ij,ij->i", vectors @ inner, vectors)

        step, residual = np.zeros(len(self.y)), self.slope.copy()
        direction, size = residual.copy(), float(residual @ residual)
        enough = _RESIDUAL**2 * size
        for _ in range(_MOST_STEPS):
            bent = curvature(direction)
            bend = float(direction @ bent)
            if bend <= _EQUAL * (direction @ direction):
                break
            step += size / bend * direction
            residual -= size / bend * bent
            size, before = float(residual @ residual), size
            if size <= enough:
                break
            direction = residual + size / before * direction
        return step

    def _ratios(self) -> Array:
        """Of differences of positive parts of eigenvalues to those of eigenvalues."""
        values, excess = self.values, self.excess
        gaps = values[:, None] - values
        equal = np.abs(gaps) <= _EQUAL * np.abs(values).max()
        slopes = (excess[:, None] - excess) / np.where(equal, 1.0, gaps)
        return np.where(equal, (values > 0)[:, None], slopes)


def _climb(squares: Array) -> Iterator[_DualPoint]:
    """Points of rising value, from zero, where classical MDS stands."""
    point = _DualPoint(squares, np.zeros(len(squares)))
    while True:
        yield point
        # Dykstra's step gains as much as this, or more
        sure = float(point.slope @ point.slope)
        tried = _DualPoint(squares, point.y + point.newton_step())
        if tried.value < point.value + sure:
            tried = _DualPoint(squares, point.y + point.slope)
        point = tried


def _read_squares(D: ArrayLike, *, squared: bool) -> tuple[Array, float]:
    """Squared distances of which the largest is one, and the unit of D."""
    checked = check_array(D, dtype=np.float64, ensure_min_samples=2, input_name="D")
    if (checked < 0).any():
        raise ValueError(
            f"D must hold distances; its least value is {checked.min():g}."
        )
    distances = checked_distances(checked, "D")
    unit = float(distances.max()) or 1.0
    distances = distances / unit  # first, since squares of D may be no numbers
    return distances if squared else np.square(distances), unit
