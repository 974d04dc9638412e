"""The methods that are compared in `stochastic_vit.py`, and how each is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from _otmdr_methods import NOISE, mean_over_masks
from _problems import Scope
from _vit_data import Task
from numpy.typing import NDArray
from torch import Tensor, nn

from skwass import OTMDRClassifier
from skwass.nn import ImageAugmentation, StochasticViT, matched_twin
from skwass.vision import StochasticViTClassifier
from skwass.vision._recipe import automatic_batch_size, automatic_lr

Array = NDArray[np.float64]
#: scores of `StochasticViTClassifier.ood_score`
SCORES = {
    "max-probability": "maximum probability",
    "energy": "energy",
    "wasserstein": "Wasserstein",
    "token-variance": "token variance",
    "combined": "combined",
}
N_MEMBERS = 3
DROPOUT = 0.1
RHO = 0.05
N_MASKS = 10


@dataclass(frozen=True)
class Ground:
    """How the methods are trained on one kind of images.

    Attributes
    ----------
    title : str
        What the images are called.
    read : callable
        Takes a scope to a task.
    settings : mapping
        Of every `StochasticViTClassifier`, where they are not its defaults.
    padding : float
        Longest shift by the augmentation that the classifier chooses here, for others
        that have none of their own; a share of the side.
    flip : float
        Share of mirror images in the same.
    files : sequence of str
        What must lie in the folder of data.
    words : str
        What is learnt from, what is unknown.
    """

    title: str
    read: Callable[[Scope], Task]
    settings: Mapping[str, Any]
    words: str
    padding: float = 0.0
    flip: float = 0.0
    files: Sequence[str] = ()

    def classifier(self, scope: Scope, **changes: Any) -> StochasticViTClassifier:
        """One that is not fitted."""
        settings = {**self.settings, **changes}
        settings["max_iter"] = scope.less(settings["max_iter"], 1)
        return StochasticViTClassifier(
            **settings, device=scope.device, random_state=scope.seed
        )

    def network(self, task: Task, seed: int = 0, **changes: Any) -> StochasticViT:
        """The network of such a classifier, with weights by another seed."""
        options = self.architecture() | changes
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return StochasticViT(task.n_classes, task.shape, **options)

    def architecture(self) -> dict[str, Any]:
        """What networks are made by."""
        return {name: self.settings[name] for name in ("patch_size", "width", "depth")}

    def matched(self, task: Task, **changes: Any) -> dict[str, Any]:
        """Options of a deterministic twin with about as many parameters."""
        with torch.random.fork_rng():
            twin = matched_twin(self.network(task, **changes))
        names = ("attention", "width", "depth", "mlp_ratio")
        return {name: twin.options[name] for name in names}


@dataclass(frozen=True)
class Trained:
    """What a method has learnt.

    Attributes
    ----------
    predict_proba : callable
        Takes images to probabilities.
    networks : sequence of Module
        What it predicts by.
    scores : mapping of str to callable
        Each takes images to how far out of distribution they are, if the method says
        more of that than its probabilities do.
    """

    predict_proba: Callable[[Any], Array]
    networks: Sequence[nn.Module]
    scores: Mapping[str, Callable[[Any], Array]] = field(default_factory=dict)

    @classmethod
    def of(cls, classifier: StochasticViTClassifier) -> Trained:
        """A fitted classifier, with all scores that it has."""
        known = [
            name
            for name in SCORES
            if name != "token-variance" or classifier.attention == "wasserstein"
        ]
        scores = {name: partial(classifier.ood_score, method=name) for name in known}
        return cls(classifier.predict_proba, [classifier.network_], scores)

    def all_scores(self) -> dict[str, Callable[[Any], Array]]:
        """Those it has, or else that of its probabilities."""
        return dict(self.scores) or {"max-probability": self._least_sure}

    def n_parameters(self) -> int:
        return sum(p.numel() for network in self.networks for p in network.parameters())

    def _least_sure(self, X: Any) -> Array:
        return -self.predict_proba(X).max(axis=1)


Train = Callable[[Ground, Task, Scope], Trained]


@dataclass(frozen=True)
class Method:
    """One line of a table: what it is called, and how it is trained."""

    title: str
    train: Train


def fitted(ground: Ground, task: Task, scope: Scope, **changes: Any) -> Trained:
    """A classifier that has learnt the task."""
    classifier = ground.classifier(scope, **changes)
    return Trained.of(classifier.fit(task.problem.X_train, task.problem.y_train))


def _with(**changes: Any) -> Train:
    return partial(fitted, **changes)


def _matched(ground: Ground, task: Task, scope: Scope, **changes: Any) -> Trained:
    return fitted(ground, task, scope, **ground.matched(task), **changes)


def _dropout(ground: Ground, task: Task, scope: Scope) -> Trained:
    """Monte-Carlo dropout: what blocks add is left out in prediction, too."""
    (network,) = _matched(ground, task, scope, dropout=DROPOUT).networks
    n_masks = scope.less(N_MASKS, 2)
    proba = partial(mean_over_masks, network, seed=scope.seed, n_masks=n_masks)
    return Trained(proba, [network])


def _ensemble(ground: Ground, task: Task, scope: Scope) -> Trained:
    """Twins from other starts, and with another order of samples."""
    seeds = [1000 * (member + 1) + scope.seed for member in range(N_MEMBERS)]
    members = [_matched(ground, task, replace(scope, seed=seed)) for seed in seeds]

    def mean(X: Any) -> Array:
        return np.mean([member.predict_proba(X) for member in members], axis=0)

    return Trained(mean, [member.networks[0] for member in members])


def _robust(ground: Ground, task: Task, scope: Scope) -> Trained:
    """Training by worst cases, in as many epochs: of twice as many gradients."""
    return by_worst_cases(ground, task, scope, Augmented, rho=RHO, noise=NOISE)


def by_worst_cases(
    ground: Ground,
    task: Task,
    scope: Scope,
    network: Callable[..., StochasticViT],
    **changes: Any,
) -> Trained:
    """`OTMDRClassifier` of a network, with the rates of the other classifier."""
    classifier = ground.classifier(scope)
    images, settings = torch.as_tensor(task.problem.X_train), ground.settings
    batch_size = settings.get("batch_size", automatic_batch_size(len(images)))
    scale, mean = torch.std_mean(images, dim=(0, 2, 3), correction=0)
    module = partial(
        network,
        padding=ground.padding,
        flip=ground.flip,
        image_shape=task.shape,
        mean=mean,
        scale=scale,
        **ground.architecture(),
    )
    robust = OTMDRClassifier(
        module,
        **{
            "optimizer": "adamw",
            "lr": automatic_lr(settings["width"]),
            "weight_decay": classifier.weight_decay,
            "batch_size": batch_size,
            "max_iter": classifier.max_iter,
            "device": scope.device,
            "random_state": scope.seed,
            **changes,
        },
    )
    robust.fit(task.problem.X_train, task.problem.y_train)
    (net,) = robust.nets_
    return Trained(robust.predict_proba, [net.module_])


class Augmented(StochasticViT):
    """A network that shifts and mirrors images itself while it is trained.

    It draws from torch's global generator, which the passes of one step see alike.
    """

    def __init__(
        self,
        n_outputs: int,
        image_shape: tuple[int, int, int],
        *,
        padding: float = 0.0,
        flip: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(n_outputs, image_shape, **options)
        self.augmentation = ImageAugmentation(padding=padding, flip=flip)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(self.augmentation(images) if self.training else images)


METHODS: dict[str, Method] = {
    "stochastic": Method("stochastic", _with()),
    "probit": Method('stochastic, ``head="probit"``', _with(head="probit")),
    "patch": Method(
        'stochastic, ``variance_embedding="patch"``',
        _with(variance_embedding="patch"),
    ),
    "stochastic-temperature": Method(
        "stochastic, temperature scaled", _with(temperature="auto")
    ),
    "twin": Method("twin of equal width", _with(attention="dot")),
    "matched": Method("matched twin", _matched),
    "matched-temperature": Method(
        "matched twin, temperature scaled", partial(_matched, temperature="auto")
    ),
    "dropout": Method("matched twin, Monte-Carlo dropout", _dropout),
    "ensemble": Method(f"{N_MEMBERS} matched twins", _ensemble),
    "otmdr": Method("stochastic, by OT-MDR", _robust),
}
