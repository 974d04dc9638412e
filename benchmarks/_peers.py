"""How POT, GeomLoss and OTT-JAX solve the problems that benchmarks give them.

A contestant takes a `Draw` and returns a function without arguments, which is timed.
What comes before, such as padding clouds to one size, costs a peer nothing.

Divergences are returned as squared distances in the unit of the clouds, gradients with
respect to the second cloud of each pair. The peers see clouds in the unit cube, which
their defaults are made for, and batches of about 128 thousand costs, with which each
of them was fastest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
import ot
import torch
from numpy.typing import NDArray

from skwass import PointClouds

Array = NDArray[np.float64]
Pairs = NDArray[np.intp]

_COSTS_A_BATCH = 2**17
#: module and distribution of what need not be installed
_OPTIONAL = {"geomloss": "geomloss", "ott": "ott-jax"}
#: blur and scaling; the first are its defaults
_GEOMLOSS = {
    "GeomLoss": (0.05, 0.5),
    "GeomLoss, scaling .9": (0.05, 0.9),
    "GeomLoss, blur .01, scaling .9": (0.01, 0.9),
}
#: relative to the mean cost; the first is its default, relative to the deviation
_OTT = {"OTT": None, "OTT, ε = .002": 0.002}
#: of the pairs that the slow ones get
_SHARES = {
    "ot.batch, ε = .01": 0.125,
    "ot.batch, ε = .002": 0.125,
    "GeomLoss, blur .01, scaling .9": 0.25,
    "OTT, ε = .002": 0.25,
}


@dataclass(frozen=True)
class Draw:
    """Pairs of clouds; the second of each may be moved a little at random.

    Attributes
    ----------
    clouds : PointClouds
        Where the pairs come from.
    pairs : ndarray of shape (n_pairs, 2)
        Indices of clouds.
    jitter : float, default=0.0
        Deviation of the random moves, relative to the extent of the clouds.
    """

    clouds: PointClouds
    pairs: Pairs
    jitter: float = 0.0

    def first(self, share: float) -> Draw:
        """The same with the first of the pairs."""
        return replace(self, pairs=self.pairs[: math.ceil(share * len(self.pairs))])

    @cached_property
    def scale(self) -> float:
        """The longest side of a box that holds all clouds."""
        return float(np.ptp(self.clouds.points, axis=0).max())

    @cached_property
    def problems(self) -> list[tuple[Array, Array, Array, Array]]:
        """Points and weights of both clouds of each pair, without padding."""
        random_state = np.random.RandomState(0)
        solvable = []
        for i, j in self.pairs:
            (x, a), (y, b) = self.clouds[i], self.clouds[j]
            moves = random_state.standard_normal(y.shape)
            solvable.append((x, a, y + self.jitter * self.scale * moves, b))
        return solvable

    def batches(
        self, dtype: str = "float32", size: int | None = None
    ) -> list[tuple[NDArray[Any], ...]]:
        """Batches of x, a, y, b in the unit cube, padded with points of no mass.

        These repeat the points of the cloud, so that a regularisation relative to the
        costs stays what it is.
        """
        width = int(self.clouds.sizes.max())
        least = self.clouds.points.min(axis=0)

        def pad(part: Array) -> Array:
            if part.ndim == 1:
                return np.pad(part, (0, width - len(part)))
            return np.resize((part - least) / self.scale, (width, part.shape[1]))

        stacked = [
            np.stack([pad(part) for part in parts]).astype(dtype)
            for parts in zip(*self.problems, strict=True)
        ]
        size = size or max(1, _COSTS_A_BATCH // width**2)
        starts = range(0, len(self.pairs), size)
        return [tuple(part[i : i + size] for part in stacked) for i in starts]

    def unpadded(self, gradients: Any) -> Array:
        """Gradients of all points that have mass, one pair after another."""
        rows = zip(gradients, self.problems, strict=True)
        return np.concatenate([np.asarray(g)[: len(b)] for g, (*_, b) in rows])


Run = Callable[[], Array]
Contestant = Callable[[Draw], Run]
#: takes x, a, y, b of a batch
Batched = Callable[..., Any]
#: takes a draw and returns what computes the results of its batches
Solver = Callable[[Draw], Callable[[], list[Any]]]


def pot_loop(draw: Draw) -> Run:
    """What POT's documentation shows for exact distances."""
    problems = draw.problems
    return lambda: np.array([ot.emd2(a, b, ot.dist(x, y)) for x, a, y, b in problems])


def pot_gradient(draw: Draw) -> Run:
    """The exact gradient, from the plans of a loop."""
    problems = draw.problems

    def run() -> Array:
        gradients = []
        for x, a, y, b in problems:
            plan = ot.emd(a, b, ot.dist(x, y))
            gradients.append(2 * (b[:, None] * y - plan.T @ x))
        return np.concatenate(gradients)

    return run


def pot_gromov(draw: Draw) -> Run:
    """POT's conditional gradient from the product of the weights."""
    problems = draw.problems
    return lambda: np.array(
        [
            ot.gromov.gromov_wasserstein2(
                ot.dist(x, x, "euclidean"), ot.dist(y, y, "euclidean"), a, b
            )
            for x, a, y, b in problems
        ]
    )


def missing() -> list[str]:
    """Optional peers that are not installed."""
    return [name for module, name in _OPTIONAL.items() if find_spec(module) is None]


def versions() -> str:
    """Those of the optional peers that are installed."""
    return "".join(
        f", {name} {version(name)}"
        for name in (*_OPTIONAL.values(), "jax")
        if name not in missing() and (name != "jax" or find_spec("jax"))
    )


def divergences() -> dict[str, Contestant]:
    """All peers that compute distances from batches."""
    solvers = {
        f"ot.batch, {name}": _with_torch(_pot_batch(reg), "float64")
        for name, reg in {"ε = .01": 0.01, "ε = .002": 0.002}.items()
    }
    if "geomloss" not in missing():
        for name, setting in _GEOMLOSS.items():
            solvers[name] = _with_torch(_geomloss(*setting))
    if "ott-jax" not in missing():
        for name, epsilon in _OTT.items():
            solvers[name] = _with_jax(_ott(epsilon))
    return {
        name: _values(solver, _SHARES.get(name, 1.0))
        for name, solver in solvers.items()
    }


def gradients() -> dict[str, Contestant]:
    """All peers that differentiate distances of batches."""
    solvers = {
        "ot.batch, ε = .01": _with_torch(_slope(_pot_envelope), "float64"),
        "ot.batch, ε = .01, no record": _with_torch(_slope(_pot_detached), "float64"),
    }
    if "geomloss" not in missing():
        for name, setting in _GEOMLOSS.items():
            solvers[name] = _with_torch(_slope(_geomloss(*setting)))
    if "ott-jax" not in missing():
        for name, epsilon in _OTT.items():
            solvers[name] = _with_jax(_ott(epsilon, gradient=True))
    return {name: _slopes(solver) for name, solver in solvers.items()}


def _values(solver: Solver, share: float) -> Contestant:
    def contestant(draw: Draw) -> Run:
        run, square = solver(draw.first(share)), draw.scale**2
        return lambda: square * np.concatenate(run()).astype(float)

    return contestant


def _slopes(solver: Solver) -> Contestant:
    def contestant(draw: Draw) -> Run:
        run = solver(draw)
        return lambda: draw.scale * draw.unpadded(np.concatenate(run()))

    return contestant


def _with_torch(solve: Batched, dtype: str = "float32") -> Solver:
    """Hand a draw to a function of tensors, batch by batch."""

    def solver(draw: Draw) -> Callable[[], list[Any]]:
        batches = [list(map(torch.from_numpy, batch)) for batch in draw.batches(dtype)]
        return lambda: [solve(*batch).numpy() for batch in batches]

    return solver


def _with_jax(solve: Batched) -> Solver:
    """Hand a draw to a compiled function, batch by batch."""
    import jax

    def solver(draw: Draw) -> Callable[[], list[Any]]:
        batches = [list(map(jax.numpy.asarray, batch)) for batch in draw.batches()]
        return lambda: [np.asarray(solve(*batch)) for batch in batches]

    return solver


def _slope(loss: Batched) -> Batched:
    def gradient(x: Any, a: Any, y: Any, b: Any) -> Any:
        moved = y.clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss(x, a, moved, b).sum(), moved)
        return slope

    return gradient


def _pot_batch(reg: float) -> Batched:
    """Cost of the entropic plan; `reg` is relative to the mean cost.

    Only a positive `reg` and the logarithmic method are to be trusted in POT 0.9.7.
    """

    def solve(x: Any, a: Any, y: Any, b: Any) -> Any:
        costs = ot.batch.dist_batch(x, y)
        scaled = reg * float(costs.mean())
        solved = ot.batch.solve_batch(costs, scaled, a, b, method="log_sinkhorn")
        return solved.value_linear

    return solve


def _pot_envelope(x: Any, a: Any, y: Any, b: Any) -> Any:
    """As POT offers it: the iterations are recorded, though not used."""
    costs = ot.batch.dist_batch(x, y)
    reg = 0.01 * float(costs.detach().mean())
    options = {"method": "log_sinkhorn", "grad": "envelope"}
    return ot.batch.solve_batch(costs, reg, a, b, **options).value


def _pot_detached(x: Any, a: Any, y: Any, b: Any) -> Any:
    """The same gradient, without the record."""
    costs = ot.batch.dist_batch(x, y)
    held = costs.detach()
    reg = 0.01 * float(held.mean())
    plan = ot.batch.solve_batch(held, reg, a, b, method="log_sinkhorn").plan
    return (plan * costs).sum((1, 2))


def _geomloss(blur: float, scaling: float) -> Batched:
    """Sinkhorn divergence; its cost is half the squared distance."""
    from geomloss import SamplesLoss

    loss = SamplesLoss(
        "sinkhorn", p=2, blur=blur, scaling=scaling, backend="tensorized"
    )
    return lambda x, a, y, b: 2 * loss(a, x, b, y)


def _ott(epsilon: float | None, gradient: bool = False) -> Batched:
    """Sinkhorn divergence, compiled; `epsilon` is relative to the mean cost."""
    import jax
    from ott.geometry.pointcloud import PointCloud
    from ott.tools.sinkhorn_divergence import sinkhorn_divergence

    options = (
        {} if epsilon is None else {"epsilon": epsilon, "relative_epsilon": "mean"}
    )

    def divergence(x: Any, a: Any, y: Any, b: Any) -> Any:
        return sinkhorn_divergence(PointCloud, x, y, a=a, b=b, **options)[0]

    return jax.jit(jax.vmap(jax.grad(divergence, 2) if gradient else divergence))
