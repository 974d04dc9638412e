"""Scorers that ``scoring="..."`` knows by name, like scikit-learn's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any

from numpy.typing import ArrayLike
from sklearn.metrics import accuracy_score, make_scorer

from skwass.metrics._calibration import (
    adaptive_calibration_error,
    classwise_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
)
from skwass.metrics._predictions import with_unseen_classes
from skwass.metrics._proper import brier_score
from skwass.metrics._selective import area_under_risk_coverage

#: names of scikit-learn's own, by which a list of them is told from other options
_ALWAYS_THERE = {"accuracy", "neg_log_loss"}
# scikit-learn has no public name for the class of its scorers
_Scorer: Any = type(make_scorer(accuracy_score))


class ProbabilityScorer(_Scorer):
    """Score probabilities by the classes that the estimator knows, not those of a fold.

    A fold may lack a class that the estimator was fitted on, or hold one that it was
    not; that one has probability zero. scikit-learn's own log loss sees only the fold,
    and is NaN for both.
    """

    def _score(
        self,
        method_caller: Callable[..., Any],
        estimator: Any,
        X: Any,
        y_true: ArrayLike,
        **kwargs: Any,
    ) -> float:
        # shared with other scorers of one cross_validate, which ask in the same way
        y_proba = method_caller(estimator, "predict_proba", X, pos_label=None)
        options = {**self._kwargs, **kwargs}
        if options.get("labels") is None and hasattr(estimator, "classes_"):
            options["labels"], y_proba = with_unseen_classes(
                estimator.classes_, y_proba, y_true
            )
        return float(self._sign * self._score_func(y_true, y_proba, **options))


def probability_scorer(metric: Callable[..., float], *, sign: int = -1) -> Any:
    """A scorer of a function of (y_true, y_proba, *, labels, sample_weight)."""
    return ProbabilityScorer(metric, sign, {}, "predict_proba")


def register_scorers(scorers: Mapping[str, Any]) -> None:
    """Let `scoring` take these names, wherever scikit-learn takes its own.

    A name that scikit-learn has already stays its own. scikit-learn has no public way
    to do this: if what it keeps its scorers in is not there, the names are not known
    and all else works.
    """
    try:
        from sklearn.metrics._scorer import _SCORERS
    except ImportError:
        return
    for name, scorer in scorers.items():
        _SCORERS.setdefault(name, scorer)
    # what was imported before us has copied the names that were known then
    for options in _copied_names():
        options.update(scorers)


def _copied_names() -> Iterator[set[str]]:
    """Sets of names by which classes and functions of scikit-learn check `scoring`."""
    for name, module in list(sys.modules.items()):
        names = getattr(module, "__dict__", {})
        if not name.startswith("sklearn.") or "get_scorer_names" not in names:
            continue
        for thing in list(names.values()):
            if isinstance(thing, (type, FunctionType)):
                yield from _names_in(_constraints(thing))


def _constraints(thing: Any) -> Mapping[str, Any]:
    found = getattr(
        thing,
        "_parameter_constraints"
        if isinstance(thing, type)
        else "_skl_parameter_constraints",
        None,
    )
    return found if isinstance(found, Mapping) else {}


def _names_in(constraints: Mapping[str, Any]) -> Iterator[set[str]]:
    for alternatives in constraints.values():
        for alternative in alternatives if isinstance(alternatives, list) else ():
            options = getattr(alternative, "options", None)
            if isinstance(options, set) and options >= _ALWAYS_THERE:
                yield options


#: the scorers of this package, by the names they are registered under
SCORERS = {
    "neg_expected_calibration_error": probability_scorer(expected_calibration_error),
    "neg_maximum_calibration_error": probability_scorer(maximum_calibration_error),
    "neg_adaptive_calibration_error": probability_scorer(adaptive_calibration_error),
    "neg_classwise_calibration_error": probability_scorer(classwise_calibration_error),
    "neg_brier_score_multiclass": probability_scorer(brier_score),
    "neg_area_under_risk_coverage": probability_scorer(area_under_risk_coverage),
}
