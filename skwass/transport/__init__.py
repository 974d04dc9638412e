"""Distances between measures. The only folder that imports POT."""

from skwass.transport._exact import all_diracs
from skwass.transport._ground import ground_metric
from skwass.transport._linear import (
    Reference,
    displacements,
    fit_reference,
    moved_points,
)
from skwass.transport._losses import TransportLoss
from skwass.transport._pairwise import (
    sampled_wasserstein_distances,
    wasserstein_distances,
)
from skwass.transport._sliced import (
    random_directions,
    sliced_features,
    squared_max_sliced,
)

__all__ = [
    "Reference",
    "TransportLoss",
    "all_diracs",
    "displacements",
    "fit_reference",
    "ground_metric",
    "moved_points",
    "random_directions",
    "sampled_wasserstein_distances",
    "sliced_features",
    "squared_max_sliced",
    "wasserstein_distances",
]
