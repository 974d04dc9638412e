"""A look at the projections after each epoch, to see whether they have collapsed."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from skwass.metrics import effective_rank, uniformity_floor
from skwass.nn import AlignmentLoss, unit_rows, wasserstein_uniformity_value
from skwass.selfsupervised._recipe import Recipe

#: name in `history_`, in the order of looking
CURVES = ("alignment", "uniformity", "uniformity_floor", "effective_rank")

_ROWS = 1024
#: share of the way from the floor to a single point
_COLLAPSED = 0.85
_LEAST_RANK = 2.0
_LEAST_SHARE = 0.25


class CollapseMonitor(Callback):
    """Records what the projections of the last batches of each epoch look like.

    Nothing is computed anew: these are the projections that training made, up to 1,024
    samples.
    """

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget the epoch before."""
        self.seen_: list[Any] = []

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        """Keep projections of this batch, and no more of the oldest than is needed."""
        if training:
            self.seen_.append(net.projections_)
            while sum(len(first) for first, _ in self.seen_[1:]) >= _ROWS:
                self.seen_.pop(0)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the figures."""
        # dead projections, rows of zeros, stay as they are: no rank, and a warning
        first, second = (
            unit_rows(torch.cat(views)[-_ROWS:].cpu())
            for views in zip(*self.seen_, strict=True)
        )
        found = {
            "alignment": AlignmentLoss()(first, second).item(),
            "uniformity": wasserstein_uniformity_value(first).item(),
            "uniformity_floor": float(uniformity_floor(*first.shape)),
            "effective_rank": float(effective_rank(first.numpy(), normalize=False)),
        }
        for name, value in found.items():
            net.history.record(name, value)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Projections need not be kept in a fitted net."""
        self.seen_ = []
        net.projections_ = None


def warn_if_collapsed(
    last: dict[str, float], n_projected: int, recipe: Recipe, stacklevel: int
) -> None:
    """Warn if the last epoch of a fit ended with collapsed projections."""
    distance, floor = last["uniformity"], last["uniformity_floor"]
    # what is left of the way cannot be told apart where the floor is near the ceiling
    excess = (distance - floor) / max(math.sqrt(2) - floor, 1e-3)
    rank = last["effective_rank"]
    if excess < _COLLAPSED and rank >= min(_LEAST_RANK, _LEAST_SHARE * n_projected):
        return
    if recipe.uniformity is None:
        advice = "Set uniformity='wasserstein'"
    else:
        advice = f"Raise uniformity_weight (now {recipe.uniformity_weight:g})"
    warnings.warn(
        f"Training with method={recipe.method!r} ended with collapsed projections: "
        f"they are {distance:.3g} from uniform, where {math.sqrt(2):.3g} is a single "
        f"point and {floor:.3g} the least for so many samples, and their effective "
        f"rank is {rank:.3g} of {n_projected}. {advice}, lower lr (now "
        f"{recipe.lr:g}), or make the augmentation stronger, so that samples have to "
        "be told apart.",
        ConvergenceWarning,
        stacklevel=stacklevel,
    )
