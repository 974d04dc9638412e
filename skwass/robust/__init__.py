"""Sharpness-aware training: models that are good in a whole ball of parameters."""

from skwass.robust._classifier import OTMDRClassifier
from skwass.robust._optimizer import OTMDR
from skwass.robust._regressor import OTMDRRegressor
from skwass.robust._sharpness import loss_sharpness, top_hessian_eigenvalue

__all__ = [
    "OTMDR",
    "OTMDRClassifier",
    "OTMDRRegressor",
    "loss_sharpness",
    "top_hessian_eigenvalue",
]
