"""Representations that are learnt without labels, from random views of samples."""

from skwass.selfsupervised._embedder import SelfSupervisedEmbedder
from skwass.selfsupervised._probe import linear_probe_score

__all__ = ["SelfSupervisedEmbedder", "linear_probe_score"]
