"""Distances between many clouds: the public functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skwass.clouds import PointClouds, as_point_clouds
from skwass.transport._registry import method_for
from skwass.transport._scheduling import Method, all_pairs, chosen_pairs


def wasserstein_distances(
    X: Any,
    Y: Any = None,
    *,
    metric: str | Callable[..., float] = "wasserstein",
    metric_params: dict[str, Any] | None = None,
    order: float = 2,
    squared: bool = False,
    solver: str = "auto",
    reg: float | None = None,
    n_jobs: int | None = None,
    device: str = "cpu",
    verbose: int = 0,
) -> NDArray[np.float64]:
    r"""Distances between all clouds of X and of Y.

    For clouds :math:`\mu = \sum_i a_i \delta_{x_i}` and
    :math:`\nu = \sum_j b_j \delta_{y_j}` of total mass one, and by default,

    .. math:: W_p(\mu, \nu) = \Big(\min_{P \ge 0,\ P 1 = a,\ P^\top 1 = b}
              \sum_{ij} P_{ij}\, c(x_i, y_j)^p \Big)^{1/p}

    with p = 2, solved exactly by POT's network simplex [1]_: on all pairs of points
    where clouds are small, and by column generation from annealed potentials where they
    are large; in closed form where one cloud is a single point or the points lie on a
    line. With a ground metric c this is a metric between measures. The user guide
    compares the other choices of `metric`.

    Parameters
    ----------
    X : PointClouds or anything :func:`as_point_clouds` takes
        The clouds, n_clouds of them. Weights are normalised to a total of one. A single
        array of shape (n, n_features) is a table of n clouds of one point each; for one
        cloud, pass ``[cloud]``.
    Y : as X, default=None
        The clouds to compare with. None compares X with itself and solves each pair
        once.
    metric : str or callable, default="wasserstein"
        Which distance.

        - ``"wasserstein"`` or ``"euclidean"``: Wasserstein with the Euclidean ground
          distance c; any other name that :func:`scipy.spatial.distance.cdist` knows, or
          a callable of two points that returns a number: with that ground distance.
        - ``"sinkhorn"``: the debiased Sinkhorn divergence of the squared Euclidean cost
          (its root, if not `squared`), smooth, no metric.
        - ``"sliced"``: root mean squared 2-Wasserstein distance along random lines, a
          metric up to the lines that are drawn; ``"max_sliced"``: along the line where
          it is largest, as far as a search finds it.
        - ``"bures"``: 2-Wasserstein between Gaussians with the means and covariances of
          the clouds.
        - ``"linear"``: linear optimal transport from a reference fitted on X and Y.
        - ``"gromov"``: Gromov–Wasserstein, a local minimum, for clouds in spaces that
          need not be the same; ``"gromov_slb"`` and ``"gromov_tlb"``: its second and
          third lower bound; ``"fused_gromov"``: mixed with the squared distance of the
          points.
    metric_params : dict, default=None
        Parameters of the metric: those of the ground distance, or

        - "sinkhorn": `max_iter` (1000), `tol` (1e-3, mass that may be misplaced);
        - "sliced": `n_projections` (100), `n_quantiles` (256), `random_state` (0);
        - "max_sliced": `n_projections` (32), `max_iter` (50), `random_state` (0);
        - "bures": `covariance` ("full", or "diag");
        - "linear": `n_reference` ("auto"), `random_state` (0);
        - "gromov": `max_iter` (1000), and "fused_gromov" besides `alpha` (0.5, the
          share of Gromov–Wasserstein); "gromov_slb": `n_quantiles` (256).

        Seeds are fixed by default, so that results repeat. "linear" and, without `reg`,
        "sinkhorn" choose their reference and regularisation by all of X and Y; other
        metrics are functions of two clouds.
    order : float, default=2
        The p of the p-Wasserstein distance, at least one.
    squared : bool, default=False
        Give squared distances, which for order 2 are what transport minimises.
    solver : str, default="auto"
        For Wasserstein distances ``"exact"`` (by the size of clouds, as above),
        ``"simplex"`` (on all pairs of points whatever their number) or ``"annealed"``
        (annealed Sinkhorn iterations in torch: a lower bound, usually within 0.5 %).
        "auto" is "exact" on the CPU and "annealed" on an accelerator. For "sinkhorn",
        ``"annealed"`` (which is "auto") or ``"log"`` (in the logarithmic domain and
        float64: slower, and exact to more digits).
    reg : float, default=None
        Entropic regularisation, in the unit of the cost, squared if order is 2. None is
        0.05 of the mean cost among X and Y for "sinkhorn", and 0.0005 of that of each
        pair for `solver` "annealed". Others have none.
    n_jobs : int, default=None
        Threads that solve pairs side by side; None is one, -1 is all cores. The result
        does not depend on it, up to rounding.
    device : str, default="cpu"
        Where torch solves what is annealed or regularised. The rest uses the CPU.
    verbose : int, default=0
        A progress bar if positive.

    Returns
    -------
    distances : ndarray of shape (n_clouds_X, n_clouds_Y), float64
        The distances, in the unit of X (squared if asked). Transport costs, distances
        to the power of `order`, are exact to a relative 1e-6, and usually to the
        rounding of float64. No cost matrix outlives its pair, so memory is that of the
        result and a little.

    Raises
    ------
    ValueError
        If X or Y is not a set of clouds (see :func:`as_point_clouds`), their dimensions
        differ, the metric is unknown, or a parameter does not go with it.
    MemoryError
        If the result would not fit into the memory of the machine.

    Warns
    -----
    ConvergenceWarning
        Once, if regularised problems did not converge, with their number.
    RuntimeWarning
        If ground distances differ so much that a transport cost cannot be told to a
        relative 1e-6.

    See Also
    --------
    sampled_wasserstein_distances : The same for chosen pairs.
    paired_wasserstein_distances : The same between X[i] and Y[i].

    References
    ----------
    .. [1] Bonneel, van de Panne, Paris, Heidrich. Displacement interpolation using
       Lagrangian mass transport. ACM Trans. Graphics 30(6), 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass import wasserstein_distances
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> clouds = [square, square + [3.0, 4.0], 2 * square]
    >>> wasserstein_distances(clouds).round(3)
    array([[0.   , 5.   , 1.   ],
           [5.   , 0.   , 4.359],
           [1.   , 4.359, 0.   ]])
    >>> wasserstein_distances(clouds, metric="gromov").round(3)
    array([[0., 0., 1.],
           [0., 0., 1.],
           [1., 1., 0.]])
    """
    method = method_for(
        metric, metric_params, order=order, solver=solver, reg=reg, device=device
    )
    clouds = as_point_clouds(X)
    others = None if Y is None else _matching(Y, clouds, method)
    squares = all_pairs(method, clouds, others, n_jobs, verbose)
    return squares if squared else np.sqrt(squares, out=squares)


def sampled_wasserstein_distances(
    X: Any,
    pairs: ArrayLike,
    Y: Any = None,
    *,
    metric: str | Callable[..., float] = "wasserstein",
    metric_params: dict[str, Any] | None = None,
    order: float = 2,
    squared: bool = False,
    solver: str = "auto",
    reg: float | None = None,
    n_jobs: int | None = None,
    device: str = "cpu",
    verbose: int = 0,
) -> NDArray[np.float64]:
    """Distances between chosen pairs of clouds.

    For cohorts whose full matrix would take days. The parameters that are not explained
    here are those of :func:`wasserstein_distances`.

    Parameters
    ----------
    X : PointClouds or anything :func:`as_point_clouds` takes
        The clouds.
    pairs : array-like of shape (n_pairs, 2), int
        ``pairs[k] = (i, j)`` asks for the distance between ``X[i]`` and ``Y[j]``.
    Y : as X, default=None
        Where the second index of a pair points to; None means X.
    metric : str or callable, default="wasserstein"
        Which distance.
    metric_params : dict, default=None
        Parameters of the metric.
    order : float, default=2
        The p of the p-Wasserstein distance.
    squared : bool, default=False
        Give the squared distance.
    solver : str, default="auto"
        How to solve.
    reg : float, default=None
        Entropic regularisation.
    n_jobs : int, default=None
        Threads; None is one, -1 is all cores.
    device : str, default="cpu"
        Where torch works.
    verbose : int, default=0
        A progress bar if positive.

    Returns
    -------
    distances : ndarray of shape (n_pairs,), float64
        The distances, in the unit of X (squared if asked).

    Raises
    ------
    ValueError
        As :func:`wasserstein_distances`; or if `pairs` has another shape, is not of
        integers, or points outside of X or Y.

    See Also
    --------
    wasserstein_distances : All pairs.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass import sampled_wasserstein_distances
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> sampled_wasserstein_distances([square, square + [3.0, 4.0]], [[0, 1], [1, 1]])
    array([5., 0.])
    """
    method = method_for(
        metric, metric_params, order=order, solver=solver, reg=reg, device=device
    )
    clouds = as_point_clouds(X)
    others = clouds if Y is None else _matching(Y, clouds, method)
    checked = _checked_pairs(pairs, len(clouds), len(others))
    squares = chosen_pairs(method, clouds, others, checked, n_jobs, verbose)
    return squares if squared else np.sqrt(squares)


def paired_wasserstein_distances(
    X: Any,
    Y: Any,
    *,
    metric: str | Callable[..., float] = "wasserstein",
    metric_params: dict[str, Any] | None = None,
    order: float = 2,
    squared: bool = False,
    solver: str = "auto",
    reg: float | None = None,
    n_jobs: int | None = None,
    device: str = "cpu",
    verbose: int = 0,
) -> NDArray[np.float64]:
    """Distances between X[i] and Y[i].

    As :func:`sklearn.metrics.pairwise.paired_distances`, for clouds. The parameters
    that are not explained here are those of :func:`wasserstein_distances`.

    Parameters
    ----------
    X : PointClouds or anything :func:`as_point_clouds` takes
        The clouds.
    Y : as X
        As many clouds.
    metric : str or callable, default="wasserstein"
        Which distance.
    metric_params : dict, default=None
        Parameters of the metric.
    order : float, default=2
        The p of the p-Wasserstein distance.
    squared : bool, default=False
        Give the squared distance.
    solver : str, default="auto"
        How to solve.
    reg : float, default=None
        Entropic regularisation.
    n_jobs : int, default=None
        Threads; None is one, -1 is all cores.
    device : str, default="cpu"
        Where torch works.
    verbose : int, default=0
        A progress bar if positive.

    Returns
    -------
    distances : ndarray of shape (n_clouds,), float64
        The distances, in the unit of X (squared if asked).

    Raises
    ------
    ValueError
        As :func:`wasserstein_distances`; or if X and Y are not equally many.

    See Also
    --------
    wasserstein_distances : All pairs.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass import paired_wasserstein_distances
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> paired_wasserstein_distances([square, square], [square + [3.0, 4.0], square])
    array([5., 0.])
    """
    method = method_for(
        metric, metric_params, order=order, solver=solver, reg=reg, device=device
    )
    clouds = as_point_clouds(X)
    others = _matching(Y, clouds, method)
    if len(clouds) != len(others):
        raise ValueError(
            f"X has {len(clouds)} clouds and Y has {len(others)}; each X[i] is "
            "compared with Y[i]."
        )
    pairs = np.repeat(np.arange(len(clouds))[:, None], 2, axis=1)
    squares = chosen_pairs(method, clouds, others, pairs, n_jobs, verbose)
    return squares if squared else np.sqrt(squares)


def _matching(Y: Any, clouds: PointClouds, method: Method) -> PointClouds:
    try:
        others = as_point_clouds(Y)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(re.sub(r"\bX\b", "Y", str(error))) from None
    if method.same_space and others.n_features != clouds.n_features:
        raise ValueError(
            f"X has {clouds.n_features} features and Y has {others.n_features}; points "
            "of both must live in the same space."
        )
    return others


def _checked_pairs(pairs: ArrayLike, n_first: int, n_second: int) -> NDArray[np.intp]:
    try:
        array = np.asarray(pairs)
    except ValueError as error:
        raise ValueError(
            f"pairs must be integers of shape (n_pairs, 2); {error}"
        ) from None
    if array.size == 0:
        return np.empty((0, 2), dtype=np.intp)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        raise ValueError(
            "pairs must be integers of shape (n_pairs, 2); got shape "
            f"{array.shape} and dtype {array.dtype}."
        )
    if array.min() < 0 or (array.max(axis=0) >= (n_first, n_second)).any():
        raise ValueError(
            f"pairs must index {n_first} clouds in X and {n_second} in Y; got indices "
            f"from {array.min()} to {array.max()}."
        )
    return array.astype(np.intp)
