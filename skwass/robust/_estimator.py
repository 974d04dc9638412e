"""What classifier and regressor share: parameters, training, the members' outputs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn

from skwass.robust._members import (
    Group,
    Task,
    advance_members,
    mean_curves,
    member_outputs,
    train_members,
)
from skwass.robust._modules import (
    as_inputs,
    check_outputs,
    reading,
    reads_whole_numbers,
)
from skwass.robust._recipe import OPTIMIZERS, Recipe
from skwass.training import (
    NetworkParameters,
    Samples,
    draw_seed,
    has_batch_statistics,
    held_out_places,
    warn_of_rounding,
    with_gradients,
)


class SharpnessAwareEstimator(NetworkParameters):
    """Trains the members that the parameters ask for, and asks them.

    Parameters of the user's module are taken as ``module__name``, as in skorch.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "module": [None, nn.Module, callable],
        "hidden_layer_sizes": ["array-like"],
        "distribution": [StrOptions({"single", "ensemble", "bayesian"})],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "rho": [Interval(Real, 0, None, closed="left")],
        "n_particles": [Interval(Integral, 1, None, closed="left")],
        "n_ascent_steps": [Interval(Integral, 1, None, closed="left")],
        "noise": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "norm": [Options(Real, {1, 2, np.inf})],
        "adaptive": ["boolean"],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "lr": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "lr_schedule": [StrOptions({"constant", "cosine", "one-cycle"})],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "prior_scale": [Interval(Real, 0, None, closed="neither")],
        "kl_weight": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "n_prediction_samples": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    module: Any
    distribution: str
    early_stopping: bool
    validation_fraction: float
    n_prediction_samples: int
    warm_start: bool
    random_state: int | np.random.RandomState | None

    _groups: list[Group]
    _seed: int
    #: whether samples are words
    _whole: bool
    n_features_in_: int

    _network = "module"
    _layers = ("hidden_layer_sizes",)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        given = sorted(self._network_attributes())
        if self.module is None and given:
            raise ValueError(
                f"{', '.join(given)} must not be given without a module; the "
                "perceptron is described by hidden_layer_sizes."
            )

    # --- data -------------------------------------------------------------------------

    def _reading(self) -> dict[str, Any]:
        """How `validate_data` reads X."""
        if self.module is None:
            return {"dtype": np.float32}
        return {"dtype": [np.float32, np.int64], "allow_nd": True}

    def _inputs(self, X: Any) -> Tensor:
        """New samples as the networks want them."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, **self._reading())
        return as_inputs(X, self._whole)

    # --- training ---------------------------------------------------------------------

    def _learn(
        self, X: NDArray[Any], targets: Tensor, weights: NDArray[Any], task: Task
    ) -> None:
        """Train all members on checked data, and keep them."""
        random_state = check_random_state(self.random_state)
        recipe = Recipe.of(self, len(X))
        earlier = self._earlier(recipe)
        if earlier is None:
            self._remember_network()
        self._seeds = [draw_seed(random_state) for _ in range(recipe.n_members)]
        self._n_calls = 0
        samples = self._checked(X, targets, weights, task, recipe)
        held_out = None
        if self.early_stopping:
            samples, held_out = self._split(samples, random_state)
        self._seed = draw_seed(random_state)
        with with_gradients():
            groups = train_members(
                task, recipe, samples, held_out, self._seeds, earlier
            )
        self._keep(groups)
        n_trained = sum(group.n_members for group in groups)
        if n_trained < recipe.n_members or any(group.interrupted for group in groups):
            warnings.warn(
                f"Training was interrupted; there are {n_trained} of "
                f"{recipe.n_members} networks, as they are after {self.n_iter_} of "
                f"{recipe.max_iter} epochs.",
                UserWarning,
                stacklevel=4,
            )

    def _learn_on(
        self, X: NDArray[Any], targets: Tensor, weights: NDArray[Any], task: Task
    ) -> None:
        """One epoch more on checked data."""
        recipe = Recipe.of(self, len(X)).for_one_epoch()
        groups = getattr(self, "_groups", None)
        if groups is None:
            random_state = check_random_state(self.random_state)
            self._seeds = [draw_seed(random_state) for _ in range(recipe.n_members)]
            self._seed, self._n_calls = draw_seed(random_state), 0
            self._remember_network()
            samples = self._checked(X, targets, weights, task, recipe)
        else:
            self._check_same_network()
            _check_batches(groups[0].module, recipe, len(X))
            inputs = as_inputs(X, self._whole)
            samples = Samples(inputs, targets, torch.as_tensor(weights).float())
        with with_gradients():
            groups = advance_members(
                task, recipe, samples, self._seeds, groups, epoch=self._n_calls
            )
        self._keep(groups)
        self._n_calls += 1

    def _checked(
        self,
        X: NDArray[Any],
        targets: Tensor,
        weights: NDArray[Any],
        task: Task,
        recipe: Recipe,
    ) -> Samples:
        """Samples that the networks can be trained on; if not, an error."""
        samples = Samples(torch.as_tensor(X), targets, torch.as_tensor(weights).float())
        self._whole = False
        if task.module is None:
            warn_of_rounding(X)
        else:
            network = task.network(recipe, samples, self._seeds[:1])
            self._whole = reads_whole_numbers(network, X)
            samples = replace(samples, inputs=as_inputs(X, self._whole))
            network.to(recipe.device)
            check_outputs(network, samples.inputs, task.n_outputs, logits=task.logits)
            _check_batches(network, recipe, len(samples))
        return samples

    def _keep(self, groups: list[Group]) -> None:
        self._groups = groups
        self.nets_ = [group.net for group in groups]
        self.history_ = mean_curves(groups)
        self.n_iter_ = len(self.history_["loss"])

    def _earlier(self, recipe: Recipe) -> list[Group] | None:
        groups = getattr(self, "_groups", None)
        if not self.warm_start or groups is None:
            return None
        n_members = sum(group.n_members for group in groups)
        if n_members != recipe.n_members or self._was_bayesian != recipe.bayesian:
            raise ValueError(
                "warm_start=True goes on with the networks of the last fit, which had "
                "another distribution or n_members. Set warm_start=False to begin anew."
            )
        self._check_same_network()
        return groups

    def _split(
        self, samples: Samples, random_state: np.random.RandomState
    ) -> tuple[Samples, Samples]:
        """What is trained on, and what early stopping looks at."""
        numbers = samples.targets.is_floating_point()
        labels = None if numbers else samples.targets.numpy()
        first, second = held_out_places(
            len(samples), self.validation_fraction, labels, random_state
        )
        return samples.at(first), samples.at(second)

    # --- prediction -------------------------------------------------------------------

    def _outputs(self, inputs: Tensor) -> Iterator[Tensor]:
        """Of shape (n_members, n_samples, n_outputs), one for each draw of weights."""
        draws = self.n_prediction_samples if self._was_bayesian else None
        with reading(inputs):
            yield from member_outputs(self._groups, inputs, draws, self._seed)

    @property
    def _was_bayesian(self) -> bool:
        """Whether the networks are Bayesian, whatever the parameters are now."""
        return self._groups[0].bayesian


def _check_batches(network: nn.Module, recipe: Recipe, n_samples: int) -> None:
    if recipe.batch_size == 1 and has_batch_statistics(network):
        raise ValueError(
            "module has batch normalisation, which a batch of one sample has no "
            f"statistics for; got batch_size={recipe.batch_size} and {n_samples} "
            "samples."
        )
