"""skorch callbacks: a progress bar, and reasons to stop that lie in the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from skorch.callbacks import Callback, EarlyStopping
from tqdm.auto import tqdm


class ProgressBar(Callback):
    """One bar over all epochs, with the losses beside it.

    Parameters
    ----------
    description : str
        What stands before the bar.
    shown : mapping of str to str, default=None
        Label and name in the history of more that stands beside the losses.
    """

    def __init__(
        self, description: str, shown: Mapping[str, str] | None = None
    ) -> None:
        self.description = description
        self.shown = {"loss": "train_loss", "held out": "valid_loss", **(shown or {})}

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Open the bar."""
        self.bar_ = tqdm(total=net.max_epochs, desc=self.description, unit="epoch")

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Move it on by one epoch."""
        last = net.history[-1]
        losses = {
            name: f"{last[key]:.3g}" for name, key in self.shown.items() if key in last
        }
        self.bar_.set_postfix(losses, refresh=False)
        self.bar_.update()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Close it; an open bar cannot be pickled."""
        self.bar_.close()
        del self.bar_


class StopWhenNotFinite(Callback):
    """Stop at the first loss that is NaN or infinite, and say what to change.

    Parameters
    ----------
    advice : str
        What the user can do, naming the parameters.
    """

    def __init__(self, advice: str) -> None:
        self.advice = advice

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Look at the loss of the batch."""
        loss = net.history[-1, "batches", -1].get("train_loss")
        if training and loss is not None and not math.isfinite(loss):
            raise FloatingPointError(
                f"The training loss became {loss} in epoch {len(net.history)}. "
                f"{self.advice}"
            )


class StopWhenNotFalling(EarlyStopping):
    """skorch's early stopping, for losses that may be negative.

    skorch would take some rise of a negative loss for a fall, as likelihoods have it.
    """

    def _calc_new_threshold(self, score: float) -> float:
        return float(score - self.threshold * abs(score))
