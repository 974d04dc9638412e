"""What a fitted classifier says of images."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.base import ClassifierMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skwass.nn import GaussianTokens, StochasticViT
from skwass.vision._estimator import ImageEstimator
from skwass.vision._images import Images, is_positive
from skwass.vision._net import StochasticViTNet
from skwass.vision._reading import (
    Described,
    described,
    in_parts,
    patch_variances,
    reader_of,
    sampled_logits,
)
from skwass.vision._scores import METHODS, Reference

Array = NDArray[np.float64]


class LogitDistribution(NamedTuple):
    """What `StochasticViTClassifier.predict_distribution` gives.

    Parameters
    ----------
    mean, variance : ndarray of shape (n_samples, n_classes), float64
        Of the logits of each sample.
    """

    mean: Array
    variance: Array


class StochasticPredictor(TransformerMixin, ClassifierMixin, ImageEstimator):
    """Asks the network of a fitted estimator."""

    net_: StochasticViTNet
    classes_: NDArray[Any]
    temperature_: float

    _reference: Reference
    _seed: int

    @property
    def network_(self) -> StochasticViT:
        """The trained network, a part of `net_`."""
        check_is_fitted(self)
        network: StochasticViT = self.net_.module_
        return network

    @property
    def _n_features_out(self) -> int:
        return self.network_.width

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or rows as in `fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Class labels.
        """
        places = self._logits(self._checked_images(X)).argmax(axis=1)
        return self.classes_[places]

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or rows as in `fit`.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), float64
            Rows sum to one; columns are as `classes_`.
        """
        return np.exp(log_softmax(self._logits(self._checked_images(X)), axis=1))

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or rows as in `fit`.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes), float64
            In nats.
        """
        logits = self._logits(self._checked_images(X))
        log_proba: Array = log_softmax(logits, axis=1)
        return log_proba

    def decision_function(self, X: Any) -> Array:
        """Log-odds of two classes, or logits of more, after temperature scaling.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or rows as in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            The larger, the more of the class; of two classes, of the second.
        """
        logits = self._logits(self._checked_images(X))
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_distribution(
        self, X: Any, method: str = "closed-form", n_samples: int = 100
    ) -> LogitDistribution:
        """How logits are distributed, as the pooled token is a Gaussian.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or rows as in `fit`.
        method : {"closed-form", "sampling"}, default="closed-form"
            The head is a norm and a linear layer. In closed form, the norm is taken to
            first order, which is good for variances that are small beside the mean.
            Sampling draws from the Gaussian and asks the head; draws are the same for
            all samples, and in each call.
        n_samples : int, default=100
            Draws of "sampling".

        Returns
        -------
        logits : LogitDistribution
            Means and variances, which are zero with ``attention="dot"``. Neither
            temperature scaling nor the probit approximation of `predict_proba` is in
            them.

        Raises
        ------
        ValueError
            If X is not like that of the fit, or `method` or `n_samples` cannot be.
        """
        images = self._checked_images(X)
        if method == "closed-form":
            reader = self._reader(images)
            found = GaussianTokens(*in_parts(reader, images, reader.logit_distribution))
        elif method == "sampling":
            if not is_positive(n_samples):
                raise ValueError(
                    f"n_samples must be at least 1, an integer; got {n_samples!r}."
                )
            pooled = self._described(images)
            found = sampled_logits(self.network_, pooled, n_samples, self._seed)
        else:
            raise ValueError(
                f"method must be 'closed-form' or 'sampling'; got {method!r}."
            )
        return LogitDistribution(*(part.double().numpy() for part in found))

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Represent samples by the mean of their pooled token.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or rows as in `fit`.

        Returns
        -------
        embedding : ndarray of shape (n_samples, width), float32
            Before the norm of the head.
        """
        # scikit-learn's set_output is around this
        found = self._described(self._checked_images(X, stacklevel=5))
        embedding: NDArray[np.float32] = found.mean.float().numpy()
        return embedding

    def ood_score(self, X: Any, method: str = "wasserstein") -> Array:
        """How far samples are from those of the fit.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or rows as in `fit`.
        method : str, default="wasserstein"
            What is looked at:

            - "wasserstein": 2-Wasserstein distance of the Gaussian that the head sees
              from that of the nearest class, its barycentre, in units of how much those
              of a class differ in that direction. With ``attention="dot"``, this is
              the Mahalanobis distance of embeddings.
            - "max-probability": minus the probability of the most probable class.
            - "energy": minus the logarithm of the sum of exponentials of logits.
            - "token-variance": mean variance of patches. What is unlike anything seen
              need not have much of it.
            - "combined": mean of "wasserstein" and "energy", standardised by what they
              are for samples of the fit.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            The larger, the farther out of distribution.

        Raises
        ------
        ValueError
            If X is not like that of the fit, or there is no such method.
        """
        if method not in METHODS:
            raise ValueError(f"method must be one of {METHODS}; got {method!r}.")
        return self._score(self._checked_images(X), method)

    def score_samples(self, X: Any) -> Array:
        """How normal samples are: minus `ood_score`.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or rows as in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            The larger, the more like those of the fit.
        """
        return -self._score(self._checked_images(X), "wasserstein")

    def attention_maps(self, X: Any) -> NDArray[np.float32]:
        """Where each token looks, in each block and head.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or rows as in `fit`.

        Returns
        -------
        maps : ndarray of shape (n_samples, depth, n_heads, n_tokens, n_tokens), float32
            Rows sum to one. Patches are line by line; with ``pooling="cls"``, a token
            of its own comes first.
        """
        images = self._checked_images(X)
        reader = self._reader(images)
        (maps,) = in_parts(reader, images, reader.attention_maps)
        return maps.float().numpy()

    def token_variances(self, X: Any) -> Array:
        """Mean variance of the token of each patch, after the last block.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or rows as in `fit`.

        Returns
        -------
        variances : ndarray of shape (n_samples, n_rows, n_columns), float64
            Zero with ``attention="dot"``.
        """
        images = self._checked_images(X)
        found: Array = patch_variances(self._reader(images), images).double().numpy()
        return found

    def _score(self, images: Images, method: str) -> Array:
        found = self._described(images)
        scores: Array = self._reference.score(method, found, self.temperature_).numpy()
        return scores

    def _logits(self, images: Images) -> Array:
        """After temperature scaling."""
        logits: Array = self._described(images).logits.numpy()
        return logits / self.temperature_

    def _described(self, images: Images) -> Described:
        return described(self._reader(images), images)

    def _checked_images(self, X: Any, stacklevel: int = 4) -> Images:
        """New samples, for a method of the user's."""
        check_is_fitted(self)
        return self._images(X, stacklevel)

    def _reader(self, images: Images) -> StochasticViT:
        return reader_of(self.network_, images, self.net_.device)
