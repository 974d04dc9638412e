"""The default classifier on ten small tables, beside those of scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from _problems import Scope
from _records import Figures
from scipy.stats import rankdata
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_blobs,
    make_circles,
    make_classification,
    make_gaussian_quantiles,
    make_hastie_10_2,
    make_moons,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skwass import OTMDRClassifier

_N_FOLDS = 5
_N = 500

#: takes a seed to samples and labels
TABLES: dict[str, Callable[[int], Any]] = {
    "iris": lambda seed: load_iris(return_X_y=True),
    "wine": lambda seed: load_wine(return_X_y=True),
    "breast_cancer": lambda seed: load_breast_cancer(return_X_y=True),
    "digits": lambda seed: load_digits(return_X_y=True),
    "classification": lambda seed: make_classification(
        _N,
        n_features=20,
        n_informative=8,
        n_classes=3,
        flip_y=0.05,
        random_state=seed,
    ),
    "moons": lambda seed: make_moons(_N, noise=0.3, random_state=seed),
    "circles": lambda seed: make_circles(_N, noise=0.2, factor=0.5, random_state=seed),
    "blobs": lambda seed: make_blobs(_N, centers=4, cluster_std=3.0, random_state=seed),
    "quantiles": lambda seed: make_gaussian_quantiles(
        n_samples=_N, n_features=5, n_classes=3, random_state=seed
    ),
    "hastie": lambda seed: make_hastie_10_2(2 * _N, random_state=seed),
}
CLASSIFIERS: dict[str, Callable[[int], Any]] = {
    "OTMDRClassifier": lambda seed: OTMDRClassifier(random_state=seed),
    "MLPClassifier": lambda seed: make_pipeline(
        StandardScaler(), MLPClassifier(random_state=seed)
    ),
    "LogisticRegression": lambda seed: make_pipeline(
        StandardScaler(), LogisticRegression()
    ),
}


def measure(scope: Scope) -> Figures:
    """Log-loss of each on each table, and mean ranks."""
    figures: Figures = {}
    ranks = []
    for table, make in list(TABLES.items())[: scope.less(len(TABLES), 2)]:
        X, y = make(scope.seed)
        losses = [_loss(classifier, X, y, scope) for classifier in CLASSIFIERS]
        ranks.append(rankdata(losses))
        for name, loss in zip(CLASSIFIERS, losses, strict=True):
            figures[f"{table} {name}"] = loss
    for name, rank in zip(CLASSIFIERS, np.mean(ranks, axis=0), strict=True):
        figures[f"rank {name}"] = float(rank)
    return figures


def _loss(name: str, X: Any, y: Any, scope: Scope) -> float:
    """The mean over folds."""
    losses = []
    folds = StratifiedKFold(
        scope.less(_N_FOLDS, 2), shuffle=True, random_state=scope.seed
    )
    for training, held_out in folds.split(X, y):
        classifier = CLASSIFIERS[name](scope.seed)
        if scope.tiny and name == "OTMDRClassifier":
            classifier.set_params(max_iter=2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # these are defaults
            classifier.fit(X[training], y[training])
        proba = classifier.predict_proba(X[held_out])
        losses.append(log_loss(y[held_out], proba, labels=classifier.classes_))
    return float(np.mean(losses))
