"""How good an embedding is, from distances alone."""

from skwass.metrics._distances import distance_correlation, relative_error, stress

__all__ = ["distance_correlation", "relative_error", "stress"]
