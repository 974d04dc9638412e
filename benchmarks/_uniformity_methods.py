"""The rows of `uniformity.py` that train one method with one regulariser."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from _clouds import FASHION
from _problems import CIFAR, Images, Problem, Scope, photographs
from _records import Figures
from _uniformity_data import digit_images, digits, fashion
from _uniformity_judging import Representation, judged, probed
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from skwass import SelfSupervisedEmbedder
from skwass.nn import ImageViews, ResidualEncoder

METHODS = {
    "simclr": "SimCLR",
    "mocov2": "MoCo v2",
    "nnclr": "NNCLR",
    "byol": "BYOL",
    "simsiam": "SimSiam",
    "align-uniform": "align-uniform",
    "barlow-twins": "Barlow Twins",
    "zero-cl": "Zero-CL",
}
REGULARISERS = {"none": "–", "wasserstein": "W₂", "wang-isola": "L_U"}
BASELINES = {"raw": "raw pixels", "untrained": "untrained encoder"}
#: of representations; those of projections are the last of these
_WIDTH = 64
_PROJECTOR = (256, 256, 64)


def halved_encoder(n_inputs: int, n_outputs: int) -> nn.Module:
    """A small residual network at half the resolution, for a quarter of the time."""
    return nn.Sequential(nn.AvgPool2d(2), ResidualEncoder(n_inputs, n_outputs))


@dataclass(frozen=True)
class Setting:
    """A table: the data, and how methods are trained on them.

    Attributes
    ----------
    title : str
        What the table is called.
    read : callable
        Takes the scope to a problem.
    settings : mapping
        Of every `SelfSupervisedEmbedder`.
    budget : str
        What that is, in words.
    file : str or None
        What must lie in the folder of data.
    """

    title: str
    read: Callable[[Scope], Problem]
    settings: Mapping[str, Any]
    budget: str
    file: str | None = None

    def rows(self) -> dict[str, Callable[[Scope], Figures]]:
        """What measures each method with each regulariser, and baselines."""
        rows: dict[str, Callable[[Scope], Figures]] = {
            "raw": self._raw,
            "untrained": self._untrained,
        }
        for method in METHODS:
            for name in REGULARISERS:
                rows[f"{method}-{name}"] = partial(self._measure, method, name)
        return rows

    def trained(
        self, problem: Problem, scope: Scope, **changes: Any
    ) -> tuple[SelfSupervisedEmbedder, float]:
        """A fitted estimator, and the CPU seconds of its fit."""
        settings = {**self.settings, **changes}
        settings["max_iter"] = scope.less(settings["max_iter"], 1)
        embedder = SelfSupervisedEmbedder(
            n_components=_WIDTH,
            projector_sizes=_PROJECTOR,
            device=scope.device,
            random_state=scope.seed,
            **settings,
        )
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the figures tell
            embedder.fit(problem.X_train)
        return embedder, time.process_time() - start

    def judged(self, problem: Problem, scope: Scope, **changes: Any) -> Figures:
        """Figures of a fit."""
        embedder, seconds = self.trained(problem, scope, **changes)
        found = Representation.of(embedder, problem, scope.seed)
        return {"cpu_seconds": seconds} | judged(found, problem, scope)

    def _measure(self, method: str, name: str, scope: Scope) -> Figures:
        uniformity = None if name == "none" else name
        problem = self.read(scope)
        return self.judged(problem, scope, method=method, uniformity=uniformity)

    def _raw(self, scope: Scope) -> Figures:
        """At the resolution that the encoder sees."""
        problem = self.read(scope)
        parts = problem.X_train, problem.X_test
        if self.settings.get("encoder") is halved_encoder:
            parts = _halved(parts[0]), _halved(parts[1])
        return probed(*parts, problem, scope)

    def _untrained(self, scope: Scope) -> Figures:
        """One epoch that moves nothing but the means of batch normalisation."""
        still = {"lr": 1e-12, "weight_decay": 0.0, "max_iter": 1}
        problem = self.read(scope)
        return self.judged(problem, scope, uniformity=None, **still)


def _halved(images: Images) -> Images:
    n, channels, height, width = images.shape
    squares = images.reshape(n, channels, height // 2, 2, width // 2, 2)
    halved: Images = squares.mean(axis=(3, 5))
    return halved


_SHORT = {"max_iter": 8, "batch_size": 128, "encoder": halved_encoder}

SETTINGS: dict[str, Setting] = {
    "digits": Setting(
        "digits, as a table",
        digits,
        {"max_iter": 100},
        "1,347 rows of 64 pixels, views of a table, the perceptron 64-256-256-64, 100 "
        "epochs of batches of 256 (600 steps)",
    ),
    "digit_images": Setting(
        "digits, as images",
        digit_images,
        {
            "max_iter": 40,
            "augmentation": ImageViews(
                crop_scale=(0.5, 1.0), flip=0.0, value_range=(0.0, 1.0)
            ),
        },
        "1,347 images of 8 × 8 pixels, crops of half the area or more and no mirror "
        "images, the residual network of three blocks (16, 32 and 64 channels), 40 "
        "epochs of batches of 256 (240 steps)",
    ),
    "fashion": Setting(
        "Fashion-MNIST",
        fashion,
        _SHORT,
        "4,000 images of 28 × 28 pixels, drawn by the seed, views by default, the "
        "residual network of three blocks (16, 32 and 64 channels) after pooling to "
        "14 × 14, 8 epochs of batches of 128 (256 steps)",
        FASHION,
    ),
    "cifar": Setting(
        "CIFAR-10",
        photographs,
        _SHORT,
        "4,000 photographs of 32 × 32 pixels, drawn by the seed, views by default, the "
        "residual network of three blocks (16, 32 and 64 channels) after pooling to "
        "16 × 16, 8 epochs of batches of 128 (256 steps)",
        CIFAR,
    ),
}
