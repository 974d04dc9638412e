"""What estimators of images share: parameters, how X is read, where networks start."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from skwass.vision._images import Images, Known, check_same_scale, read_more
from skwass.vision._scale import warn_of_range

AUTO = StrOptions({"auto"})
POSITIVE_INTEGER = Interval(Integral, 1, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
BELOW_ONE = Interval(Real, 0, 1, closed="left")

CONSTRAINTS_OF_NETWORKS: dict[str, list[Any]] = {
    "image_shape": [None, "array-like"],
    "channels": [StrOptions({"auto", "first", "last", "none"})],
    "patch_size": [AUTO, POSITIVE_INTEGER, "array-like"],
    "width": [POSITIVE_INTEGER],
    "depth": [POSITIVE_INTEGER],
    "n_heads": [POSITIVE_INTEGER],
    "mlp_ratio": [POSITIVE],
    "attention": [StrOptions({"wasserstein", "dot"})],
    "cov_aggregation": [StrOptions({"squared", "linear"})],
    "covariance_mlp": [StrOptions({"light", "full"})],
    "variance_embedding": [StrOptions({"position", "patch"})],
    "pooling": [StrOptions({"mean", "cls"})],
    "dropout": [BELOW_ONE],
    "drop_path": [BELOW_ONE],
}
CONSTRAINTS_OF_TRAINING: dict[str, list[Any]] = {
    "augmentation": [AUTO, None, callable],
    "lr": [AUTO, POSITIVE],
    "weight_decay": [NOT_NEGATIVE],
    "lr_schedule": [StrOptions({"cosine", "constant"})],
    "warmup_fraction": [BELOW_ONE],
    "max_grad_norm": [None, POSITIVE],
    "batch_size": [AUTO, POSITIVE_INTEGER],
    "max_iter": [POSITIVE_INTEGER],
    "warm_start": ["boolean"],
    "device": [str],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


class ImageEstimator(BaseEstimator):
    """Reads images, or tables, and holds a network that has learnt from some."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS_OF_NETWORKS,
        **CONSTRAINTS_OF_TRAINING,
    }

    warm_start: bool
    random_state: int | np.random.RandomState | None

    _known: Known

    def _images(self, X: Any, stacklevel: int) -> Images:
        """New samples, which have to be like those of the fit."""
        images = read_more(self, X, self._known)
        if images.are_far and not self._known.were_far:
            warn_of_range(images, stacklevel + 1)
        return images

    def _remember(self, images: Images, stacklevel: int) -> None:
        """Take samples of a fit as an example for later ones."""
        if images.are_far:
            warn_of_range(images, stacklevel + 1)
        self._known = Known.of(images)
        self.image_shape_ = images.form.shape

    def _check_that_goes_on(self, images: Images) -> None:
        """Refuse samples of another form or scale than those before."""
        if images.form != self._known.form:
            raise ValueError(
                f"X has {images.form}; warm_start=True goes on with a network for "
                f"{self._known.form}. Set warm_start=False to begin anew."
            )
        check_same_scale(images, self._known)
