"""What a fitted classifier says: labels, probabilities, and how sure it is of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import entr
from sklearn.base import ClassifierMixin
from sklearn.utils import Bunch

from skwass.robust._estimator import SharpnessAwareEstimator

Array = NDArray[np.float64]


class ProbabilisticClassifier(ClassifierMixin, SharpnessAwareEstimator):
    """Gives an estimator whose members tell logits its predictions."""

    classes_: NDArray[Any]

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Class labels.
        """
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes, averaged over members or draws of weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), float64
            Rows sum to one; columns are as `classes_`.
        """
        parts = [part.mean(axis=0) for part in self._probabilities(X)]
        return np.mean(parts, axis=0)

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes), float64
            In nats.
        """
        parts = [
            torch.log_softmax(outputs.double(), dim=-1)
            for outputs in self._outputs(self._inputs(X))
        ]
        together = torch.cat(parts)
        log_proba: Array = torch.logsumexp(together, dim=0).numpy()
        return log_proba - np.log(len(together))

    def decision_function(self, X: Any) -> Array:
        """Log-odds of two classes, or log-probabilities of more.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            The larger, the more of the class; of two classes, of the second.
        """
        log_proba = self.predict_log_proba(X)
        if len(self.classes_) == 2:
            return log_proba[:, 1] - log_proba[:, 0]
        return log_proba

    def predict_members(self, X: Any) -> Array:
        """Probabilities by each member of an ensemble, or each draw of weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples.

        Returns
        -------
        proba : ndarray of shape (n_members, n_samples, n_classes), float64
            Of a single network, with n_members = 1.
        """
        return np.concatenate(list(self._probabilities(X)))

    def predict_uncertainty(self, X: Any) -> Bunch:
        r"""How unsure a prediction is, and whether more data could help.

        .. math:: \underbrace{H(\bar p)}_{\text{total}}
                  = \underbrace{\tfrac1M \sum_m H(p_m)}_{\text{aleatoric}}
                  + \underbrace{\tfrac1M \sum_m \mathrm{KL}(p_m \| \bar p)
                  }_{\text{epistemic}}

        for the probabilities of M members or draws and their mean: where all say the
        same, classes overlap; where they disagree, data are missing. A single network
        has no epistemic part.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples.

        Returns
        -------
        uncertainty : Bunch
            `total`, `aleatoric` and `epistemic`, ndarrays of shape (n_samples,) in
            nats, none negative.
        """
        proba = self.predict_members(X)
        total = entr(proba.mean(axis=0)).sum(axis=-1)
        aleatoric = np.minimum(entr(proba).sum(axis=-1).mean(axis=0), total)
        return Bunch(total=total, aleatoric=aleatoric, epistemic=total - aleatoric)

    def _probabilities(self, X: Any) -> Iterator[Array]:
        """Of shape (n_members, n_samples, n_classes), one for each draw of weights."""
        for outputs in self._outputs(self._inputs(X)):
            yield torch.softmax(outputs.double(), dim=-1).numpy()
