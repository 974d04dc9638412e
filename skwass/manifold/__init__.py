"""Embeddings of cohorts of measures."""

from skwass.manifold._euclidean_embedding import EuclideanDistanceEmbedding
from skwass.manifold._linear import LinearOTEmbedder
from skwass.manifold._nearest_euclidean import (
    euclidean_embedding_bounds,
    nearest_euclidean_distances,
)
from skwass.manifold._sliced import SlicedWassersteinEmbedder
from skwass.manifold._wormhole import WormholeEmbedder

__all__ = [
    "EuclideanDistanceEmbedding",
    "LinearOTEmbedder",
    "SlicedWassersteinEmbedder",
    "WormholeEmbedder",
    "euclidean_embedding_bounds",
    "nearest_euclidean_distances",
]
