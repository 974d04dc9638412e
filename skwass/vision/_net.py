"""The skorch net that a classifier is trained by."""

from __future__ import annotations

from typing import Any

import torch
from skorch import NeuralNet

from skwass.training import TorchStream
from skwass.vision._networks import Averaged, in_training
from skwass.vision._objective import Objective


class StochasticViTNet(NeuralNet):
    """A skorch net whose loss looks at images before and after their augmentation.

    Its criterion is that of held-out samples.

    Parameters
    ----------
    *args, **kwargs
        As of `skorch.NeuralNet`; the module is a `StochasticViT`, which may be
        `Averaged`.
    stream : TorchStream
        Where augmentations and random modules draw from.
    objective : Objective or None
        The loss of a batch, which only training needs.
    max_grad_norm : float or None
        Longer gradients are shortened.
    """

    def __init__(
        self,
        *args: Any,
        stream: TorchStream,
        objective: Objective | None,
        max_grad_norm: float | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.stream = stream
        self.objective = objective
        self.max_grad_norm = max_grad_norm

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Move to where the loss of a batch is smaller."""
        assert self.objective is not None
        self._set_training(True)
        images, targets = batch
        images = images.to(self.device)
        labels, weights = (part.to(self.device) for part in targets)
        network = in_training(self.module_)
        self.optimizer_.zero_grad()
        with self.stream.drawn_from():
            loss = self.objective(network, images, labels, weights)
            loss.backward()
        if self.max_grad_norm is not None:
            groups = self.optimizer_.param_groups
            moved = [parameter for group in groups for parameter in group["params"]]
            torch.nn.utils.clip_grad_norm_(moved, self.max_grad_norm)
        self.optimizer_.step()
        if isinstance(self.module_, Averaged):
            self.module_.after_step()
        return {"loss": loss.detach(), "y_pred": None}
