"""What Gromov–Wasserstein minimises: distances within two clouds, and plans."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial.distance import cdist

from skwass.transport._exact import Cloud, mixed_order, solve_transport
from skwass.transport._ground import refuse_overflow
from skwass.transport._quantiles import quantile_means
from skwass.transport._simplex import Array, Solution

_TIE = 1e-9  # relative difference of what two points see that is none
_BINS = 64  # of a distribution of distances
_MOST_BINS = 256  # where they make it exact
_ROWS_A_BLOCK = 256
_AXES = 2  # a third one costs more than it lowers values of real clouds


class Space:
    """A cloud in an order of its own, no point twice.

    Neither the order of the points nor their splitting can then matter.
    """

    def __init__(self, cloud: Cloud) -> None:
        points, weights = np.asarray(cloud[0], dtype=np.float64), cloud[1]
        distinct, inverse = np.unique(points, axis=0, return_inverse=True)
        mixed = mixed_order(len(distinct))
        back = np.empty(len(mixed), dtype=np.intp)
        back[mixed] = np.arange(len(mixed))
        self.points: Array = distinct[mixed]
        #: which of the points above each given point is
        self.place = back[inverse.ravel()]
        self.weights: Array = np.zeros(len(distinct))
        np.add.at(self.weights, self.place, weights)
        self.share: Array = weights / self.weights[self.place]
        with np.errstate(over="ignore"):
            centred = self.points - self.points[0]
        self.extent = float(np.abs(centred).max())
        refuse_overflow(self.extent)
        unit = centred * power_of_two(self.extent)
        variance = self.weights @ np.square(unit - self.weights @ unit).sum(axis=1)
        spread = math.sqrt(variance) / power_of_two(self.extent)
        #: the root of the mean squared distance between two points
        self.mean_distance = math.sqrt(2 * variance) / power_of_two(self.extent)
        #: an order of clouds, the same wherever they lie
        self.key = (len(unit), spread, self.points.tolist())

    def is_equal(self, other: Space) -> bool:
        """Whether both are the same measure."""
        same_points = np.array_equal(self.points, other.points)
        return same_points and np.array_equal(self.weights, other.weights)

    def is_uniform(self) -> bool:
        """Whether all points weigh the same."""
        return bool(np.ptp(self.weights) <= 1e-12 / len(self.weights))

    def distances(self, scale: float) -> Array:
        """Distances between the points, told in a unit."""
        centred = (self.points - self.points[0]) * scale
        return cdist(centred, centred)

    def along_axes(self, scale: float, n_axes: int) -> Array:
        """Where the points lie along the axes of largest variance, told in a unit."""
        unit = (self.points - self.points[0]) * scale
        centred = unit - self.weights @ unit
        axes = np.linalg.svd(
            np.sqrt(self.weights)[:, None] * centred, full_matrices=False
        ).Vh[:n_axes]
        return np.asarray(centred @ axes.T)


@dataclass(frozen=True)
class Matching:
    """A plan between two spaces, and a guess at potentials of the next program.

    They are those of the program it solves, if that is like the next one.
    """

    plan: Array
    f: Array
    g: Array
    #: ``dx @ plan @ dy``, if it is known already
    product: Array | None = None


@dataclass(frozen=True)
class Problem:
    """What is minimised: costs between points, and distances within clouds.

    All lengths are told in a common unit, a power of two, so that scaling X by one
    changes no bit of a plan.

    Attributes
    ----------
    x, y : Space
        The clouds.
    alpha : float or None, default=None
        Weight of the distances within against those between clouds; None counts none
        between, and the clouds may differ in dimension.
    swapped : bool, default=False
        Whether x is the target.
    """

    x: Space
    y: Space
    alpha: float | None = None
    swapped: bool = False

    @classmethod
    def between_clouds(
        cls, source: Cloud, target: Cloud, alpha: float | None = None
    ) -> Problem:
        """The same problem, whichever of two clouds comes first."""
        x, y = Space(source), Space(target)
        return cls(y, x, alpha, True) if y.key < x.key else cls(x, y, alpha)

    @cached_property
    def scale(self) -> float:
        """Factor that brings lengths to the common unit."""
        extents = [self.x.extent, self.y.extent]
        if self.alpha is not None:
            extents.append(float(np.abs(self.x.points[0] - self.y.points[0]).max()))
        return power_of_two(max(extents))

    @cached_property
    def dx(self) -> Array:
        """Distances within the first cloud."""
        return self.x.distances(self.scale)

    @cached_property
    def dy(self) -> Array:
        """Distances within the second cloud."""
        return self.y.distances(self.scale)

    @cached_property
    def linear(self) -> Array | None:
        """Weighted costs between points, the linear part of what a plan costs."""
        if self.alpha is None:
            return None
        origin = self.x.points[0]
        x, y = (self.scale * (space.points - origin) for space in (self.x, self.y))
        return (1 - self.alpha) * cdist(x, y, "sqeuclidean")

    @property
    def quadratic(self) -> float:
        """Weight of the quadratic part."""
        return 1.0 if self.alpha is None else self.alpha

    @cached_property
    def squares(self) -> tuple[Array, Array]:
        """The mean squared distance of each point to its cloud."""
        return self.dx**2 @ self.x.weights, self.dy**2 @ self.y.weights

    @cached_property
    def first_potentials(self) -> tuple[Array, Array]:
        """A guess at those of the first program of a descent."""
        f, g = (-2 * self.quadratic * square for square in self.squares)
        return f, g

    @cached_property
    def local_quantiles(self) -> tuple[Array, Array]:
        """Rows whose squared distances compare what two points see of their clouds."""
        bins = _BINS
        if self.x.is_uniform() and self.y.is_uniform():
            exact = math.lcm(len(self.dx), len(self.dy))
            bins = exact if exact <= _MOST_BINS else bins
        qx = quantile_means(self.dx, self.x.weights, bins)
        qy = quantile_means(self.dy, self.y.weights, bins)
        return qx / math.sqrt(bins), qy / math.sqrt(bins)

    def relax(self) -> tuple[Matching, float]:
        """The plan of a linear cost that is nowhere above ours, and that cost."""
        qx, qy = self.local_quantiles
        costs = np.sum(qx**2, axis=1)[:, None] + np.sum(qy**2, axis=1) - 2 * qx @ qy.T
        np.maximum(costs, 0.0, out=costs)
        costs *= self.quadratic
        if self.linear is not None:
            costs += self.linear
        found = self._solve(costs)
        # at the plan found, the gradient is about twice these costs
        sx, sy = (2 * self.quadratic * square for square in self.squares)
        return Matching(found.plan, 2 * found.f - sx, 2 * found.g - sy), found.cost

    @cached_property
    def is_symmetric(self) -> bool:
        """Whether each point of one cloud has two equal best partners in the other."""
        qx, qy = self.local_quantiles
        if len(qy) < 2:
            return False
        nearest = np.partition(cdist(qx, qy), 1, axis=1)[:, :2]
        return bool((nearest[:, 1] - nearest[:, 0]).max() <= _TIE * np.abs(qy).max())

    def match_means(self) -> Matching:
        """The best plan for the cost made linear at the product of the weights.

        Distances alone: points match in the order of their mean distances.
        """
        means = self.dx @ self.x.weights, self.dy @ self.y.weights
        f, g = self.first_potentials
        return self.step(means[0][:, None] * means[1], f, g)

    def match_axes(self, n_best: int) -> list[Matching]:
        """Plans that match points after both clouds lie along their principal axes.

        Axes have no sign, so every mirror image of the first two is tried, and those
        that cost least are given: a descent from them ends lower than from elsewhere
        where an isometry nearly maps one cloud to the other.
        """
        x, y = (space.along_axes(self.scale, _AXES) for space in (self.x, self.y))
        n_axes = min(x.shape[1], y.shape[1])
        x, y = x[:, :n_axes], y[:, :n_axes]
        plans = [
            self._solve(cdist(x, y * signs, "sqeuclidean")).plan
            for signs in itertools.product((1.0, -1.0), repeat=n_axes)
        ]
        products = [self.dx @ plan @ self.dy for plan in plans]
        costs = [self.value(*pair) for pair in zip(plans, products, strict=True)]
        f, g = self.first_potentials
        best = np.argsort(costs, kind="stable")[:n_best]
        return [Matching(plans[k], f, g, products[k]) for k in best]

    def match_anchor(self, j: int) -> Matching:
        """The plan that matches points by their distances to x_0 and to y_j."""
        found = self._solve((self.dx[0][:, None] - self.dy[j]) ** 2)
        f, g = self.first_potentials
        return Matching(found.plan, f, g)

    def step(self, product: Array, f: Array, g: Array) -> Matching:
        """The best plan for the cost made linear at P, with ``product = dx P dy``.

        Potentials of a similar program, taken off the costs, leave the simplex a third
        less to do.
        """
        costs = (-4 * self.quadratic) * product
        if self.linear is not None:
            costs += self.linear
        costs -= f[:, None] + g
        costs -= costs.min()
        found = self._solve(costs)
        return Matching(found.plan, f + found.f, g + found.g)

    def _solve(self, costs: Array) -> Solution:
        return solve_transport(self.x.weights, self.y.weights, costs)

    def value(self, plan: Array, product: Array) -> float:
        """Cost of a plan in the common unit, up to rounding."""
        constant = self.x.weights @ self.squares[0] + self.y.weights @ self.squares[1]
        cost = self.quadratic * float(constant - 2 * np.vdot(product, plan))
        if self.linear is not None:
            cost += float(np.vdot(self.linear, plan))
        return cost

    def cost(self, plan: Array) -> float:
        """Cost of a plan in the unit of X, summed up so that no digits cancel."""
        i, j = np.nonzero(plan)
        mass = plan[i, j]
        cost = 0.0
        for start in range(0, len(i), _ROWS_A_BLOCK):
            block = slice(start, start + _ROWS_A_BLOCK)
            gaps = self.dx[np.ix_(i[block], i)] - self.dy[np.ix_(j[block], j)]
            cost += float(mass[block] @ np.square(gaps, out=gaps) @ mass)
        cost *= self.quadratic
        if self.linear is not None:
            cost += float(np.vdot(self.linear, plan))
        return self.in_unit(cost)

    def in_unit(self, cost: float) -> float:
        """A squared length in the unit of X."""
        cost = cost / self.scale / self.scale
        refuse_overflow(cost)
        return cost

    def unfolded(self, plan: Array) -> Array:
        """The plan between the points as they were given."""
        shares = self.x.share[:, None] * self.y.share
        plan = shares * plan[np.ix_(self.x.place, self.y.place)]
        return plan.T if self.swapped else plan


def power_of_two(extent: float) -> float:
    """A factor that brings a length to [0.5, 1) and loses no bit."""
    return math.ldexp(1.0, min(-math.frexp(extent)[1], 1023))
