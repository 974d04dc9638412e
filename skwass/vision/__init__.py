"""Images: classifiers that know what they do not know."""

from skwass.vision._classifier import StochasticViTClassifier
from skwass.vision._pretrainer import StochasticViTPretrainer

__all__ = ["StochasticViTClassifier", "StochasticViTPretrainer"]
