"""The skorch net that a network is pre-trained by, and a look at what it predicts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from sklearn.exceptions import ConvergenceWarning
from skorch import NeuralNet
from skorch.callbacks import Callback

from skwass.nn import MaskedComparison, MaskedPrediction
from skwass.training import TorchStream, Views

#: name in `history_` and in a comparison
CURVES = {
    "prediction": "prediction",
    "pooled_prediction": "pooled_prediction",
    "distance": "distance",
    "target_spread": "spread",
}
#: less than that, or that share of what it was at first, is a collapse
_LEAST_SPREAD, _LEAST_SHARE = 0.01, 0.1


class MaskedNet(NeuralNet):
    """A skorch net without targets: its module has a teacher that gives them.

    Parameters
    ----------
    *args, **kwargs
        As of `skorch.NeuralNet`; the module is a `MaskedPrediction`.
    stream : TorchStream
        Where masks, augmentations and random modules draw from.
    views : Views or None
        The augmentation, which student and teacher see alike.
    momentum_at : callable
        From the number of a step to the momentum of the teacher.
    max_grad_norm : float or None
        Longer gradients are shortened.

    Attributes
    ----------
    compared_ : MaskedComparison
        Of the last batch.
    """

    module_: MaskedPrediction

    def __init__(
        self,
        *args: Any,
        stream: TorchStream,
        views: Views | None,
        momentum_at: Callable[[int], float],
        max_grad_norm: float | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.stream = stream
        self.views = views
        self.momentum_at = momentum_at
        self.max_grad_norm = max_grad_norm
        self.step_count = 0

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Move to where the student predicts better, and let the teacher follow."""
        self._set_training(True)
        images = batch[0].to(self.device)
        self.optimizer_.zero_grad()
        with self.stream.drawn_from():
            if self.views is not None:
                images = self.views(images)
            compared = self.module_.compare(images)
            compared.loss.backward()
        if self.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(
                self.module_.parameters(), self.max_grad_norm
            )
        self.optimizer_.step()
        self.module_.teacher.momentum = self.momentum_at(self.step_count)
        self.module_.after_step()
        self.step_count += 1
        loss = compared.loss.detach()
        self.compared_: MaskedComparison | None = compared._replace(loss=loss)
        return {"loss": loss, "y_pred": None}


class TargetMonitor(Callback):
    """Records what losses of an epoch are made of, and how much targets differ."""

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget the epoch before."""
        self.seen_: list[MaskedComparison] = []

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        """Keep the figures of a batch."""
        if training:
            self.seen_.append(net.compared_)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record their means."""
        for name, part in CURVES.items():
            values = torch.stack([getattr(each, part) for each in self.seen_])
            net.history.record(name, values.mean().item())

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Figures of batches need not be kept in a fitted net."""
        self.seen_ = []
        net.compared_ = None


def warn_if_collapsed(
    history: dict[str, list[float]], lr: float, stacklevel: int
) -> None:
    """Warn if the teacher says much the same of all images at the end."""
    first, last = (history["target_spread"][at] for at in (0, -1))
    if last >= max(_LEAST_SPREAD, _LEAST_SHARE * first):
        return
    warnings.warn(
        "Pre-training has collapsed: the teacher says nearly the same of all images. "
        f"The variance between them is {last:.2g} of the mean square of what is to be "
        f"predicted; in the first epoch it was {first:.2g}. Lower lr (now {lr:g}), "
        "raise momentum or pooled_weight, or look at whether samples differ.",
        ConvergenceWarning,
        stacklevel=stacklevel,
    )
