"""What a step costs: contestants that take turns, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from _otmdr_exact import batches, perceptron
from _otmdr_networks import SmallCNN
from _otmdr_peer import DescribedStep, Pass, TextbookSAM
from _problems import Scope
from _records import Figures
from torch import nn

from skwass import OTMDRClassifier
from skwass.robust import OTMDR

#: does some steps and says how many
Run = Callable[[], int]
THREADS = (1, 2)
_N_MEMBERS = 5
_RHO = 0.05
_NOISE = 0.3
_SGD = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}
_KINDS: dict[str, dict[str, Any]] = {
    "plain": {"rho": 0},
    "sam": {"rho": _RHO},
    "k2": {"rho": _RHO, "n_particles": 2, "noise": _NOISE},
    "k4": {"rho": _RHO, "n_particles": 4, "noise": _NOISE},
}


def mlp(scope: Scope) -> Figures:
    """Digits MLP, 64-128-128-10 and batches of 50: estimators and bare loops."""
    X, y = _samples(scope, (64,), scope.less(500, 100))
    epochs = scope.less(30, 1)
    runs = {
        kind: _fits(X, y, epochs, batch_size=50, **settings)
        for kind, settings in _KINDS.items()
    }
    n_steps = scope.less(200, 2)
    return turns(runs | _bare(scope, n_steps), "plain", scope.less(7, 1))


def cnn(scope: Scope) -> Figures:
    """A small network of three convolutions, batches of 64 images of 32 × 32."""
    X, y = _samples(scope, (3, 32, 32), scope.less(512, 64))
    runs = {
        kind: _fits(X, y, scope.less(2, 1), batch_size=64, module=SmallCNN, **settings)
        for kind, settings in _KINDS.items()
        if kind != "k4"
    }
    return turns(runs, "plain", scope.less(5, 1))


def ensemble(scope: Scope) -> Figures:
    """Five digits MLPs side by side against five fits, a whole training as one step."""
    X, y = _samples(scope, (64,), scope.less(500, 100))
    epochs = scope.less(30, 1)
    runs: dict[str, Run] = {}
    for kind in ("plain", "sam"):
        one = _fits(X, y, epochs, batch_size=50, **_KINDS[kind])
        runs[f"{kind}_five"] = _repeated(one)
        together = {"distribution": "ensemble", "n_members": _N_MEMBERS}
        run = _fits(X, y, epochs, batch_size=50, **_KINDS[kind], **together)
        runs[f"{kind}_together"] = run
    return turns(runs, "plain_five", scope.less(5, 1))


def turns(
    runs: Mapping[str, Run], reference: str, n_rounds: int, threads: Any = THREADS
) -> Figures:
    """Milliseconds a step, and ratios to the reference within each round.

    Figures are medians over rounds, called ``name_cpu_threads`` and so on.
    """
    figures: Figures = {}
    for n_threads in threads:
        with on_threads(n_threads):
            for run in runs.values():
                run()
            rounds = [
                {name: _timed(run) for name, run in runs.items()}
                for _ in range(n_rounds)
            ]
        for place, clock in enumerate(("cpu", "wall")):
            for name in runs:
                own = np.array([each[name][place] for each in rounds])
                other = np.array([each[reference][place] for each in rounds])
                figures[f"{name}_{clock}_{n_threads}"] = 1e3 * float(np.median(own))
                ratio = float(np.median(own / other))
                figures[f"{name}_{clock}_ratio_{n_threads}"] = ratio
    return figures


def loop(
    step: Callable[[Any], Any], network: nn.Module, n_steps: int, seed: int
) -> Run:
    """A bare loop of torch."""
    data = batches(seed, 10)

    def run() -> int:
        for place in range(n_steps):
            step(Pass(network, data[place % len(data)]))
        return n_steps

    return run


def wrapped(network: nn.Module, seed: int, **settings: Any) -> OTMDR:
    """The optimiser by itself."""
    generator = torch.Generator().manual_seed(seed)
    return OTMDR(
        network.parameters(), torch.optim.SGD, generator=generator, **settings, **_SGD
    )


def plain_step(network: nn.Module) -> Callable[[Any], Any]:
    """That of torch's SGD."""
    return torch.optim.SGD(network.parameters(), **_SGD).step


def _bare(scope: Scope, n_steps: int) -> dict[str, Run]:
    """Loops without an estimator, each with a network of its own."""
    seed = scope.seed
    networks = {
        name: perceptron(seed)
        for name in ("bare", "bare_textbook", "bare_sam", "bare_k4", "described_k4")
    }

    def base(name: str) -> torch.optim.Optimizer:
        return torch.optim.SGD(networks[name].parameters(), **_SGD)

    steps: dict[str, Callable[[Any], Any]] = {
        "bare": plain_step(networks["bare"]),
        "bare_textbook": TextbookSAM(base("bare_textbook"), _RHO).step,
        "bare_sam": wrapped(networks["bare_sam"], seed, **_KINDS["sam"]).step,
        "bare_k4": wrapped(networks["bare_k4"], seed, **_KINDS["k4"]).step,
        "described_k4": DescribedStep(base("described_k4"), _RHO, 4).step,
    }
    return {
        name: loop(step, networks[name], n_steps, seed) for name, step in steps.items()
    }


def _fits(X: Any, y: Any, epochs: int, batch_size: int, **settings: Any) -> Run:
    """Whole fits of the estimator, all that it does besides steps included."""

    def run() -> int:
        classifier = OTMDRClassifier(
            optimizer="sgd",
            lr=_SGD["lr"],
            weight_decay=_SGD["weight_decay"],
            batch_size=batch_size,
            max_iter=epochs,
            random_state=0,
            **settings,
        )
        classifier.fit(X, y)
        return epochs * -(-len(X) // batch_size)

    return run


def _repeated(run: Run) -> Run:
    def five() -> int:
        n_steps = [run() for _ in range(_N_MEMBERS)]
        return n_steps[0]

    return five


def _samples(scope: Scope, shape: tuple[int, ...], n: int) -> tuple[Any, Any]:
    random_state = np.random.RandomState(scope.seed)
    X = random_state.standard_normal((n, *shape)).astype(np.float32)
    return X, np.arange(n) % 10


def _timed(run: Run) -> tuple[float, float]:
    """Seconds a step, of all threads together and by the clock."""
    wall, cpu = time.perf_counter(), time.process_time()
    n_steps = run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return cpu / n_steps, wall / n_steps


@contextmanager
def on_threads(n: int) -> Iterator[None]:
    """Let torch use so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
