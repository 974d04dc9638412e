"""StochasticViTClassifier: a vision transformer whose tokens are Gaussians."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from torch import nn

from skwass.training import keep_fitted_state
from skwass.vision._estimator import (
    AUTO,
    BELOW_ONE,
    NOT_NEGATIVE,
    POSITIVE,
    POSITIVE_INTEGER,
)
from skwass.vision._learning import StochasticLearner

if TYPE_CHECKING:
    from typing_extensions import Self


class StochasticViTClassifier(ClassNamePrefixFeaturesOutMixin, StochasticLearner):
    r"""Classify images by a vision transformer whose tokens are Gaussians."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **StochasticLearner._parameter_constraints,
        "head": [StrOptions({"probit", "mean"})],
        "pretrained": [None, nn.Module, HasMethods(["fit", "transform"])],
        "lambda1": [NOT_NEGATIVE],
        "lambda2": [NOT_NEGATIVE],
        "mixup": [NOT_NEGATIVE],
        "cutmix": [NOT_NEGATIVE],
        "label_smoothing": [BELOW_ONE],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "ema": [BELOW_ONE],
        "temperature": [AUTO, POSITIVE],
        "layer_decay": [Interval(Real, 0, 1, closed="right")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [POSITIVE_INTEGER],
        "tol": [NOT_NEGATIVE],
    }

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        *,
        channels: str = "auto",
        patch_size: int | Sequence[int] | str = "auto",
        width: int = 64,
        depth: int = 4,
        n_heads: int = 4,
        mlp_ratio: float = 2.0,
        attention: str = "wasserstein",
        cov_aggregation: str = "squared",
        covariance_mlp: str = "light",
        pooling: str = "mean",
        head: str = "probit",
        dropout: float = 0.0,
        drop_path: float = 0.0,
        pretrained: Any = None,
        augmentation: Callable[..., Any] | str | None = "auto",
        mixup: float = 0.0,
        cutmix: float = 0.0,
        lambda1: float = 1e-4,
        lambda2: float = 1e-4,
        label_smoothing: float = 0.0,
        class_weight: Mapping[Any, float] | str | None = None,
        temperature: float | str = 1.0,
        lr: float | str = "auto",
        weight_decay: float = 0.05,
        layer_decay: float = 1.0,
        lr_schedule: str = "cosine",
        warmup_fraction: float = 0.1,
        max_grad_norm: float | None = 1.0,
        ema: float = 0.0,
        batch_size: int | str = "auto",
        max_iter: int = 20,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.image_shape = image_shape
        self.channels = channels
        self.patch_size = patch_size
        self.width = width
        self.depth = depth
        self.n_heads = n_heads
        self.mlp_ratio = mlp_ratio
        self.attention = attention
        self.cov_aggregation = cov_aggregation
        self.covariance_mlp = covariance_mlp
        self.pooling = pooling
        self.head = head
        self.dropout = dropout
        self.drop_path = drop_path
        self.pretrained = pretrained
        self.augmentation = augmentation
        self.mixup = mixup
        self.cutmix = cutmix
        self.lambda1 = lambda1
        self.lambda2 = lambda2
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.temperature = temperature
        self.lr = lr
        self.weight_decay = weight_decay
        self.layer_decay = layer_decay
        self.lr_schedule = lr_schedule
        self.warmup_fraction = warmup_fraction
        self.max_grad_norm = max_grad_norm
        self.ema = ema
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """Train the network."""
        self._validate_params()
        with keep_fitted_state(self):
            self._learn(X, y)
        return self
