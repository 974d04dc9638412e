"""What every estimator that trains a torch model shares."""

from skwass.training._batches import Batches, HeldOut, Samples
from skwass.training._callbacks import (
    ProgressBar,
    StopWhenNotFalling,
    StopWhenNotFinite,
)
from skwass.training._checkpoint import Checkpoint
from skwass.training._gradients import with_gradients
from skwass.training._held_out import held_out_places
from skwass.training._identity import digest_of, fit_identity
from skwass.training._labels import (
    check_labels,
    check_that_classes_differ,
    places_of,
)
from skwass.training._modules import has_batch_statistics, made_module
from skwass.training._network_parameters import NetworkParameters
from skwass.training._randomness import draw_seed, local_torch_seed
from skwass.training._resume import (
    OneCycle,
    SaveEpochs,
    go_on,
    stripped,
    training_state,
)
from skwass.training._state import keep_fitted_state
from skwass.training._stream import TorchStream
from skwass.training._uniformity_monitor import (
    LayerUniformity,
    UniformityMonitor,
    layer_uniformity,
)
from skwass.training._views import Views, check_views
from skwass.training._warm_up import WarmUp
from skwass.training._weights import (
    centre_and_scale,
    checked_weights,
    warn_of_rounding,
    with_class_weight,
    with_mean_one,
)

__all__ = [
    "Batches",
    "Checkpoint",
    "HeldOut",
    "LayerUniformity",
    "NetworkParameters",
    "OneCycle",
    "ProgressBar",
    "Samples",
    "SaveEpochs",
    "StopWhenNotFalling",
    "StopWhenNotFinite",
    "TorchStream",
    "UniformityMonitor",
    "Views",
    "WarmUp",
    "centre_and_scale",
    "check_labels",
    "check_that_classes_differ",
    "check_views",
    "checked_weights",
    "digest_of",
    "draw_seed",
    "fit_identity",
    "go_on",
    "has_batch_statistics",
    "held_out_places",
    "keep_fitted_state",
    "layer_uniformity",
    "local_torch_seed",
    "made_module",
    "places_of",
    "stripped",
    "training_state",
    "warn_of_rounding",
    "with_class_weight",
    "with_gradients",
    "with_mean_one",
]
