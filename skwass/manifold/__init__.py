"""Embeddings of cohorts of measures."""

from skwass.manifold._wormhole import WormholeEmbedder

__all__ = ["WormholeEmbedder"]
