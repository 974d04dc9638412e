"""How good and how honest probabilities are."""

from __future__ import annotations

import numpy as np
from _problems import Labels
from _records import Figures
from numpy.typing import NDArray

from skwass.metrics import (
    area_under_risk_coverage,
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
)


def judged(y_test: Labels, proba: NDArray[np.floating]) -> Figures:
    """Figures of probabilities of held-out samples, whose labels are right."""
    labels = np.arange(proba.shape[1])
    measures = {
        "nll": negative_log_likelihood,
        "ece": expected_calibration_error,
        "brier": brier_score,
        "aurc": area_under_risk_coverage,
    }
    right = proba.argmax(axis=1) == y_test
    figures = {"accuracy": float(right.mean())}
    return figures | {
        name: float(measure(y_test, proba, labels=labels))
        for name, measure in measures.items()
    }
