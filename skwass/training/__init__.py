"""What every estimator that trains a torch model shares."""

from skwass.training._callbacks import ProgressBar, StopWhenNotFinite
from skwass.training._checkpoint import Checkpoint
from skwass.training._identity import digest_of, fit_identity
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

__all__ = [
    "Checkpoint",
    "LayerUniformity",
    "NetworkParameters",
    "OneCycle",
    "ProgressBar",
    "SaveEpochs",
    "StopWhenNotFinite",
    "TorchStream",
    "UniformityMonitor",
    "digest_of",
    "draw_seed",
    "fit_identity",
    "go_on",
    "has_batch_statistics",
    "keep_fitted_state",
    "layer_uniformity",
    "local_torch_seed",
    "made_module",
    "stripped",
    "training_state",
]
