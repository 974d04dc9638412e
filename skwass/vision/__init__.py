"""Images: classifiers that know what they do not know."""

from skwass.vision._classifier import StochasticViTClassifier

__all__ = ["StochasticViTClassifier"]
