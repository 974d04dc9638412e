"""Pure torch modules and losses: usable in any training loop."""

from skwass.nn._asymmetric import BYOL, NNCLR, MoCo, SimSiam
from skwass.nn._autoencoder import ResidualMap, WormholeAutoencoder
from skwass.nn._bayesian import (
    BayesianConv1d,
    BayesianConv2d,
    BayesianLayer,
    BayesianLinear,
)
from skwass.nn._block_masks import block_masks
from skwass.nn._contrastive import InfoNCELoss, NTXentLoss
from skwass.nn._conversion import make_bayesian
from skwass.nn._device import checked_device
from skwass.nn._heads import ProjectionHead
from skwass.nn._image_augmentation import ImageAugmentation, ImageMixing, MixedImages
from skwass.nn._image_views import ImageViews
from skwass.nn._imitation import ImitationLoss, Student
from skwass.nn._landscape import Landscape, random_direction
from skwass.nn._lars import LARS
from skwass.nn._likelihoods import (
    GaussianLikelihood,
    WeightedCrossEntropy,
    gaussian_parameters,
)
from skwass.nn._masked_prediction import (
    MaskedComparison,
    MaskedPrediction,
    PlaceDecoder,
    spread_between_images,
)
from skwass.nn._matched_twin import matched_twin
from skwass.nn._momentum import EmbeddingQueue, MomentumCopy
from skwass.nn._moved_reference import MovedReference
from skwass.nn._perceptron import Perceptron, centre_and_scale
from skwass.nn._point_transformer import TransformerEncoder
from skwass.nn._prediction import NegativeCosineLoss
from skwass.nn._redundancy import BarlowTwinsLoss, ZeroCLLoss
from skwass.nn._residual import ResidualEncoder
from skwass.nn._set_encoder import QuantileEncoder, SetEncoder
from skwass.nn._siamese import (
    AlignUniform,
    BarlowTwins,
    Compared,
    Siamese,
    SimCLR,
    ZeroCL,
)
from skwass.nn._sphere import AlignmentLoss, WangIsolaLoss, unit_rows
from skwass.nn._stochastic_vit import StochasticViT
from skwass.nn._stress import StressLoss, group_distances
from skwass.nn._table_views import TableViews
from skwass.nn._uniformity import (
    WassersteinUniformityLoss,
    wasserstein_uniformity_value,
)
from skwass.nn._variational import kl_divergence, mean_weights, sampled_weights
from skwass.nn._vision_encoder import VisionEncoder
from skwass.nn._wasserstein_attention import (
    GaussianTokens,
    wasserstein_attention,
    wasserstein_attention_weights,
)
from skwass.nn._wasserstein_losses import (
    ContrastiveWassersteinLoss,
    TripletWassersteinLoss,
    gaussian_wasserstein,
)

__all__ = [
    "BYOL",
    "LARS",
    "NNCLR",
    "AlignUniform",
    "AlignmentLoss",
    "BarlowTwins",
    "BarlowTwinsLoss",
    "BayesianConv1d",
    "BayesianConv2d",
    "BayesianLayer",
    "BayesianLinear",
    "Compared",
    "ContrastiveWassersteinLoss",
    "EmbeddingQueue",
    "GaussianLikelihood",
    "GaussianTokens",
    "ImageAugmentation",
    "ImageMixing",
    "ImageViews",
    "ImitationLoss",
    "InfoNCELoss",
    "Landscape",
    "MaskedComparison",
    "MaskedPrediction",
    "MixedImages",
    "MoCo",
    "MomentumCopy",
    "MovedReference",
    "NTXentLoss",
    "NegativeCosineLoss",
    "Perceptron",
    "PlaceDecoder",
    "ProjectionHead",
    "QuantileEncoder",
    "ResidualEncoder",
    "ResidualMap",
    "SetEncoder",
    "Siamese",
    "SimCLR",
    "SimSiam",
    "StochasticViT",
    "StressLoss",
    "Student",
    "TableViews",
    "TransformerEncoder",
    "TripletWassersteinLoss",
    "VisionEncoder",
    "WangIsolaLoss",
    "WassersteinUniformityLoss",
    "WeightedCrossEntropy",
    "WormholeAutoencoder",
    "ZeroCL",
    "ZeroCLLoss",
    "block_masks",
    "centre_and_scale",
    "checked_device",
    "gaussian_parameters",
    "gaussian_wasserstein",
    "group_distances",
    "kl_divergence",
    "make_bayesian",
    "matched_twin",
    "mean_weights",
    "random_direction",
    "sampled_weights",
    "spread_between_images",
    "unit_rows",
    "wasserstein_attention",
    "wasserstein_attention_weights",
    "wasserstein_uniformity_value",
]
