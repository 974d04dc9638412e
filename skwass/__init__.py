"""scikit-learn estimators that learn with Wasserstein distances."""

from skwass.clouds import (
    HistogramToCloud,
    ImageToCloud,
    NicheClouds,
    PointClouds,
    as_point_clouds,
)
from skwass.manifold import (
    EuclideanDistanceEmbedding,
    LinearOTEmbedder,
    SlicedWassersteinEmbedder,
    WormholeEmbedder,
    euclidean_embedding_bounds,
    nearest_euclidean_distances,
)
from skwass.metrics import WassersteinUniformityScorer, wasserstein_uniformity
from skwass.robust import (
    OTMDR,
    OTMDRClassifier,
    OTMDRRegressor,
    loss_sharpness,
    top_hessian_eigenvalue,
)
from skwass.selfsupervised import SelfSupervisedEmbedder, linear_probe_score
from skwass.transport import (
    paired_wasserstein_distances,
    sampled_wasserstein_distances,
    wasserstein_barycenter,
    wasserstein_distances,
)
from skwass.vision import StochasticViTClassifier, StochasticViTPretrainer

__version__ = "0.1.0"

__all__ = [
    "OTMDR",
    "EuclideanDistanceEmbedding",
    "HistogramToCloud",
    "ImageToCloud",
    "LinearOTEmbedder",
    "NicheClouds",
    "OTMDRClassifier",
    "OTMDRRegressor",
    "PointClouds",
    "SelfSupervisedEmbedder",
    "SlicedWassersteinEmbedder",
    "StochasticViTClassifier",
    "StochasticViTPretrainer",
    "WassersteinUniformityScorer",
    "WormholeEmbedder",
    "as_point_clouds",
    "euclidean_embedding_bounds",
    "linear_probe_score",
    "loss_sharpness",
    "nearest_euclidean_distances",
    "paired_wasserstein_distances",
    "sampled_wasserstein_distances",
    "top_hessian_eigenvalue",
    "wasserstein_barycenter",
    "wasserstein_distances",
    "wasserstein_uniformity",
]
