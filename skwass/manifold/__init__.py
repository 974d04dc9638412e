"""Embeddings of cohorts of measures."""

from skwass.manifold._linear import LinearOTEmbedder
from skwass.manifold._sliced import SlicedWassersteinEmbedder
from skwass.manifold._wormhole import WormholeEmbedder

__all__ = ["LinearOTEmbedder", "SlicedWassersteinEmbedder", "WormholeEmbedder"]
