"""Distances between measures. The only folder that imports POT."""

from skwass.transport._barycenter import quantised, wasserstein_barycenter
from skwass.transport._entropic import default_reg
from skwass.transport._exact import all_diracs
from skwass.transport._extent import centre_and_spread, pooled
from skwass.transport._kinds import Kinds, fit_kinds, kind_distances
from skwass.transport._linear import (
    Reference,
    displacements,
    fit_reference,
    moved_points,
    reference_size,
)
from skwass.transport._losses import TransportLoss
from skwass.transport._pairwise import (
    paired_wasserstein_distances,
    sampled_wasserstein_distances,
    wasserstein_distances,
)
from skwass.transport._profiles import distance_spectra, profile_clouds
from skwass.transport._registry import method_for
from skwass.transport._sliced import (
    random_directions,
    sliced_features,
    squared_max_sliced,
)

__all__ = [
    "Kinds",
    "Reference",
    "TransportLoss",
    "all_diracs",
    "centre_and_spread",
    "default_reg",
    "displacements",
    "distance_spectra",
    "fit_kinds",
    "fit_reference",
    "kind_distances",
    "method_for",
    "moved_points",
    "paired_wasserstein_distances",
    "pooled",
    "profile_clouds",
    "quantised",
    "random_directions",
    "reference_size",
    "sampled_wasserstein_distances",
    "sliced_features",
    "squared_max_sliced",
    "wasserstein_barycenter",
    "wasserstein_distances",
]
