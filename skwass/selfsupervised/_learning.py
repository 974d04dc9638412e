"""Training behind the face of the embedder, and what it says of samples."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn

from skwass.nn import Perceptron, Siamese
from skwass.selfsupervised._batches import Batches
from skwass.selfsupervised._monitor import warn_if_collapsed
from skwass.selfsupervised._net import SelfSupervisedNet
from skwass.selfsupervised._networks import siamese_of
from skwass.selfsupervised._recipe import Recipe
from skwass.selfsupervised._runs import curves_of, is_finished, net_of
from skwass.selfsupervised._views import views_of
from skwass.training import (
    NetworkParameters,
    TorchStream,
    Views,
    check_views,
    draw_seed,
    stripped,
)

_ROWS_AT_ONCE = 1024


class RepresentationLearner(NetworkParameters):
    """Trains the network that the parameters ask for.

    Parameters of the user's encoder are taken as ``encoder__name``, as in skorch.
    """

    encoder: Any
    augmentation: Any
    method: str
    warm_start: bool
    random_state: int | np.random.RandomState | None

    net_: SelfSupervisedNet

    _network = "encoder"
    _layers = (
        "n_components",
        "hidden_layer_sizes",
        "projector_sizes",
        "predictor_sizes",
    )

    # --- data -------------------------------------------------------------------------

    def _read(self, X: Any, *, reset: bool, learning: bool) -> Tensor:
        """Samples as the network wants them."""
        if isinstance(X, Tensor):
            X = X.detach().cpu().float()  # NumPy has no bfloat16
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype=np.float32,
            allow_nd=True,
            ensure_min_samples=2 if learning else 1,
        )
        if self.encoder is None and X.ndim not in (2, 4):
            raise ValueError(
                "X must be a table, or images of shape (n_samples, n_channels, height, "
                f"width), unless there is an encoder; got shape {X.shape}. Images of "
                "one channel need an axis for it: X[:, None]."
            )
        if reset:
            self._sample_shape = X.shape[1:]
        elif X.shape[1:] != self._sample_shape:
            raise ValueError(
                f"X has samples of shape {X.shape[1:]}; those of the fit had "
                f"{self._sample_shape}."
            )
        # torch could not promise to leave it alone
        return torch.as_tensor(X if X.flags.writeable else X.copy())

    # --- training ---------------------------------------------------------------------

    def _learn(self, inputs: Tensor) -> None:
        """Train on checked data."""
        recipe = Recipe.of(self, len(inputs))
        views = views_of(self.augmentation, inputs, recipe.device)
        module = self._earlier(recipe) if self._goes_on else None
        net, batches = self._begin(inputs, recipe, views, module)
        net.partial_fit(batches, y=None)
        self._keep(stripped(net), n_epochs=batches.epoch, alive=False)
        self._warn(recipe)

    def _learn_on(self, inputs: Tensor) -> None:
        """One epoch more on checked data."""
        recipe = Recipe.of(self, len(inputs)).for_one_epoch()
        epoch = 0
        if not hasattr(self, "net_"):
            views = views_of(self.augmentation, inputs, recipe.device)
            net, batches = self._begin(inputs, recipe, views)
        else:
            epoch, module = self._n_epochs, self._earlier(recipe)
            if self._is_alive:
                net = copy.deepcopy(self.net_)  # a failure must leave the old one
                batches = _batches(inputs, recipe, module, self._order_seed)
            else:
                net, batches = self._begin(inputs, recipe, self.net_.views, module)
        batches.epoch = epoch
        net.partial_fit(batches, y=None)
        if not is_finished(net):
            raise KeyboardInterrupt  # skorch keeps it to itself; half an epoch is lost
        for row in net.history:
            row["batches"].clear()
        self._keep(net, n_epochs=batches.epoch, alive=True)

    def _begin(
        self,
        inputs: Tensor,
        recipe: Recipe,
        views: Views,
        module: Siamese | None = None,
    ) -> tuple[SelfSupervisedNet, Batches]:
        """A net that is ready, around a new network if there is none yet."""
        random_state = check_random_state(self.random_state)
        stream = TorchStream(draw_seed(random_state), recipe.device)
        check_views(views, inputs, stream)
        seed, self._order_seed = draw_seed(random_state), draw_seed(random_state)
        if module is None:
            module = siamese_of(
                recipe, inputs, self.encoder, self._network_parameters(), seed
            )
            self._remember_network()
        batches = _batches(inputs, recipe, module, self._order_seed)
        return net_of(module, recipe, batches, views, stream), batches

    @property
    def encoder_(self) -> nn.Module:
        """The trained encoder, a part of `net_`."""
        check_is_fitted(self)
        return self.net_.module_.encoder

    @property
    def _goes_on(self) -> bool:
        """Whether `fit` begins with the network of the fit before."""
        return self.warm_start and hasattr(self, "net_")

    def _earlier(self, recipe: Recipe) -> Siamese:
        module = self.net_.module_
        if type(module) is not recipe.known.siamese:
            raise ValueError(
                "Training goes on with the network of the last fit, which had another "
                f"method than {self.method!r}. Set warm_start=False and call fit to "
                "begin anew."
            )
        self._check_same_network()
        return copy.deepcopy(module)

    def _keep(self, net: SelfSupervisedNet, *, n_epochs: int, alive: bool) -> None:
        history = curves_of(net)
        if not history["loss"]:
            raise KeyboardInterrupt  # stopped before there was anything to keep
        self.net_ = net
        self.history_ = history
        self.n_iter_ = len(history["loss"])
        self._n_epochs, self._is_alive = n_epochs, alive

    def _warn(self, recipe: Recipe) -> None:
        """Of what the user should know about a fit that is over."""
        if self.n_iter_ < recipe.max_iter:
            warnings.warn(
                "Training was interrupted; the network is that of the epochs so far.",
                UserWarning,
                stacklevel=4,
            )
        last = {name: curve[-1] for name, curve in self.history_.items()}
        width = self.net_.module_.n_projected
        warn_if_collapsed(last, width, recipe, stacklevel=5)

    # --- representations --------------------------------------------------------------

    @torch.no_grad()
    def _represent(self, inputs: Tensor) -> NDArray[np.float32]:
        """What the encoder says of samples, each by itself."""
        encoder, device = self.encoder_.eval(), torch.device(self.net_.device)
        exact = isinstance(encoder, Perceptron) and device.type != "mps"
        if exact:
            # what is said of a sample then does not depend on how many others there are
            encoder = copy.deepcopy(encoder).double()
        dtype = torch.float64 if exact else torch.float32
        parts = [
            # a copy, since encoders may work in place
            encoder(rows.to(device, dtype, copy=True)).cpu()
            for rows in inputs.split(_ROWS_AT_ONCE)
        ]
        found: NDArray[np.float32] = torch.cat(parts).float().numpy()
        return found


def _batches(inputs: Tensor, recipe: Recipe, module: Siamese, seed: int) -> Batches:
    least = module.n_projected if recipe.method == "zero-cl" else 2
    return Batches(inputs, recipe.batch_size, least, seed)
