"""The skorch net by which members are trained: several gradients a step."""

from __future__ import annotations

import copy
from typing import Any

from skorch import NeuralNet
from skorch.dataset import unpack_data
from torch import Tensor

from skwass.nn import kl_divergence
from skwass.training import TorchStream


class SharpnessAwareNet(NeuralNet):
    """A skorch net whose optimiser looks at a batch more than once.

    Callbacks see one gradient a step, that of the descent.

    Parameters
    ----------
    *args, **kwargs
        As of `skorch.NeuralNet`; `optimizer` makes an `OTMDR`.
    stream : TorchStream
        Where random modules draw from.
    n_members : int, default=1
        Networks side by side, whose losses are added up, so that each learns as if
        alone.
    kl_share : float, default=0.0
        Weight of the Kullback–Leibler divergence of Bayesian layers from their prior,
        which is part of the loss but not of the ascent.
    """

    def __init__(
        self,
        *args: Any,
        stream: TorchStream,
        n_members: int = 1,
        kl_share: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.stream = stream
        self.n_members = n_members
        self.kl_share = kl_share

    def __deepcopy__(self, memo: dict[int, Any]) -> SharpnessAwareNet:
        # skorch's own copy is a pickle, which local classes and weight norm refuse
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return copied

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Let the loss of an epoch be a mean over samples, not over batches.

        skorch takes the length of the first axis, which may be that of members.
        """
        super().on_batch_end(net, batch=batch, training=training, **kwargs)
        if training:
            _, (_, weights) = batch
            self.history.record_batch("train_batch_size", weights.shape[-1])

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Move to where the loss around the parameters falls."""
        self._set_training(True)
        inputs, target = unpack_data(batch)

        def closure() -> Tensor:
            self.optimizer_.zero_grad()
            outputs = self.infer(inputs, **fit_params)
            loss: Tensor = self.get_loss(outputs, target, X=inputs, training=True)
            (self.n_members * loss).backward()
            return loss.detach()

        with self.stream.drawn_from():
            loss = self.optimizer_.gather(closure)
        if self.kl_share:
            penalty = self.kl_share * kl_divergence(self.module_)
            if penalty.requires_grad:  # not if all Bayesian layers are frozen
                penalty.backward()
            loss = loss + penalty.detach()
        self.notify(
            "on_grad_computed",
            named_parameters=[*self.module_.named_parameters()],
            batch=batch,
        )
        self.optimizer_.step()
        return {"loss": loss, "y_pred": None}
