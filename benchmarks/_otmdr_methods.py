"""The methods that are compared: how each is trained, and how it predicts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from _problems import Problem, Scope
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from torch import nn

from skwass import OTMDRClassifier

Array = NDArray[np.float64]
#: particles without it would coincide; also that of a single one where it says so
NOISE = 0.3
#: what the recipe chooses the radius from
RADII = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5)
#: what plain training chooses its length from, in the same way
LENGTHS = (0.1, 0.2, 0.5, 1.0, 2.0)
_N_FOLDS = 5
_HELD_OUT = 0.1
_N_MASKS = 30
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Ground:
    """How the methods are trained on one kind of data.

    Attributes
    ----------
    settings : mapping
        Of every `OTMDRClassifier`.
    rho : float
        The radius where there is one.
    bayesian : mapping
        What differs for Bayesian networks.
    with_dropout : callable
        Takes a problem to a factory of networks with dropout.
    why : str
        What is to be said of the learning rate.
    costly : bool
        Whether a fit takes minutes: less is tried, and samples are held out once
        instead of in folds.
    n_members : int
        Of an ensemble, unless a method says otherwise.
    """

    settings: Mapping[str, Any]
    rho: float
    bayesian: Mapping[str, Any]
    with_dropout: Callable[[Problem], Callable[..., nn.Module]]
    why: str = ""
    costly: bool = False
    n_members: int = 5

    def classifier(self, scope: Scope, **changes: Any) -> OTMDRClassifier:
        """One that is not fitted; `epochs` says how many times as long."""
        own = {"rho": self.rho, "n_members": self.n_members}
        settings = {**own, **self.settings, **changes}
        epochs = settings.pop("epochs", 1) * settings["max_iter"]
        settings["max_iter"] = scope.less(round(epochs), 2)
        return OTMDRClassifier(**settings, device=scope.device, random_state=scope.seed)


@dataclass(frozen=True)
class Trained:
    """What a method has learnt.

    Attributes
    ----------
    predict_proba : callable
        Takes samples to probabilities.
    estimator : object
        What was fitted.
    """

    predict_proba: Callable[[Any], Array]
    estimator: Any


Train = Callable[[Ground, Problem, Scope], Trained]


@dataclass(frozen=True)
class Method:
    """One line of a table.

    Attributes
    ----------
    title : str
        What it is called.
    train : callable
        Takes ground, problem and scope.
    gradients : str
        How many it takes, in units of plain training; a member, if it is an ensemble.
    cheap_only : bool
        Left out where a fit is costly.
    n_members : int or None
        How many networks, if it is an ensemble; zero is as many as the ground has.
    """

    title: str
    train: Train
    gradients: str
    cheap_only: bool = False
    n_members: int | None = None

    def titled(self, ground: Ground) -> str:
        """What it is called on that ground."""
        if self.n_members is None:
            return self.title
        name, comma, rest = self.title.partition(",")
        return f"{name} of {self.n_members or ground.n_members}{comma}{rest}"

    def budget(self, ground: Ground) -> str:
        """How many gradients it takes there, in units of plain training."""
        if self.n_members is None:
            return self.gradients
        return str(int(self.gradients) * (self.n_members or ground.n_members))


def _plainly(
    ground: Ground,
    problem: Problem,
    scope: Scope,
    changes: Mapping[str, Any],
    bayesian: bool = False,
) -> Trained:
    more = dict(ground.bayesian) if bayesian else {}
    classifier = ground.classifier(scope, **(more | dict(changes)))
    classifier.fit(problem.X_train, problem.y_train)
    return Trained(classifier.predict_proba, classifier)


def _with(bayesian: bool = False, **changes: Any) -> Train:
    return partial(_plainly, changes=changes, bayesian=bayesian)


def _temperature(ground: Ground, problem: Problem, scope: Scope) -> Trained:
    """Plain training, then one number that makes probabilities honest."""
    calibrated = CalibratedClassifierCV(
        ground.classifier(scope, rho=0),
        method="temperature",
        cv=_splits(ground, scope),
        ensemble=ground.costly,  # of one, which has not seen what is held out
    )
    calibrated.fit(problem.X_train, problem.y_train)
    return Trained(calibrated.predict_proba, calibrated)


def _recipe(ground: Ground, problem: Problem, scope: Scope) -> Trained:
    """The radius with the best log-likelihood in cross-validation."""
    radii = RADII[-2:] if scope.tiny else RADII
    return _searched(ground, problem, scope, {"rho": radii})


def _length(ground: Ground, problem: Problem, scope: Scope) -> Trained:
    """Plain training of the length with the best log-likelihood."""
    whole = ground.settings["max_iter"]
    lengths = [2, 3] if scope.tiny else [round(x * whole) for x in LENGTHS]
    return _searched(ground, problem, scope, {"rho": [0.0], "max_iter": lengths})


def _searched(
    ground: Ground, problem: Problem, scope: Scope, grid: Mapping[str, Any]
) -> Trained:
    search = GridSearchCV(
        ground.classifier(scope),
        grid,
        scoring="neg_log_loss",
        cv=_splits(ground, scope),
    )
    search.fit(problem.X_train, problem.y_train)
    return Trained(search.predict_proba, search)


def _splits(ground: Ground, scope: Scope) -> Any:
    if ground.costly:
        return StratifiedShuffleSplit(1, test_size=_HELD_OUT, random_state=scope.seed)
    return StratifiedKFold(
        scope.less(_N_FOLDS, 2), shuffle=True, random_state=scope.seed
    )


def _dropout(ground: Ground, problem: Problem, scope: Scope) -> Trained:
    """Monte-Carlo dropout: units are left out in prediction, too."""
    module = ground.with_dropout(problem)
    classifier = ground.classifier(scope, rho=0, module=module)
    classifier.fit(problem.X_train, problem.y_train)
    (net,) = classifier.nets_
    return Trained(partial(mean_over_masks, net.module_, seed=scope.seed), classifier)


@torch.no_grad()
def mean_over_masks(
    network: nn.Module, X: Any, seed: int, n_masks: int = _N_MASKS
) -> Array:
    """Probabilities of a network whose units are left out at random."""
    device = next(network.parameters()).device
    network = copy.deepcopy(network).eval()
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            layer.train()
    parts = torch.as_tensor(X, dtype=torch.float32).to(device).split(_ROWS_AT_ONCE)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        draws = [
            torch.cat([network(rows).double().softmax(dim=-1).cpu() for rows in parts])
            for _ in range(n_masks)
        ]
    mean: Array = torch.stack(draws).mean(dim=0).numpy()
    return mean


METHODS: dict[str, Method] = {
    "sgd": Method("SGD", _with(rho=0), "1"),
    "sgd-short": Method(
        "SGD, 0.3 × epochs", _with(rho=0, epochs=0.3), "0.3", cheap_only=True
    ),
    "sgd-stopped": Method(
        "SGD, stopped early",
        _with(rho=0, early_stopping=True),
        "1 at most",
        cheap_only=True,
    ),
    "sgd-searched": Method(
        "SGD, epochs by the recipe", _length, "2 at most, searched", cheap_only=True
    ),
    "sgd-x2": Method("SGD, 2 × epochs", _with(rho=0, epochs=2), "2"),
    "sgd-x3": Method("SGD, 3 × epochs", _with(rho=0, epochs=3), "3", cheap_only=True),
    "sgd-x5": Method("SGD, 5 × epochs", _with(rho=0, epochs=5), "5", cheap_only=True),
    "sam": Method("SAM", _with(), "2"),
    "otmdr-1": Method("OT-MDR, K = 1", _with(noise=NOISE), "2"),
    "otmdr-2": Method("OT-MDR, K = 2", _with(n_particles=2, noise=NOISE), "3"),
    "otmdr-4": Method("OT-MDR, K = 4", _with(n_particles=4, noise=NOISE), "5"),
    "recipe": Method("SAM, ρ by the recipe", _recipe, "2, searched", cheap_only=True),
    "temperature": Method("SGD, temperature scaled", _temperature, "1, in folds"),
    "dropout": Method("Monte-Carlo dropout", _dropout, "1"),
    "ensemble": Method(
        "deep ensemble", _with(rho=0, distribution="ensemble"), "1", n_members=0
    ),
    "ensemble-x2": Method(
        "deep ensemble, 2 × epochs",
        _with(rho=0, distribution="ensemble", epochs=2),
        "2",
        n_members=0,
    ),
    "otmdr-ensemble": Method(
        "OT-MDR ensemble",
        _with(noise=NOISE, distribution="ensemble"),
        "2",
        n_members=0,
    ),
    "otmdr-three": Method(
        "OT-MDR ensemble, K = 2",
        _with(n_particles=2, noise=NOISE, distribution="ensemble", n_members=3),
        "3",
        n_members=3,
    ),
    "sgvb": Method("SGVB", _with(True, rho=0, distribution="bayesian"), "1"),
    "otmdr-bnn": Method(
        "OT-MDR-BNN", _with(True, noise=NOISE, distribution="bayesian"), "2"
    ),
}
