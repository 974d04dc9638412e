"""Gromov–Wasserstein: clouds compared by the distances within them."""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial.distance import cdist, pdist

from skwass.clouds import PointClouds
from skwass.transport._exact import Cloud, solve_transport
from skwass.transport._quantiles import quantile_means
from skwass.transport._simplex import Array
from skwass.transport._spaces import Matching, Problem, power_of_two

_TOLERANCE = 1e-9  # relative decrease of the cost that counts
_ROUNDING = 1e-14  # of costs whose lengths are at most one
_PATIENCE = 4  # steps as long as the last that may be needed to catch up
_ALIGNED = 2  # descents from clouds along their axes
_ANCHORS = 32  # tried where clouds look alike from all points


def squared_gromov(source: Cloud, target: Cloud, *, max_iter: int = 1000) -> float:
    r"""The squared Gromov–Wasserstein distance of order 2, up to a local minimum.

    .. math:: GW_2^2 = \min_P \sum_{ijkl}
              \big(\|x_i - x_k\| - \|y_j - y_l\|\big)^2 P_{ij} P_{kl}

    over plans P with the clouds' weights as marginals [1]_, without the factor 1/2 that
    Mémoli puts before the distance. The clouds may live in different dimensions; what
    an isometry does to them does not count, but for which local minimum is found where
    a cloud is symmetric. The value is that of a plan, see :func:`gromov_plan`, so it is
    never below the minimum.

    Parameters
    ----------
    source, target : tuple of points and weights
        Points of shape (n, d), positive weights of shape (n,) that sum to one.
    max_iter : int, default=1000
        The most steps of a descent; a few tens are usual.

    Returns
    -------
    cost : float
        In squared units of X; exactly 0 for a cloud and itself.

    References
    ----------
    .. [1] Mémoli. Gromov–Wasserstein distances and the metric approach to object
       matching. Foundations of Computational Mathematics 11, 2011.
    """
    problem, plan = _solve(source, target, None, max_iter)
    return problem.cost(plan)


def gromov_plan(source: Cloud, target: Cloud, *, max_iter: int = 1000) -> Array:
    r"""A plan at a local minimum of the Gromov–Wasserstein cost.

    Euclidean distances are conditionally negative definite, which makes the cost a
    concave function of P [1]_: the exact line search of a conditional gradient always
    takes the whole step, and a descent walks from vertex to vertex of the polytope,

    .. math:: P \leftarrow \arg\max_Q \langle D_x P D_y, Q \rangle,

    one linear program a step. There are four descents, and the best end is returned:
    from the plan behind :func:`third_lower_bound`, from the two best plans between
    clouds that lie along their principal axes or mirrored, and from the product of the
    weights. The later ones are given up early where they stay far above the best.
    Where points cannot be told apart by what they see of their cloud, as in regular
    polygons, more descents start from one point held fast.

    Parameters
    ----------
    source, target : tuple of points and weights
        Points of shape (n, d), positive weights of shape (n,) that sum to one.
    max_iter : int, default=1000
        The most steps of a descent.

    Returns
    -------
    plan : ndarray of shape (n_source, n_target)
        Its rows and columns sum to the weights.

    References
    ----------
    .. [1] Maron, Lipman. (Probably) concave graph matching. NeurIPS 2018.
    """
    problem, plan = _solve(source, target, None, max_iter)
    return problem.unfolded(plan)


def squared_fused_gromov(
    source: Cloud, target: Cloud, *, alpha: float = 0.5, max_iter: int = 1000
) -> float:
    r"""The fused Gromov–Wasserstein cost of order 2, up to a local minimum.

    .. math:: \min_P\ (1 - \alpha) \sum_{ij} \|x_i - y_j\|^2 P_{ij}
              + \alpha \sum_{ijkl} \big(\|x_i - x_k\| - \|y_j - y_l\|\big)^2
              P_{ij} P_{kl}

    lies between :math:`W_2^2` at alpha 0 and :math:`GW_2^2` at alpha 1 [1]_. Where the
    points are alone counts for the first part, how they lie to each other for the
    second. Found as in :func:`gromov_plan`.

    Parameters
    ----------
    source, target : tuple of points and weights
        Points of shape (n, d), the same d, and positive weights that sum to one.
    alpha : float, default=0.5
        Share of the distances within the clouds, between 0 and 1.
    max_iter : int, default=1000
        The most steps of a descent.

    Returns
    -------
    cost : float
        In squared units of X; exactly 0 for a cloud and itself.

    References
    ----------
    .. [1] Vayer, Chapel, Flamary, Tavenard, Courty. Fused Gromov–Wasserstein distance
       for structured objects. Algorithms 13(9), 2020.
    """
    problem, plan = _solve(source, target, alpha, max_iter)
    return problem.cost(plan)


def third_lower_bound(source: Cloud, target: Cloud) -> float:
    r"""A lower bound of the squared Gromov–Wasserstein distance, by one linear program.

    .. math:: TLB = \min_P \sum_{ij} P_{ij}\,
              W_2^2\big(\|x_i - \cdot\|_\# a, \|y_j - \cdot\|_\# b\big)

    compares what each point sees: the distribution of its distances to all others
    [1]_. It is exact for equally weighted points if the least common multiple of the
    sizes is at most 256, else told by 64 means of quantiles, which lowers it a little.

    Parameters
    ----------
    source, target : tuple of points and weights
        Points of shape (n, d), positive weights of shape (n,) that sum to one.

    Returns
    -------
    bound : float
        In squared units of X, at most ``GW_2^2`` (without Mémoli's factor 1/2).

    References
    ----------
    .. [1] Mémoli. Gromov–Wasserstein distances and the metric approach to object
       matching. Foundations of Computational Mathematics 11, 2011.
    """
    problem = Problem.between_clouds(source, target)
    if problem.x.is_equal(problem.y):
        return 0.0
    costs = cdist(*problem.local_quantiles, "sqeuclidean")
    bound = solve_transport(problem.x.weights, problem.y.weights, costs).cost
    return problem.in_unit(bound)


def distance_quantiles(clouds: PointClouds, n_quantiles: int) -> Array:
    r"""Features whose Euclidean distance is a lower bound of Gromov–Wasserstein.

    A row tells the distribution of all distances within a cloud by the means of its
    quantile function over equal parts, over :math:`\sqrt{n}`. The squared distance of
    two rows is the second lower bound [1]_ of :math:`GW_2^2`,

    .. math:: SLB = W_2^2\big((\|x - x'\|)_\#(a \otimes a),
              (\|y - y'\|)_\#(b \otimes b)\big) \le TLB \le GW_2^2,

    without Mémoli's factor 1/2; finitely many quantiles keep it below.

    Parameters
    ----------
    clouds : PointClouds
        Checked clouds.
    n_quantiles : int
        Number of parts.

    Returns
    -------
    features : ndarray of shape (n_clouds, n_quantiles), float64
        In the unit of X.

    References
    ----------
    .. [1] Mémoli. Gromov–Wasserstein distances and the metric approach to object
       matching. Foundations of Computational Mathematics 11, 2011.
    """
    features = np.zeros((len(clouds), n_quantiles))
    for row, (points, weights) in zip(features, clouds, strict=True):
        if len(points) > 1:
            centred = points.astype(np.float64) - points[0]
            scale = power_of_two(np.abs(centred).max())
            distances = np.append(0.0, pdist(centred * scale))
            later, earlier = np.triu_indices(len(points), 1)
            pairs = 2 * weights[later] * weights[earlier]
            mass = np.append(weights @ weights, pairs)
            row[:] = quantile_means(distances[None], mass, n_quantiles)[0] / scale
    return features / math.sqrt(n_quantiles)


def _solve(
    source: Cloud, target: Cloud, alpha: float | None, max_iter: int
) -> tuple[Problem, Array]:
    """The best end of several descents."""
    problem = Problem.between_clouds(source, target, alpha)
    a, b = problem.x.weights, problem.y.weights
    if problem.x.is_equal(problem.y):
        return problem, np.diag(a)
    if len(a) == 1 or len(b) == 1:
        return problem, a[:, None] * b
    relaxed, bound = problem.relax()
    first, least = _descend(problem, relaxed, max_iter)
    lowest = bound + _ROUNDING
    if least <= lowest + _TOLERANCE * least:
        return problem, first
    for start in [*problem.match_axes(_ALIGNED), problem.match_means()]:
        second, cost = _descend(problem, start, max_iter, least)
        if cost < least:
            first, least = second, cost
    if alpha is None and lowest < least and problem.is_symmetric:
        # what points see does not tell them apart, so a descent may start astray
        for j in range(min(len(b), _ANCHORS)):
            second, cost = _descend(problem, problem.match_anchor(j), max_iter, least)
            if cost < least:
                first, least = second, cost
            if least <= lowest:
                break
    return problem, first


def _descend(
    problem: Problem, start: Matching, max_iter: int, rival: float = math.inf
) -> tuple[Array, float]:
    """Go from vertex to vertex while the cost falls, and may fall below the rival."""
    matching = start
    product = matching.product
    if product is None:
        product = problem.dx @ matching.plan @ problem.dy
    cost = problem.value(matching.plan, product)
    for _ in range(max_iter):
        moved = problem.step(product, matching.f, matching.g)
        product = problem.dx @ moved.plan @ problem.dy
        found = problem.value(moved.plan, product)
        decrease = cost - found
        if not decrease > _TOLERANCE * cost:
            break
        matching, cost = moved, found
        if cost - _PATIENCE * decrease > rival:
            break
    return matching.plan, cost
