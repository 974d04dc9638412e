"""How an embedder learns: at once, from an earlier fit on, or in parts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from skorch import NeuralNet

from skwass.clouds import PointClouds
from skwass.manifold._cohorts import CloudCohort, Cohort
from skwass.manifold._fitting import Fitted, fit_cohort
from skwass.manifold._memory import Memory
from skwass.manifold._model import Model
from skwass.manifold._network import Recipe, loss_curves
from skwass.manifold._plan import Plan
from skwass.manifold._reading import CohortReader
from skwass.training import (
    Checkpoint,
    digest_of,
    draw_seed,
    fit_identity,
    keep_fitted_state,
)
from skwass.transport import pooled

if TYPE_CHECKING:
    from typing_extensions import Self

_PAIRS_A_CLOUD = 50
#: of `lr`: what is known already must not be thrown over
_SHARE_OF_LR = 1 / 3
#: parameters that a fit may go on with another value of
_NO_MATTER = ("checkpoint", "checkpoint_interval", "n_jobs", "verbose")


def _takes_clouds(estimator: Any) -> bool:
    return bool(estimator.metric != "precomputed")


# a mixin of transformers, or scikit-learn would not wrap its `fit_transform`
class CohortLearner(TransformerMixin, CohortReader):
    """Gives an embedder with a `metric` its fit, and a `partial_fit`."""

    normalized_stress: bool | str
    n_pairs: int | str
    warm_start: bool
    checkpoint: str | os.PathLike[str] | None
    checkpoint_interval: float
    random_state: int | np.random.RandomState | None

    _model: Model
    _memory: Memory
    net_: NeuralNet
    embedding_: NDArray[np.float32]
    history_: dict[str, list[float]]

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the embedding.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            Clouds, in any form that :func:`as_point_clouds` takes, a table among them.
            If `metric` is "precomputed", distances (not squared) of shape (n_samples,
            n_samples).
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted embedder.

        Raises
        ------
        ValueError
            If X or a parameter is not what is expected; the message says which.
        FloatingPointError
            If the loss turns NaN or infinite.
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> NDArray[np.float32]:
        """Learn the embedding and give that of X.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            As in `fit`, which says what is raised.
        y : None
            Ignored.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_components), float32
            As `embedding_`.
        """
        self._validate_params()
        with keep_fitted_state(self):
            self._learn(X)
        return self.embedding_

    @available_if(_takes_clouds)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Go on learning with more clouds, as of a stream or of a new cohort.

        The first call is a `fit`. Later ones keep the reference, solve exact distances
        among the new clouds and up to 1,000 that are remembered of all seen so far, and
        train the networks on with a third of `lr`. Nothing else is kept of clouds seen,
        so a stream needs no more memory the longer it is.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            Clouds in any form that `fit` takes; one is enough after the first call.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted embedder, whose `embedding_` is that of X.

        Raises
        ------
        ValueError
            If X is no set of clouds, or its points have another dimension than before,
            or a parameter that shapes the networks has changed.
        FloatingPointError
            If the loss turns NaN or infinite. What was fitted before is kept.
        """
        self._validate_params()
        with keep_fitted_state(self):
            if hasattr(self, "_model"):
                self._refuse_another_metric()
                self._learn_on(self._read_clouds(X, reset=False))
            else:
                self._learn(X)
        return self

    def _learn(self, X: Any) -> None:
        """From all clouds at once."""
        cohort = self._cohort(X)
        earlier = self._model if self.warm_start and hasattr(self, "_model") else None
        plan = Plan.of(self, len(cohort), anew=earlier is None)
        recipe = Recipe.of(self)
        if earlier is not None:
            earlier.refuse_another(self)
        checkpoint = self._open_checkpoint(cohort, earlier)
        self._keep(fit_cohort(cohort, plan, recipe, checkpoint, earlier), len(cohort))
        if isinstance(cohort, CloudCohort):
            random_state = np.random.RandomState(checkpoint.seed)
            self._memory = Memory.of(cohort.clouds, random_state)

    def _learn_on(self, clouds: PointClouds) -> None:
        """From some more."""
        self._model.refuse_another(self)
        seed = draw_seed(check_random_state(self.random_state))
        random_state = np.random.RandomState([seed, self._memory.n_seen % 2**32])
        together = pooled(clouds, self._memory.clouds)
        plan, recipe = Plan.of(self, len(together), anew=False), Recipe.of(self)
        fitted = fit_cohort(
            self._cohort_of(together),
            plan.with_pairs_for(len(together), _PAIRS_A_CLOUD),
            recipe.slower(_SHARE_OF_LR),
            Checkpoint(None, 0, {}, draw_seed(random_state)),
            self._model,
        )
        self._memory = self._memory.and_of(clouds, random_state)
        self._keep(fitted, len(clouds))

    def _keep(self, fitted: Fitted, n_samples: int) -> None:
        """What is learnt, and the embedding of the first samples."""
        self._model = fitted.model
        self.net_ = fitted.model.net
        self.embedding_ = fitted.embedding[:n_samples]
        self.history_ = loss_curves(self.net_)
        self.n_iter_ = len(self.history_["loss"])
        self.stress_ = fitted.cache.stress_of(
            fitted.embedding, normalized=self.normalized_stress in (True,)
        )
        if fitted.matrix is not None and len(fitted.matrix) == n_samples:
            self.dissimilarity_matrix_ = fitted.matrix
        elif hasattr(self, "dissimilarity_matrix_"):
            del self.dissimilarity_matrix_  # that of an earlier fit

    def _open_checkpoint(self, cohort: Cohort, earlier: Model | None) -> Checkpoint:
        seed = draw_seed(check_random_state(self.random_state))
        identity = {}
        if self.checkpoint is not None:
            identity = fit_identity(self, cohort.arrays(), _NO_MATTER)
            begun = "nothing" if earlier is None else digest_of(earlier.arrays())
            identity["earlier fit"] = begun
        return Checkpoint(self.checkpoint, self.checkpoint_interval, identity, seed)
