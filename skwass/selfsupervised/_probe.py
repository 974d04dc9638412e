"""How good representations are for a linear classifier, judged fairly."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, unique_labels

_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)
_FOLDS = 3


def linear_probe_score(
    embedder: Any,
    X_train: Any,
    y_train: ArrayLike,
    X_test: Any,
    y_test: ArrayLike,
    *,
    n_labels_per_class: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> float:
    """Accuracy of a linear classifier on representations, on samples it never saw.

    Representations are standardised, and a logistic regression is fitted. How strongly
    it is regularised is chosen by cross-validation within the labelled samples; means
    and scales are theirs too. Labels and representations of the test samples serve for
    the score alone.

    Parameters
    ----------
    embedder : transformer or None
        A fitted transformer, such as `SelfSupervisedEmbedder`, or a pipeline of them.
        It is not fitted. None takes X_train and X_test as representations.
    X_train : array-like of shape (n_train, ...)
        Samples to learn from.
    y_train : array-like of shape (n_train,)
        Their classes.
    X_test : array-like of shape (n_test, ...)
        Samples to judge by.
    y_test : array-like of shape (n_test,)
        Their classes.
    n_labels_per_class : int, default=None
        So many training samples of each class are drawn, and the others left out. None
        takes all.
    random_state : int, RandomState instance or None, default=None
        Decides which are drawn, and the folds.

    Returns
    -------
    accuracy : float
        Share of test samples whose class is right.

    Raises
    ------
    ValueError
        If a class has fewer samples than `n_labels_per_class`, there is a single
        class, lengths differ, or some labels are words and others numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.model_selection import train_test_split
    >>> from skwass import linear_probe_score
    >>> X, X_test, y, y_test = train_test_split(
    ...     *load_digits(return_X_y=True), random_state=0
    ... )
    >>> pca = PCA(16).fit(X)
    >>> score = linear_probe_score(
    ...     pca, X, y, X_test, y_test, n_labels_per_class=10, random_state=0
    ... )
    >>> score > 0.8
    True
    """
    labels, right = column_or_1d(y_train), column_or_1d(y_test)
    check_consistent_length(X_train, labels)
    check_consistent_length(X_test, right)
    check_classification_targets(labels)
    unique_labels(labels, right)  # numbers are never equal to words
    draws = check_random_state(random_state)
    Z_train, Z_test = (
        np.asarray(X if embedder is None else embedder.transform(X), dtype=np.float64)
        for X in (X_train, X_test)
    )
    chosen = _labelled(labels, n_labels_per_class, draws)
    probe = _probe(labels[chosen], draws).fit(Z_train[chosen], labels[chosen])
    return float(np.mean(probe.predict(Z_test) == right))


def _labelled(
    y: NDArray[Any], n_labels: int | None, random_state: np.random.RandomState
) -> NDArray[np.intp]:
    """Places of the samples whose classes may be known."""
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"y_train must have two classes or more; got {list(classes)}.")
    if n_labels is None:
        return np.arange(len(y))
    if not isinstance(n_labels, Integral) or n_labels < 1:
        raise ValueError(
            f"n_labels_per_class must be a positive integer or None; got {n_labels!r}."
        )
    if counts.min() < n_labels:
        scarce = classes[counts.argmin()]
        raise ValueError(
            f"n_labels_per_class={n_labels}, but class {scarce!r} has {counts.min()} "
            "training samples."
        )
    drawn = [
        random_state.permutation(np.flatnonzero(y == label))[:n_labels]
        for label in classes
    ]
    return np.sort(np.concatenate(drawn))


def _probe(y: NDArray[Any], random_state: np.random.RandomState) -> Any:
    """The classifier, with a search where there are samples enough for folds."""
    name = "logisticregression__C"
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    n_folds = min(_FOLDS, np.unique(y, return_counts=True)[1].min())
    if n_folds < 2:
        return probe.set_params(**{name: 0.1})
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    return GridSearchCV(probe, {name: _STRENGTHS}, cv=folds)
