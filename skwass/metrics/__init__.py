"""How good an embedding is, from distances alone; how honest probabilities are; how
uniform representations; what is known from what is not, and what corruption costs.
"""

from skwass.metrics._calibration import (
    adaptive_calibration_error,
    classwise_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
)
from skwass.metrics._corruption import mean_corruption_error
from skwass.metrics._corruption_scorer import MeanCorruptionErrorScorer
from skwass.metrics._distances import distance_correlation, relative_error, stress
from skwass.metrics._diversity import ensemble_diversity
from skwass.metrics._marchenko_pastur import uniformity_floor
from skwass.metrics._ood_scorers import OODScorer
from skwass.metrics._out_of_distribution import (
    detection_error,
    false_positive_rate_at_95,
    ood_aupr,
    ood_auroc,
)
from skwass.metrics._proper import brier_score, negative_log_likelihood
from skwass.metrics._representation_report import (
    RepresentationReport,
    representation_report,
)
from skwass.metrics._running_uniformity import WassersteinUniformity
from skwass.metrics._scorers import SCORERS, register_scorers
from skwass.metrics._selective import area_under_risk_coverage
from skwass.metrics._spectrum import effective_rank, singular_spectrum
from skwass.metrics._uniformity import (
    alignment,
    wang_isola_uniformity,
    wasserstein_uniformity,
)
from skwass.metrics._uniformity_scorers import (
    UNIFORMITY_SCORERS,
    WassersteinUniformityScorer,
)

__all__ = [
    "MeanCorruptionErrorScorer",
    "OODScorer",
    "RepresentationReport",
    "WassersteinUniformity",
    "WassersteinUniformityScorer",
    "adaptive_calibration_error",
    "alignment",
    "area_under_risk_coverage",
    "brier_score",
    "classwise_calibration_error",
    "detection_error",
    "distance_correlation",
    "effective_rank",
    "ensemble_diversity",
    "expected_calibration_error",
    "false_positive_rate_at_95",
    "maximum_calibration_error",
    "mean_corruption_error",
    "negative_log_likelihood",
    "ood_aupr",
    "ood_auroc",
    "relative_error",
    "representation_report",
    "singular_spectrum",
    "stress",
    "uniformity_floor",
    "wang_isola_uniformity",
    "wasserstein_uniformity",
]

register_scorers({**SCORERS, **UNIFORMITY_SCORERS})
