"""The rows of `otmdr.py` that train one method on one problem, and judge it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from _judging import judged
from _otmdr_methods import METHODS, Ground, Method
from _otmdr_networks import SmallResNet
from _problems import CIFAR, Problem, Scope, digits, photographs
from _records import Figures
from torch import nn

from skwass.metrics import ensemble_diversity
from skwass.nn import Perceptron

#: members of an ensemble that are also judged by themselves
N_FIRST = 3
_DROPOUT = 0.2
_SGD = {"optimizer": "sgd", "weight_decay": 5e-4}
_BAYESIAN = {"optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0}


def _dropped_perceptron(problem: Problem) -> Callable[..., nn.Module]:
    flat = torch.as_tensor(problem.X_train)
    scale = flat.std(dim=0, correction=0)
    return partial(
        Perceptron,
        dropout=_DROPOUT,
        mean=flat.mean(dim=0),
        scale=torch.where(scale > 0, scale, 1.0),
    )


def _dropped_resnet(problem: Problem) -> Callable[..., nn.Module]:
    return partial(SmallResNet, dropout=_DROPOUT / 2)


DIGITS = Ground(
    settings={**_SGD, "lr": 0.03, "batch_size": 50, "max_iter": 100},
    rho=0.2,
    bayesian=_BAYESIAN,
    with_dropout=_dropped_perceptron,
    why=(
        " (at 0.1 steps are so noisy that no radius changes much; at 0.01 plain "
        "training has learnt fewer wrong labels by the end)"
    ),
)
PHOTOGRAPHS = Ground(
    settings={
        **_SGD,
        "batch_size": 50,
        "lr": 0.05,
        "max_iter": 10,
        "module": SmallResNet,
    },
    rho=0.05,
    bayesian=_BAYESIAN,
    with_dropout=_dropped_resnet,
    why=(
        ", on 4,000 of 10,000 photographs, drawn by the seed. The residual network of "
        "three blocks and 78,000 weights, which sees them shifted and mirrored, has "
        "not learnt them by then"
    ),
    costly=True,
    n_members=N_FIRST,
)


@dataclass(frozen=True)
class Setting:
    """A table: the data, and how methods are trained on them.

    Attributes
    ----------
    title : str
        What the table is called.
    ground : Ground
        How methods are trained.
    read : callable
        Takes the scope to a problem.
    noisy : bool
        Whether some training labels are wrong.
    file : str or None
        What must lie in the folder of data.
    without : tuple of str
        Names of methods that are not tried, for their cost.
    """

    title: str
    ground: Ground
    read: Callable[[Scope], Problem]
    noisy: bool = False
    file: str | None = None
    without: tuple[str, ...] = ()

    def problem(self, scope: Scope) -> Problem:
        problem = self.read(scope)
        return problem.noisy(scope.seed) if self.noisy else problem

    def methods(self) -> dict[str, Method]:
        """Those that are tried here."""
        return {
            name: method
            for name, method in METHODS.items()
            if not (method.cheap_only and self.ground.costly)
            and name not in self.without
        }

    def rows(self) -> dict[str, Callable[[Scope], Figures]]:
        """What measures each of them."""
        return {name: partial(self._measure, name) for name in self.methods()}

    def _measure(self, name: str, scope: Scope) -> Figures:
        problem = self.problem(scope)
        wall, cpu = time.perf_counter(), time.process_time()
        trained = METHODS[name].train(self.ground, problem, scope)
        figures = {
            "seconds": time.perf_counter() - wall,
            "cpu_seconds": time.process_time() - cpu,
        }
        figures |= judged(problem.y_test, trained.predict_proba(problem.X_test))
        figures |= getattr(trained.estimator, "best_params_", {})
        if getattr(trained.estimator, "distribution", "") == "ensemble":
            figures |= _of_members(problem, trained.estimator)
        return figures


def _of_members(problem: Problem, ensemble: Any) -> Figures:
    """A smaller ensemble of the first members, and how much all of them differ."""
    members = ensemble.predict_members(problem.X_test)
    first = judged(problem.y_test, members[:N_FIRST].mean(axis=0))
    diversity = ensemble_diversity(members)
    return {f"first_{name}": x for name, x in first.items()} | dict(diversity)


SETTINGS: dict[str, Setting] = {
    "digits": Setting("digits", DIGITS, digits),
    "digits-noisy": Setting("digits, noisy labels", DIGITS, digits, noisy=True),
    "cifar": Setting("CIFAR-10", PHOTOGRAPHS, photographs, file=CIFAR),
    "cifar-noisy": Setting(
        "CIFAR-10, noisy labels",
        PHOTOGRAPHS,
        photographs,
        noisy=True,
        file=CIFAR,
        without=("otmdr-three",),
    ),
}
