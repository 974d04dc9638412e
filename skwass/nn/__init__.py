"""Pure torch modules and losses: usable in any training loop."""

from skwass.nn._autoencoder import ResidualMap, WormholeAutoencoder
from skwass.nn._device import checked_device
from skwass.nn._imitation import ImitationLoss, Student
from skwass.nn._moved_reference import MovedReference
from skwass.nn._point_transformer import TransformerEncoder
from skwass.nn._set_encoder import QuantileEncoder, SetEncoder
from skwass.nn._stress import StressLoss, group_distances

__all__ = [
    "ImitationLoss",
    "MovedReference",
    "QuantileEncoder",
    "ResidualMap",
    "SetEncoder",
    "StressLoss",
    "Student",
    "TransformerEncoder",
    "WormholeAutoencoder",
    "checked_device",
    "group_distances",
]
