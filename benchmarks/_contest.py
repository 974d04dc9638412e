"""Contestants that take turns with the same draws, and how results are compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _clouds
import numpy as np
import torch
from _peers import Contestant, Draw, Run
from numpy.typing import NDArray

from skwass import sampled_wasserstein_distances, wasserstein_distances
from skwass.transport import TransportLoss

Array = NDArray[np.float64]

#: the contestant that all others are compared with
LOOP = "POT, a loop"
#: of everyone who can use them
THREADS = 2


@dataclass(frozen=True)
class Contest:
    """What contestants that took turns needed for a number and found, in each round.

    Who is slow may have solved only the first of the pairs.
    """

    seconds: dict[str, list[float]]
    found: dict[str, list[Array]]

    def faster(self, name: str, rival: str = LOOP) -> list[float]:
        """How many times faster than a rival."""
        times = zip(self.seconds[rival], self.seconds[name], strict=True)
        return [other / own for other, own in times]

    def compare(self, name: str, measure: Callable[[Array, Array], Any]) -> list[float]:
        """A measure of what was found and of what the loop over POT found."""
        both = zip(self.found[name], self.found[LOOP], strict=True)
        return [float(measure(own, true[: len(own)])) for own, true in both]

    def errors(self, name: str) -> list[float]:
        return self.compare(name, error)


def compete(contestants: dict[str, Contestant], draws: Sequence[Draw]) -> Contest:
    """Let all have their turn with each draw."""
    for prepare in contestants.values():
        prepare(draws[0])()  # also compiles
    runs = [
        {name: _timed(prepare(draw)) for name, prepare in contestants.items()}
        for draw in draws
    ]
    return Contest(
        {name: [run[name][0] for run in runs] for name in contestants},
        {name: [run[name][1] for run in runs] for name in contestants},
    )


def ours(n_jobs: int = THREADS, **settings: Any) -> Contestant:
    """Distances by skwass."""

    def contestant(draw: Draw) -> Run:
        return lambda: sampled_wasserstein_distances(
            draw.clouds, draw.pairs, squared=True, n_jobs=n_jobs, **settings
        )

    return contestant


def own_gradient(solver: str) -> Contestant:
    """The gradient of a loss by skwass."""
    loss = TransportLoss(solver=solver, n_jobs=THREADS)

    def contestant(draw: Draw) -> Run:
        (batch,) = draw.batches("float32", size=len(draw.pairs))
        x, a, y, b = map(torch.from_numpy, batch)

        def run() -> Array:
            moved = y.clone().requires_grad_()
            (slopes,) = torch.autograd.grad(loss(x, moved, a, b).sum(), moved)
            return draw.scale * draw.unpadded(slopes)

        return run

    return contestant


def _timed(run: Run) -> tuple[float, Array]:
    start = time.perf_counter()
    found = run()
    return (time.perf_counter() - start) / len(found), found


def memory_growth(solver: str, n_clouds: int, n_points: int) -> tuple[float, float]:
    """By how much a table of distances raises the peak, and its own size, in MB."""
    clouds = _clouds.gaussian(n_clouds, n_points)
    settings: dict[str, Any] = {"solver": solver, "n_jobs": THREADS}
    wasserstein_distances(clouds[:2], **settings)  # loads what is loaded once
    before = peak_memory()
    table = wasserstein_distances(clouds, **settings)
    return peak_memory() - before, table.nbytes / 2**20


def peak_memory() -> float:
    """Most memory this process held so far, in MB; only Linux says it.

    `getrusage` would count what the parent held when it started this process.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(peak) / 1024


def error(own: Array, true: Array) -> float:
    return float(np.mean(np.abs(own - true) / true))


def largest_error(own: Array, true: Array) -> float:
    return float(np.max(np.abs(own - true) / true))


def no_worse(own: Array, other: Array) -> float:
    return float(np.mean(own <= other * (1 + 1e-6)))


def mean_ratio(own: Array, other: Array) -> float:
    return float(np.mean(own / other))


def cosine(own: Array, true: Array) -> float:
    return float(np.sum(own * true) / (np.linalg.norm(own) * np.linalg.norm(true)))


def correlation(own: Array, true: Array) -> float:
    """Between distances, given their squares."""
    return float(np.corrcoef(np.sqrt(own), np.sqrt(true))[0, 1])
