"""How good an embedding is, from distances alone; how honest probabilities are."""

from skwass.metrics._calibration import (
    adaptive_calibration_error,
    classwise_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
)
from skwass.metrics._distances import distance_correlation, relative_error, stress
from skwass.metrics._diversity import ensemble_diversity
from skwass.metrics._proper import brier_score, negative_log_likelihood
from skwass.metrics._scorers import SCORERS, register_scorers
from skwass.metrics._selective import area_under_risk_coverage

__all__ = [
    "adaptive_calibration_error",
    "area_under_risk_coverage",
    "brier_score",
    "classwise_calibration_error",
    "distance_correlation",
    "ensemble_diversity",
    "expected_calibration_error",
    "maximum_calibration_error",
    "negative_log_likelihood",
    "relative_error",
    "stress",
]

register_scorers(SCORERS)
