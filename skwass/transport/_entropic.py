"""Transport distances that a regularisation makes fast, smooth or approximate."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from skwass.clouds import PointClouds
from skwass.transport._annealing import Annealed, anneal, fast_arithmetic, least_allowed
from skwass.transport._batches import Batch, Problem, batches
from skwass.transport._exact import Cloud, has_closed_form, transport_cost
from skwass.transport._extent import centre_and_spread, pooled, refuse_far
from skwass.transport._ground import SQUARED_EUCLIDEAN, GroundCost
from skwass.transport._log_sinkhorn import log_sinkhorn
from skwass.transport._scheduling import Solved
from skwass.transport._simplex import Array

_PAIRS_ON_CPU = 64
_PAIRS_ELSEWHERE = 4096
_LEAST_REG = 2.0**-40  # of the mean cost, below which float32 sees no difference
_N_ITER = 3
_CLOSE = 1e-3  # of the mean cost, below which float32 costs percents
_LARGEST_REG = 2.0**10  # beyond which the plan is the product of the weights
_LARGEST_GAP = 0.1
_LEAST_VALUE = 0.01  # of the mean cost, below which a relative error says nothing
_RELAXATION = 1.5


class Entropic(ABC):
    """Solves pairs of clouds in batches, and remembers those that did not converge.

    Parameters
    ----------
    cost : GroundCost
        Of moving mass.
    reg : float or None
        Regularisation, in the unit of the cost.
    device : str
        Where torch works.
    max_iter : int
        Iterations at the last regularisation.
    tol : float
        How much mass may be in the wrong place.
    """

    description: str
    complaint: str  # about the largest error
    advice: str
    default_reg: float
    dirac_cost: GroundCost | None
    same_space = True

    def __init__(
        self,
        cost: GroundCost,
        reg: float | None,
        device: str,
        max_iter: int,
        tol: float,
    ) -> None:
        self.cost = self.dirac_cost = cost
        self.reg = reg
        self.device = device
        self.max_iter = max_iter
        self.tol = tol
        self.block_size = _PAIRS_ON_CPU if device == "cpu" else _PAIRS_ELSEWHERE
        self.own_errors = np.zeros(0)

    @abstractmethod
    def prepare(
        self,
        clouds: PointClouds,
        others: PointClouds,
        pairs: NDArray[np.intp] | None,
        n_jobs: int | None,
    ) -> None:
        """Look at both cohorts before their pairs are solved."""

    @abstractmethod
    def solve(
        self, clouds: PointClouds, others: PointClouds, pairs: NDArray[np.intp]
    ) -> Solved:
        """Squared distances of some pairs, and errors of their problems."""

    @abstractmethod
    def _solve_batch(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Values, in the unit of each problem, and errors of the marginals."""

    def _solve_problems(self, problems: Sequence[Problem]) -> Solved:
        values, errors = np.empty(len(problems)), np.empty(len(problems))
        for batch in batches(problems, self.cost, self.device, self._dtype):
            with self._arithmetic():
                found, error = self._solve_batch(batch)
            costs = batch.units * np.maximum(found.numpy(), 0.0)
            values[batch.indices] = costs + batch.constants
            errors[batch.indices] = error.cpu().numpy()
        return values, errors

    @contextmanager
    def _arithmetic(self) -> Iterator[None]:
        if torch.device(self.device).type != "cpu":
            yield
            return
        with fast_arithmetic():
            yield

    _dtype = torch.float32

    def _anneal(self, batch: Batch) -> Annealed:
        reg = self._relative_reg(batch)
        return anneal(
            batch.costs,
            batch.a,
            batch.b,
            reg=reg,
            n_stages=_n_stages(reg),
            n_iter=_N_ITER,
            max_iter=self.max_iter,
            tol=self.tol,
            relaxation=_RELAXATION,
        )

    def _relative_reg(self, batch: Batch) -> Tensor:
        """The regularisation in the unit of each problem."""
        if self.reg is None:
            relative = np.full(len(batch.units), self.default_reg)
        else:
            relative = np.clip(self.reg / batch.units, _LEAST_REG, _LARGEST_REG)
        return torch.from_numpy(relative).to(batch.costs)

    def report(self, errors: Array) -> None:
        """Warn, once, if problems did not converge."""
        errors = np.concatenate([self.own_errors, errors])
        n_failed = int(np.sum(~(errors <= self.tol)))
        if n_failed:
            warnings.warn(
                f"{n_failed} of {len(errors)} transport problems did not converge: "
                f"{self.complaint.format(errors.max())}, and tol={self.tol:g} is "
                f"allowed. {self.advice}",
                ConvergenceWarning,
                stacklevel=4,
            )


class AnnealedTransport(Entropic):
    """Wasserstein distances from below, by annealed Sinkhorn iterations.

    The value is that of the potentials after a c-transform, which any plan costs at
    least. Without a `reg` that is asked for, it is compared with what the plan of the
    iteration costs, since on hard problems the marginals may fit before the value does.
    """

    description = "annealed distances"
    complaint = "up to {:.2g} of their mass or of their value is in doubt"
    advice = "Use a smaller reg, or solver='exact'."
    default_reg = 0.0005  # of the mean cost

    def prepare(
        self,
        clouds: PointClouds,
        others: PointClouds,
        pairs: NDArray[np.intp] | None,
        n_jobs: int | None,
    ) -> None:
        """Nothing is shared between pairs."""
        if self.cost.is_squared_euclidean:
            refuse_far(clouds, others)

    def solve(
        self, clouds: PointClouds, others: PointClouds, pairs: NDArray[np.intp]
    ) -> Solved:
        """Squared distances of some pairs."""
        problems = [(clouds[i], others[j]) for i, j in pairs]
        costs = np.full(len(pairs), np.nan)
        hard = [
            k
            for k, problem in enumerate(problems)
            if not has_closed_form(*problem, self.cost)
        ]
        costs[hard], errors = self._solve_problems([problems[k] for k in hard])
        # there is a closed form, or float32 cannot tell the clouds apart
        for k in np.flatnonzero(np.isnan(costs)):
            costs[k] = transport_cost(*problems[k], self.cost)
        return self.cost.squared(costs), errors

    def _solve_batch(self, batch: Batch) -> tuple[Tensor, Tensor]:
        costs, a, b = batch.costs, batch.a, batch.b
        annealed = self._anneal(batch)
        g = least_allowed(costs.mT, annealed.f, a)
        f = least_allowed(costs, g, b)
        value, error = _dual(f, g, batch), annealed.error.cpu().double()
        close = value + torch.from_numpy(batch.constants / batch.units) < _CLOSE
        error[close], value[close] = 0.0, torch.nan
        if self.reg is not None:
            return value, error
        spent = annealed.density.mul_(costs) @ b[:, :, None]
        gap = (spent[:, :, 0] * a).sum(1).cpu().double() - value
        gap = gap.abs() / value.clamp(min=_LEAST_VALUE)
        return value, torch.where(gap > _LARGEST_GAP, gap, error)


class SinkhornDivergence(Entropic):
    r"""Debiased entropic transport.

    .. math:: S(x, y) = \mathrm{OT}_\varepsilon(x, y)
              - \tfrac12 \mathrm{OT}_\varepsilon(x, x)
              - \tfrac12 \mathrm{OT}_\varepsilon(y, y)
    """

    description = "Sinkhorn divergences"
    complaint = "up to {:.2g} of their mass is in the wrong place"
    advice = "Use a larger reg, or in metric_params a larger max_iter or tol."
    default_reg = 0.05  # of the mean cost within the cohort

    def __init__(
        self, reg: float | None, device: str, max_iter: int, tol: float, log: bool
    ) -> None:
        super().__init__(SQUARED_EUCLIDEAN, reg, device, max_iter, tol)
        self.log = log
        # MPS has no float64
        self._dtype = torch.float64 if log and device != "mps" else torch.float32

    def prepare(
        self,
        clouds: PointClouds,
        others: PointClouds,
        pairs: NDArray[np.intp] | None,
        n_jobs: int | None,
    ) -> None:
        """Choose a regularisation, and solve each cloud against itself."""
        refuse_far(clouds, others)
        if self.reg is None:
            self.reg = default_reg(pooled(clouds, others))
        first, second = (None, None) if pairs is None else pairs.T
        if others is clouds:
            self._own = self._others = self._self_terms(clouds, pairs, n_jobs)
        else:
            self._own = self._self_terms(clouds, first, n_jobs)
            self._others = self._self_terms(others, second, n_jobs)

    def solve(
        self, clouds: PointClouds, others: PointClouds, pairs: NDArray[np.intp]
    ) -> Solved:
        """Squared distances of some pairs: the divergences."""
        problems = [(clouds[i], others[j]) for i, j in pairs]
        differ = np.array([not _are_equal(*problem) for problem in problems])
        apart = [problem for problem, d in zip(problems, differ, strict=True) if d]
        values, errors = self._solve_problems(apart)
        squares = np.zeros(len(pairs))
        i, j = pairs[differ].T
        squares[differ] = values - (self._own[i] + self._others[j]) / 2
        return np.maximum(squares, 0.0), errors

    def _self_terms(
        self,
        clouds: PointClouds,
        wanted: NDArray[np.intp] | None,
        n_jobs: int | None,
    ) -> Array:
        """Of the clouds that are wanted; None is all."""
        chosen = np.arange(len(clouds)) if wanted is None else np.unique(wanted)
        starts = range(0, len(chosen), self.block_size)
        blocks = [chosen[start : start + self.block_size] for start in starts]
        solved = Parallel(n_jobs=n_jobs, prefer="threads")(
            delayed(self._solve_problems)([(clouds[k], clouds[k]) for k in block])
            for block in blocks
        )
        terms = np.zeros(len(clouds))
        terms[chosen] = np.concatenate([values for values, _ in solved])
        errors = [error for _, error in solved]
        self.own_errors = np.concatenate([self.own_errors, *errors])
        return terms

    def _solve_batch(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if self.log:
            f, g, error = log_sinkhorn(
                batch.costs,
                batch.a,
                batch.b,
                self._relative_reg(batch),
                max_iter=self.max_iter,
                tol=self.tol,
            )
            return _dual(f, g, batch), error
        annealed = self._anneal(batch)
        return _dual(annealed.f, annealed.g, batch), annealed.error


def default_reg(clouds: PointClouds) -> float:
    """That of Sinkhorn divergences: a share of the mean cost within a cohort."""
    _, spread = centre_and_spread(clouds)
    return SinkhornDivergence.default_reg * 2 * spread**2


def _are_equal(source: Cloud, target: Cloud) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(source, target, strict=True))


def _dual(f: Tensor, g: Tensor, batch: Batch) -> Tensor:
    """What the potentials are worth, added up in float64."""
    f, a, g, b = (tensor.cpu().double() for tensor in (f, batch.a, g, batch.b))
    return (f * a).sum(1) + (g * b).sum(1)


def _n_stages(reg: Tensor) -> int:
    """Halvings from a regularisation about as large as the costs."""
    return max(0, int(np.ceil(-np.log2(float(reg.min())))))
