"""What every estimator that trains a torch model shares."""

from skwass.training._callbacks import ProgressBar, StopWhenNotFinite
from skwass.training._randomness import draw_seed, local_torch_seed
from skwass.training._state import keep_fitted_state

__all__ = [
    "ProgressBar",
    "StopWhenNotFinite",
    "draw_seed",
    "keep_fitted_state",
    "local_torch_seed",
]
