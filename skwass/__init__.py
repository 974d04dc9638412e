"""scikit-learn estimators that learn with Wasserstein distances."""

from skwass.clouds import (
    HistogramToCloud,
    ImageToCloud,
    NicheClouds,
    PointClouds,
    as_point_clouds,
)
from skwass.manifold import (
    LinearOTEmbedder,
    SlicedWassersteinEmbedder,
    WormholeEmbedder,
)
from skwass.transport import (
    paired_wasserstein_distances,
    sampled_wasserstein_distances,
    wasserstein_barycenter,
    wasserstein_distances,
)

__version__ = "0.1.0"

__all__ = [
    "HistogramToCloud",
    "ImageToCloud",
    "LinearOTEmbedder",
    "NicheClouds",
    "PointClouds",
    "SlicedWassersteinEmbedder",
    "WormholeEmbedder",
    "as_point_clouds",
    "paired_wasserstein_distances",
    "sampled_wasserstein_distances",
    "wasserstein_barycenter",
    "wasserstein_distances",
]
