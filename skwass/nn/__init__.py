"""Pure torch modules and losses: usable in any training loop."""

from skwass.nn._autoencoder import ResidualMap, WormholeAutoencoder
from skwass.nn._device import checked_device
from skwass.nn._stress import StressLoss, group_distances

__all__ = [
    "ResidualMap",
    "StressLoss",
    "WormholeAutoencoder",
    "checked_device",
    "group_distances",
]
