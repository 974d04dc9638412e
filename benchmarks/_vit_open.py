"""What the paper leaves open: regularisers, sizes, cost, ambiguity, other tokens.

And what a calibration error says at all: how large it is by chance.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from _judging import judged
from _otmdr_memory import Memory
from _otmdr_speed import Run, turns
from _problems import Images, Scope
from _records import Figures, named
from _rows import Measure
from _vit_data import Task
from _vit_judging import told_apart
from _vit_methods import (
    METHODS,
    SCORES,
    Ground,
    Train,
    Trained,
    by_worst_cases,
    fitted,
)
from _vit_quality import GROUNDS
from _vit_tokens import KINDS
from torch.nn.functional import cross_entropy

from skwass.metrics import expected_calibration_error, ood_auroc
from skwass.vision import StochasticViTClassifier

#: images that questions of training are answered on: with augmentation and without
TRIED = ("digits", "mnist")
REGULARISERS = {
    "without λ₁": {"lambda1": 0.0},
    "without λ₂": {"lambda2": 0.0},
    "without both": {"lambda1": 0.0, "lambda2": 0.0},
}
#: of both; the default, 1e-4, is among the methods
WEIGHTS = (1e-6, 1e-5, 1e-3, 1e-2, 1e-1)
SIZES: dict[str, dict[str, int]] = {
    "width": {"width": 2},
    "depth": {"depth": 2},
}
BATCH = 64
#: methods whose calibration error is compared with chance, and draws of labels
BY_CHANCE = ("stochastic", "matched")
N_DRAWS = 50
#: scores of one image that may tell that it is two: those of `ood_score`, and
AMBIGUITY = SCORES | {"logit-variance": "variance of logits"}
TWIN_AMBIGUITY = ("max-probability", "energy", "wasserstein", "combined")


def regularisers(name: str, scope: Scope) -> Figures:
    """Without one of them, and without both."""
    return _trained_each(name, scope, {x: _as(y) for x, y in REGULARISERS.items()})


def weights(name: str, scope: Scope) -> Figures:
    """Both regularisers with one weight."""
    some = WEIGHTS[: scope.less(len(WEIGHTS), 1)]
    trains = {f"{x:g}": _as({"lambda1": x, "lambda2": x}) for x in some}
    return _trained_each(name, scope, trains)


def sizes(name: str, scope: Scope) -> Figures:
    """Width or depth doubled, and the twin that is matched to that."""
    trains: dict[str, Train] = {}
    for size, factors in SIZES.items():
        settings = GROUNDS[name].settings
        changes = {each: factor * settings[each] for each, factor in factors.items()}
        trains[f"stochastic {size}"] = _as(changes)
        trains[f"matched {size}"] = partial(_matched_to, changes)
    return _trained_each(name, scope, trains)


def tokens(name: str, scope: Scope) -> Figures:
    """Points in place of Gaussians, at the start or throughout, and heavier tails."""

    def train(network: Callable[..., Any]) -> Train:
        return lambda *where: by_worst_cases(*where, network, rho=0.0)

    trains = {kind: train(network) for kind, (_, network) in KINDS.items()}
    return _trained_each(name, scope, trains)


def ambiguous(name: str, scope: Scope) -> Figures:
    """Whether scores tell two images on top of each other from one, and errors."""
    ground = GROUNDS[name]
    task = ground.read(scope)
    X, y = task.problem.X_test, task.problem.y_test
    mixed = mixtures(X, y, scope.seed)
    figures: Figures = {}
    options = {
        "stochastic": {},
        "probit": {"head": "probit"},
        "matched": ground.matched(task),
    }
    for kind, changes in options.items():
        classifier = ground.classifier(scope, **changes)
        classifier.fit(task.problem.X_train, task.problem.y_train)
        wrong = classifier.predict(X) != y
        for score in TWIN_AMBIGUITY if kind == "matched" else AMBIGUITY:
            pure, double = (_score(classifier, images, score) for images in (X, mixed))
            figures[f"{kind} mixed {score}"] = ood_auroc(pure, double)
            if wrong.any():
                found = ood_auroc(pure[~wrong], pure[wrong])
                figures[f"{kind} wrong {score}"] = found
    return figures


def chance(name: str, scope: Scope) -> Figures:
    """The calibration error of right probabilities: labels are drawn by them."""
    ground = GROUNDS[name]
    task = ground.read(scope)
    labels = np.arange(task.n_classes)
    figures: Figures = {}
    for kind in BY_CHANCE:
        trained = METHODS[kind].train(ground, task, scope)
        proba = trained.predict_proba(task.problem.X_test)
        random_state = np.random.RandomState(scope.seed)
        found = []
        for _ in range(scope.less(N_DRAWS, 2)):
            below = proba.cumsum(axis=1) < random_state.uniform(size=(len(proba), 1))
            drawn = below.sum(axis=1).clip(max=len(labels) - 1)
            found.append(expected_calibration_error(drawn, proba, labels=labels))
        measured = expected_calibration_error(task.problem.y_test, proba, labels=labels)
        figures[f"{kind} ece"] = float(measured)
        figures[f"{kind} ece by chance"] = float(np.mean(found))
    return figures


def mixtures(X: Images, labels: np.ndarray, seed: int) -> Images:
    """The mean of each image and one of another class."""
    random_state = np.random.RandomState(seed)
    partners = [random_state.choice(np.flatnonzero(labels != own)) for own in labels]
    return (X + X[partners]) / 2


def cost(name: str, scope: Scope) -> Figures:
    """Time of training and of prediction, in turns, and bytes of a step.

    Images are noise, since neither depends on what they show.
    """
    ground = GROUNDS[name]
    task = ground.read(scope)
    n = scope.less(4, 1) * BATCH
    random_state = np.random.RandomState(scope.seed)
    X = random_state.uniform(size=(n, *task.shape)).astype(np.float32)
    options = {
        "stochastic": {},
        "twin": {"attention": "dot"},
        "matched": ground.matched(task),
    }
    fits, predictions, figures = {}, {}, {}
    for kind, changes in options.items():
        one = ground.classifier(scope, **changes).set_params(max_iter=1)
        fits[f"fit {kind}"] = _fit(one, X, task.n_classes)
        predictions[f"predict {kind}"] = partial(_predict, one, X)
        figures[f"bytes {kind}"] = _bytes_of_step(ground, task, changes, scope)
    n_rounds = scope.less(5, 1)
    for runs, reference in ((fits, "fit twin"), (predictions, "predict twin")):
        figures |= turns(runs, reference, n_rounds)
    return figures


def rows() -> dict[str, Measure]:
    """What measures each row, by name."""
    found: dict[str, Measure] = {}
    for name in TRIED:
        found[f"regularisers-{name}"] = partial(regularisers, name)
        found[f"weights-{name}"] = partial(weights, name)
        found[f"ambiguous-{name}"] = partial(ambiguous, name)
    found["sizes-digits"] = partial(sizes, "digits")
    found["tokens-digits"] = partial(tokens, "digits")
    found |= {f"cost-{name}": partial(cost, name) for name in GROUNDS}
    return found | {f"chance-{name}": partial(chance, name) for name in GROUNDS}


def ground_of(row: str) -> Ground:
    """What a row learns from."""
    return GROUNDS[row.split("-")[-1]]


def _as(changes: Mapping[str, Any]) -> Train:
    return partial(fitted, **changes)


def _matched_to(
    changes: Mapping[str, Any], ground: Ground, task: Task, scope: Scope
) -> Trained:
    return fitted(ground, task, scope, **ground.matched(task, **changes))


def _trained_each(name: str, scope: Scope, trains: Mapping[str, Train]) -> Figures:
    ground = GROUNDS[name]
    task = ground.read(scope)
    figures: Figures = {}
    for title, train in trains.items():
        start = time.process_time()
        trained = train(ground, task, scope)
        found = {"cpu_seconds": time.process_time() - start}
        proba = trained.predict_proba(task.problem.X_test)
        found |= judged(task.problem.y_test, proba) | told_apart(trained, task)
        figures |= named(title, found)
    return figures


def _score(
    classifier: StochasticViTClassifier, images: Images, score: str
) -> np.ndarray:
    if score == "logit-variance":
        return classifier.predict_distribution(images).variance.mean(axis=1)
    return classifier.ood_score(images, method=score)


def _fit(classifier: StochasticViTClassifier, X: Images, n_classes: int) -> Run:
    y = np.arange(len(X)) % n_classes

    def run() -> int:
        classifier.fit(X, y)
        return len(X) // BATCH

    return run


def _predict(classifier: StochasticViTClassifier, X: Images) -> int:
    classifier.predict_proba(X)
    return len(X) // BATCH


def _bytes_of_step(
    ground: Ground, task: Task, changes: Mapping[str, Any], scope: Scope
) -> float:
    """The most that lives while a batch passes forward and backward, at any time."""
    network = ground.network(task, seed=scope.seed, **changes)
    images = torch.as_tensor(task.problem.X_train[:BATCH])
    labels = torch.as_tensor(task.problem.y_train[:BATCH])
    memory = Memory([*network.parameters(), *network.buffers(), images, labels])
    with memory:
        cross_entropy(network(images), labels).backward()
    return float(memory.peak)
