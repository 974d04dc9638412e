"""scikit-learn estimators that learn with Wasserstein distances."""

from skwass.clouds import (
    HistogramToCloud,
    ImageToCloud,
    PointClouds,
    as_point_clouds,
)
from skwass.manifold import (
    LinearOTEmbedder,
    SlicedWassersteinEmbedder,
    WormholeEmbedder,
)
from skwass.transport import (
    sampled_wasserstein_distances,
    wasserstein_distances,
)

__version__ = "0.1.0"

__all__ = [
    "HistogramToCloud",
    "ImageToCloud",
    "LinearOTEmbedder",
    "PointClouds",
    "SlicedWassersteinEmbedder",
    "WormholeEmbedder",
    "as_point_clouds",
    "sampled_wasserstein_distances",
    "wasserstein_distances",
]
