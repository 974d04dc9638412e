"""Pure torch modules and losses: usable in any training loop."""

from skwass.nn._autoencoder import ResidualMap, WormholeAutoencoder
from skwass.nn._bayesian import (
    BayesianConv1d,
    BayesianConv2d,
    BayesianLayer,
    BayesianLinear,
)
from skwass.nn._conversion import make_bayesian
from skwass.nn._device import checked_device
from skwass.nn._imitation import ImitationLoss, Student
from skwass.nn._landscape import Landscape, random_direction
from skwass.nn._likelihoods import (
    GaussianLikelihood,
    WeightedCrossEntropy,
    gaussian_parameters,
)
from skwass.nn._moved_reference import MovedReference
from skwass.nn._perceptron import Perceptron
from skwass.nn._point_transformer import TransformerEncoder
from skwass.nn._set_encoder import QuantileEncoder, SetEncoder
from skwass.nn._sphere import AlignmentLoss, WangIsolaLoss, unit_rows
from skwass.nn._stress import StressLoss, group_distances
from skwass.nn._uniformity import (
    WassersteinUniformityLoss,
    wasserstein_uniformity_value,
)
from skwass.nn._variational import kl_divergence, mean_weights, sampled_weights

__all__ = [
    "AlignmentLoss",
    "BayesianConv1d",
    "BayesianConv2d",
    "BayesianLayer",
    "BayesianLinear",
    "GaussianLikelihood",
    "ImitationLoss",
    "Landscape",
    "MovedReference",
    "Perceptron",
    "QuantileEncoder",
    "ResidualMap",
    "SetEncoder",
    "StressLoss",
    "Student",
    "TransformerEncoder",
    "WangIsolaLoss",
    "WassersteinUniformityLoss",
    "WeightedCrossEntropy",
    "WormholeAutoencoder",
    "checked_device",
    "gaussian_parameters",
    "group_distances",
    "kl_divergence",
    "make_bayesian",
    "mean_weights",
    "random_direction",
    "sampled_weights",
    "unit_rows",
    "wasserstein_uniformity_value",
]
