"""Scorer of the errors that corruption of the input causes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sklearn.metrics import accuracy_score

from skwass.metrics._corruption import Errors, mean_corruption_error


class MeanCorruptionErrorScorer:
    """Scorer of the errors that a classifier makes on corrupted samples.

    The samples it is scored on are corrupted in every kind and severity, and the
    negative of :func:`mean_corruption_error` is the score.

    Parameters
    ----------
    corrupt : callable
        Called as ``corrupt(X, kind, severity)``; returns as many samples. With a number
        as its ``random_state``, :func:`skwass.datasets.corrupt_images` makes the same
        of them for all candidates.
    kinds : sequence of str
        Kinds of corruption.
    severities : sequence of int, default=(1, 2, 3, 4, 5)
        Severities.
    baseline_errors : mapping or array-like, default=None
        Error rates to compare with, as :func:`mean_corruption_error` takes them: by
        kind and severity, or in the order of `kinds` and `severities`.

    Raises
    ------
    TypeError
        If `kinds` is a single name.
    ValueError
        If there are no kinds or no severities.

    See Also
    --------
    skwass.metrics.mean_corruption_error : What is scored.
    OODScorer : The same for samples that are not known.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skwass.datasets import corrupt_images
    >>> from skwass.metrics import MeanCorruptionErrorScorer
    >>> def corrupt(X, kind, severity):
    ...     spoilt = corrupt_images(
    ...         X.reshape(-1, 8, 8), kind, severity, random_state=0
    ...     )
    ...     return spoilt.reshape(X.shape)
    >>> scorer = MeanCorruptionErrorScorer(corrupt, ["fog", "shot_noise"])
    >>> X, y = load_digits(return_X_y=True)
    >>> scores = cross_val_score(KNeighborsClassifier(), X / 16, y, scoring=scorer)
    >>> bool((scores < 0).all())
    True
    """

    def __init__(
        self,
        corrupt: Callable[[Any, str, int], Any],
        kinds: Iterable[str],
        *,
        severities: Iterable[int] = (1, 2, 3, 4, 5),
        baseline_errors: Errors | None = None,
    ) -> None:
        if isinstance(kinds, str):
            raise TypeError(f"kinds must be a sequence of names; got {kinds!r}.")
        self.corrupt = corrupt
        self.kinds, self.severities = tuple(kinds), tuple(severities)
        self.baseline_errors = baseline_errors
        for name in ("kinds", "severities"):
            if not getattr(self, name):
                raise ValueError(f"{name} must hold one or more; got none.")

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Score a fitted classifier.

        Parameters
        ----------
        estimator : object
            Fitted, with ``predict``.
        X : array-like
            Samples as they are.
        y : array-like of shape (n_samples,)
            Their labels.

        Returns
        -------
        score : float
            Higher is better; zero is perfect.

        Raises
        ------
        ValueError
            As :func:`mean_corruption_error` and ``corrupt`` do.
        """
        errors = {
            kind: {
                severity: 1
                - accuracy_score(y, estimator.predict(self.corrupt(X, kind, severity)))
                for severity in self.severities
            }
            for kind in self.kinds
        }
        baseline: Any = self.baseline_errors
        if baseline is None or isinstance(baseline, Mapping):
            return -mean_corruption_error(errors, baseline)
        rows = [list(found.values()) for found in errors.values()]
        return -mean_corruption_error(rows, baseline)

    def __repr__(self) -> str:
        of = "" if self.baseline_errors is None else ", baseline_errors=..."
        return (
            f"MeanCorruptionErrorScorer({_name(self.corrupt)}, {list(self.kinds)}, "
            f"severities={self.severities}{of})"
        )


def _name(function: Any) -> str:
    inner = getattr(function, "func", function)
    return str(getattr(inner, "__name__", repr(inner)))
