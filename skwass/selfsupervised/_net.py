"""The skorch net that is trained on two views of each batch."""

from __future__ import annotations

from typing import Any

from skorch import NeuralNet
from torch import Tensor

from skwass.nn import Siamese
from skwass.training import TorchStream, Views


class SelfSupervisedNet(NeuralNet):
    """A skorch net without targets, whose criterion looks at projections.

    Parameters
    ----------
    *args, **kwargs
        As of `skorch.NeuralNet`; the module is a `Siamese`, the criterion a function
        of projections that is added to the loss of both views, or None.
    stream : TorchStream
        Where views and random modules draw from.
    views : Views
        Gives a random view of each sample.
    weight : float
        Of the criterion.
    n_steps : int or None
        Steps in which that weight goes down to zero; None keeps it.

    Attributes
    ----------
    projections_ : tuple of two Tensor
        Of both views of the last batch, without gradient.
    """

    module_: Siamese

    def __init__(
        self,
        *args: Any,
        stream: TorchStream,
        views: Views,
        weight: float,
        n_steps: int | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.stream = stream
        self.views = views
        self.weight = weight
        self.n_steps = n_steps
        self.step_count = 0

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compare two views, and move to where they compare better."""
        self._set_training(True)
        rows = batch.to(self.device)
        self.optimizer_.zero_grad()
        with self.stream.drawn_from():
            first, second = self.views(rows), self.views(rows)
            loss, z1, z2 = self.module_.compare(first, second)
            loss = loss + self._penalty(z1, z2)
            loss.backward()
        self.projections_ = z1.detach(), z2.detach()
        self.notify(
            "on_grad_computed",
            named_parameters=[*self.module_.named_parameters()],
            batch=batch,
        )
        self.optimizer_.step()
        self.module_.after_step()
        self.step_count += 1
        return {"loss": loss.detach(), "y_pred": None}

    def _penalty(self, z1: Tensor, z2: Tensor) -> Tensor | float:
        weight = self.weight
        if self.n_steps is not None:
            weight *= max(0.0, 1 - self.step_count / self.n_steps)
        if not weight:
            return 0.0
        penalty: Tensor = (self.criterion_(z1) + self.criterion_(z2)) / 2
        return weight * penalty
