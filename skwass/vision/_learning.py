"""Training behind the face of the classifier."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state, column_or_1d

from skwass.nn import StochasticViT
from skwass.training import (
    Samples,
    TorchStream,
    check_labels,
    check_that_classes_differ,
    check_views,
    draw_seed,
    held_out_places,
    places_of,
    with_class_weight,
    with_mean_one,
)
from skwass.vision._images import Images, read
from skwass.vision._labels import are_known
from skwass.vision._networks import (
    check_same_network,
    new_network,
    options_of,
    started_from,
)
from skwass.vision._predicting import StochasticPredictor
from skwass.vision._pretrainer import StochasticViTPretrainer
from skwass.vision._pretraining import curves_of as pretraining_curves_of
from skwass.vision._pretraining import pretrain, student_and_teacher
from skwass.vision._pretraining_recipe import (
    PretrainingRecipe,
    check_that_some_can_be_seen,
)
from skwass.vision._reading import check_finite, described, reader_of
from skwass.vision._recipe import Recipe
from skwass.vision._runs import (
    curves_of,
    objective_of,
    trained,
    views_of,
    was_interrupted,
)
from skwass.vision._scale import centre_of, warn_of_another_scale
from skwass.vision._scores import Reference
from skwass.vision._temperature import fitted_temperature


class StochasticLearner(StochasticPredictor):
    """Trains the network that the parameters ask for."""

    augmentation: Any
    class_weight: Any
    early_stopping: bool
    device: str
    n_pretraining_iter: int
    pretrained: Any
    temperature: Any
    validation_fraction: float
    verbose: int

    def _learn(self, X: Any, y: Any) -> None:
        """Everything that `fit` does after its parameters are checked."""
        goes_on = self.warm_start and hasattr(self, "net_")
        images, y = read(self, X, y)
        y = column_or_1d(y, warn=True)
        known = are_known(y)
        labels = y[known]
        check_labels(labels)
        classes = np.unique(labels)
        check_that_classes_differ(classes, self)
        if goes_on:
            self._check_that_goes_on(images)
            self._check_same_classes(classes)
        self._remember(images, stacklevel=4)
        self.classes_ = classes
        places = places_of(labels, classes)
        weights = self._weights(places)
        pixels = images.pixels if known.all() else images.pixels[torch.as_tensor(known)]
        samples = Samples(pixels, torch.as_tensor(places), weights)
        random_state = check_random_state(self.random_state)
        network = self._start(images, draw_seed(random_state), goes_on)
        if not goes_on:
            self.__dict__.pop("pretraining_history_", None)
            if self.n_pretraining_iter:
                self._pretrain(network, images, random_state)
        recipe = Recipe.of(self, len(samples), network.width)
        self._train(network, images, samples, recipe, random_state)

    def _start(self, images: Images, seed: int, goes_on: bool) -> StochasticViT:
        """The network that training begins with."""
        options = options_of(self, images.form, len(self.classes_))
        if goes_on:
            # what came from elsewhere need not be of the parameters here
            if self.pretrained is None:
                check_same_network(self.network_, options)
            return copy.deepcopy(self.network_)
        if self.pretrained is not None:
            network = started_from(self.pretrained, self, options, seed)
            warn_of_another_scale(
                images, network.pixel_mean, network.pixel_scale, stacklevel=5
            )
            return network
        # unlabelled samples have a say in it
        return new_network(options, *centre_of(images), seed)

    def _pretrain(
        self,
        network: StochasticViT,
        images: Images,
        random_state: np.random.RandomState,
    ) -> None:
        """Let the network see all images, labelled or not, before it sees labels."""
        check_that_some_can_be_seen(images.form, network.patch)
        usual = StochasticViTPretrainer(
            max_iter=self.n_pretraining_iter, device=self.device, verbose=self.verbose
        )
        recipe = PretrainingRecipe.of(
            usual, len(images.pixels), network.width, network.depth
        )
        tabular = images.form.tabular
        module = student_and_teacher(network, tabular, draw_seed(random_state))
        stream = TorchStream(draw_seed(random_state), recipe.device)
        net = pretrain(module, recipe, images, self.augmentation, stream, stacklevel=5)
        self.pretraining_history_ = pretraining_curves_of(net)

    def _train(
        self,
        network: StochasticViT,
        images: Images,
        samples: Samples,
        recipe: Recipe,
        random_state: np.random.RandomState,
    ) -> None:
        stream = TorchStream(draw_seed(random_state), recipe.device)
        views = views_of(self.augmentation, images)
        if views is not None:
            check_views(views, samples.inputs, stream)
        everything, held_out = samples, None
        if self.early_stopping or self.temperature == "auto":
            samples, held_out = self._split(samples, random_state)
        self._seed = draw_seed(random_state)
        net = trained(
            network, recipe, objective_of(recipe, views), samples, held_out, stream
        )
        history = curves_of(net)
        if not history["loss"]:
            raise KeyboardInterrupt  # stopped before there was anything to keep
        self.net_, self.history_ = net, history
        self.n_iter_ = len(history["loss"])
        self._look_back(images, everything, held_out, recipe.lr)
        if was_interrupted(net):
            warnings.warn(
                "Training was interrupted; the network is that after "
                f"{self.n_iter_} of {recipe.max_iter} epochs.",
                UserWarning,
                stacklevel=4,
            )

    def _look_back(
        self, images: Images, samples: Samples, held_out: Samples | None, lr: float
    ) -> None:
        """Ask the trained network of samples of the fit: how sure, and what it sees."""
        reader = reader_of(self.network_, images, self.net_.device)
        found = described(reader, images.like(samples.inputs))
        check_finite(found, lr)
        self.temperature_ = 1.0
        if not isinstance(self.temperature, str):
            self.temperature_ = float(self.temperature)
        elif held_out is not None:
            logits = described(reader, images.like(held_out.inputs)).logits.numpy()
            labels = held_out.targets.numpy()
            self.temperature_ = fitted_temperature(logits, labels)
        self._reference = Reference.of(found, samples.targets, self.temperature_)

    def _weights(self, places: NDArray[np.intp]) -> torch.Tensor:
        """How much samples count, by their class."""
        weights = np.ones(len(places))
        if self.class_weight is not None:
            weights = with_class_weight(
                weights, self.class_weight, self.classes_, places
            )
        return torch.as_tensor(with_mean_one(weights)).float()

    def _split(
        self, samples: Samples, random_state: np.random.RandomState
    ) -> tuple[Samples, Samples]:
        """What is trained on, and what early stopping and the temperature look at."""
        asked, instead = "early_stopping=True", "early_stopping=False"
        if not self.early_stopping:
            asked, instead = "temperature='auto'", "temperature=1.0"
        first, second = held_out_places(
            len(samples),
            self.validation_fraction,
            samples.targets.numpy(),
            random_state,
            asked=asked,
            instead=instead,
        )
        return samples.at(first), samples.at(second)

    def _check_same_classes(self, classes: NDArray[Any]) -> None:
        if not np.array_equal(classes, self.classes_):
            raise ValueError(
                "warm_start=True goes on with the network of the last fit, which knew "
                f"the classes {self.classes_}; got {classes}. Set warm_start=False to "
                "begin anew."
            )
