"""Pictures of embeddings and predictions, in the manner of scikit-learn's displays."""

from skwass.plotting._attention_display import AttentionDisplay
from skwass.plotting._barycenter import BarycenterDisplay
from skwass.plotting._embedding import EmbeddingDisplay
from skwass.plotting._ood_display import OODDisplay
from skwass.plotting._reliability_display import ReliabilityDisplay
from skwass.plotting._sharpness_display import SharpnessDisplay
from skwass.plotting._shepard import ShepardDisplay
from skwass.plotting._spectrum_display import SpectrumDisplay
from skwass.plotting._uncertainty_display import UncertaintyDisplay
from skwass.plotting._uniformity_display import UniformityDisplay

__all__ = [
    "AttentionDisplay",
    "BarycenterDisplay",
    "EmbeddingDisplay",
    "OODDisplay",
    "ReliabilityDisplay",
    "SharpnessDisplay",
    "ShepardDisplay",
    "SpectrumDisplay",
    "UncertaintyDisplay",
    "UniformityDisplay",
]
