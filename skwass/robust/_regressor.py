"""OTMDRRegressor: sharpness-aware training for numbers, with a standard deviation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from skwass.nn import GaussianLikelihood, gaussian_parameters
from skwass.robust._estimator import SharpnessAwareEstimator
from skwass.robust._members import Task
from skwass.training import (
    centre_and_scale,
    checked_weights,
    keep_fitted_state,
    with_mean_one,
)

if TYPE_CHECKING:
    from typing_extensions import Self

Array = NDArray[np.float64]


class OTMDRRegressor(RegressorMixin, SharpnessAwareEstimator):
    r"""Regressor whose training looks at the worst networks nearby.

    `OTMDRClassifier` for numbers: a network tells a mean and a standard deviation for
    each target, and the Gaussian likelihood of the targets is what is made robust,

    .. math:: L_S(\theta) = \frac1n \sum_i \Big[\log \sigma_\theta(x_i)
              + \frac{(y_i - \mu_\theta(x_i))^2}{2 \sigma_\theta(x_i)^2}\Big].

    Targets are standardised inside. See `OTMDRClassifier` for what is trained and why.

    Parameters
    ----------
    module : Module, class or callable, default=None
        As in `OTMDRClassifier`; it gives (n_samples, 2 * n_targets), means first, then
        raw scales, of which the softplus is the standard deviation.
    hidden_layer_sizes : array-like of shape (n_hidden_layers,), default=(128, 128)
        Widths of the perceptron.
    distribution : {"single", "ensemble", "bayesian"}, default="single"
        What is trained: one network; `n_members` of them, each with a start and an
        order of samples of its own; or a network whose weights have a diagonal Gaussian
        posterior. The latter two tell what they do not know, at a price.
    n_members : int, default=5
        Networks of an ensemble.
    rho : float, default=0.05
        Radius of the ball, in the Euclidean norm over all weights of a network; zero is
        plain training. The default is that of SAM; the best is found by
        cross-validation on a log scale from 0.01 to 1.
    n_particles : int, default=1
        Networks :math:`\tilde\theta` that are looked at in each step. One does as well
        as more in nearly all comparisons, for less.
    n_ascent_steps : int, default=1
        Steps by which each climbs.
    noise : float or "auto", default="auto"
        Length of the random part of a step, in units of `rho`. "auto" is none for one
        particle, and 0.3 for more, which would coincide without.
    norm : {1, 2, inf}, default=2
        Of the ball.
    adaptive : bool, default=False
        Whether to measure lengths relative to the size of each weight [3]_; `rho`
        is then ten times larger or so.
    optimizer : {"adamw", "adam", "sgd"} or callable, default="adamw"
        Which descends; "sgd" has momentum 0.9. A class of optimisers of torch is
        taken too.
    lr : float or "auto", default="auto"
        The learning rate. "auto" is 0.03 for "sgd" and 0.001 for others.
    weight_decay : float, default=0.01
        That of the optimiser.
    lr_schedule : {"cosine", "one-cycle", "constant"}, default="cosine"
        How the learning rate goes over the epochs; "cosine" falls to zero.
    batch_size : int or "auto", default="auto"
        Samples in a step. "auto" is 64; all of them if there are fewer.
    max_iter : int, default=100
        Epochs.
    early_stopping : bool, default=False
        Whether to hold samples out and stop when their loss has not fallen for
        `n_iter_no_change` epochs; the best weights are kept.
    validation_fraction : float, default=0.1
        Share of samples that are held out.
    n_iter_no_change : int, default=10
        Patience of early stopping.
    tol : float, default=1e-4
        Relative fall of the loss that counts.
    prior_scale : float, default=1.0
        Standard deviation of the prior of Bayesian weights. The 0.1 of [1]_ leaves
        small networks too little room.
    kl_weight : float or "auto", default="auto"
        Weight of the divergence of posterior from prior; one is Bayes, less is colder.
        With few samples and many weights, Bayes gives back the prior, which says
        nothing: "auto" is ``min(1, n_samples / n_weights)``.
    n_prediction_samples : int, default=30
        Draws of Bayesian weights that predictions are averaged over.
    warm_start : bool, default=False
        Whether `fit` goes on from the networks of the last fit.
    n_jobs : int, default=None
        As in `OTMDRClassifier`.
    device : str, default="cpu"
        Where to train and to predict.
    random_state : int, RandomState or None, default=None
        Decides all that is random: starts, orders, noise, dropout, and the draws of
        Bayesian weights, which are the same at each call.
    verbose : int, default=0
        A progress bar if positive.
    **module_params : dict
        Parameters ``module__name`` of the module.

    Attributes
    ----------
    nets_ : list of SharpnessAwareNet
        The trained skorch nets; perceptrons of an ensemble are stacked in one.
    history_ : dict of str to list of float
        "loss" of each epoch, and "validation_loss" with early stopping: negative
        log-likelihoods of standardised targets, means over members.
    n_iter_ : int
        Epochs done.
    n_outputs_ : int
        Number of targets.
    n_features_in_ : int
        Columns of X; of arrays of more dimensions, the length of the second.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of columns, if X has them.

    See Also
    --------
    OTMDRClassifier : The same for classes.

    References
    ----------
    .. [1] Nguyen, Le, Bui, Do, Phung. Optimal transport model distributional
       robustness. NeurIPS 2023. arXiv:2306.04178
    .. [2] Foret, Kleiner, Mobahi, Neyshabur. Sharpness-aware minimization for
       efficiently improving generalization. ICLR 2021.
    .. [3] Kwon, Kim, Park, Choi. ASAM: Adaptive sharpness-aware minimization for
       scale-invariant learning of deep neural networks. ICML 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import train_test_split
    >>> from skwass import OTMDRRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> regressor = OTMDRRegressor(max_iter=30, random_state=0).fit(X_train, y_train)
    >>> mean, std = regressor.predict(X_test, return_std=True)
    >>> bool((std > 0).all())
    True
    """

    def __init__(
        self,
        module: Any = None,
        *,
        hidden_layer_sizes: Sequence[int] = (128, 128),
        distribution: str = "single",
        n_members: int = 5,
        rho: float = 0.05,
        n_particles: int = 1,
        n_ascent_steps: int = 1,
        noise: float | str = "auto",
        norm: float = 2,
        adaptive: bool = False,
        optimizer: str | Callable[..., torch.optim.Optimizer] = "adamw",
        lr: float | str = "auto",
        weight_decay: float = 0.01,
        lr_schedule: str = "cosine",
        batch_size: int | str = "auto",
        max_iter: int = 100,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        prior_scale: float = 1.0,
        kl_weight: float | str = "auto",
        n_prediction_samples: int = 30,
        warm_start: bool = False,
        n_jobs: int | None = None,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        **module_params: Any,
    ) -> None:
        self.module = module
        self.hidden_layer_sizes = hidden_layer_sizes
        self.distribution = distribution
        self.n_members = n_members
        self.rho = rho
        self.n_particles = n_particles
        self.n_ascent_steps = n_ascent_steps
        self.noise = noise
        self.norm = norm
        self.adaptive = adaptive
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.prior_scale = prior_scale
        self.kl_weight = kl_weight
        self.n_prediction_samples = n_prediction_samples
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
        self._take_network_parameters(module_params)

    n_outputs_: int

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Train the networks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            A table, or what `module` reads; float32 inside.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of samples in the loss, in ascent and descent alike; those of zero
            weight are left out. Only proportions matter. A weight of two is the same
            as two samples, but for rounding, where all samples are in one batch, and
            nearly so in several.

        Returns
        -------
        self : object
            The fitted regressor.

        Raises
        ------
        ValueError
            If X, y or a parameter is not what is expected; the message says which.
        FloatingPointError
            If the loss turns NaN or infinite. What was fitted before is kept.
        """
        self._check_parameters()
        with keep_fitted_state(self):
            goes_on = self.warm_start and hasattr(self, "_groups")
            X, y = self._read_pair(X, y, reset=not goes_on)
            X, targets, weights = self._weighted(X, y, sample_weight, reset=not goes_on)
            self._learn(X, targets, with_mean_one(weights), self._task())
        return self

    def partial_fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one epoch more on samples that may be new.

        The learning rate is `lr` throughout, and the optimiser remembers its past; its
        other parameters may change between calls, but not which it is. Columns of a
        table and targets are standardised by those of the first call.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            As in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`, but as they are: calls can count differently. Best near one,
            since larger ones act like a larger `lr`.

        Returns
        -------
        self : object
            The regressor.

        Raises
        ------
        ValueError
            If X or y is not what is expected.
        FloatingPointError
            If the loss turns NaN or infinite. What was fitted before is kept.
        """
        self._check_parameters()
        with keep_fitted_state(self):
            first = not hasattr(self, "_groups")
            X, y = self._read_pair(X, y, reset=first)
            X, targets, weights = self._weighted(X, y, sample_weight, reset=first)
            self._learn_on(X, targets, weights, self._task())
        return self

    def predict(
        self, X: Any, return_std: bool = False
    ) -> NDArray[np.floating] | tuple[NDArray[np.floating], NDArray[np.floating]]:
        r"""Expected targets, and how far off they may be.

        With members or draws m, the standard deviation is that of their mixture,

        .. math:: \sigma^2 = \tfrac1M \sum_m \big(\sigma_m^2 + \mu_m^2\big)
                  - \mu^2, \qquad \mu = \tfrac1M \sum_m \mu_m.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples.
        return_std : bool, default=False
            Whether to give standard deviations as well.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_targets), float64
            Expected targets, of the shape that y had.
        std : ndarray of the same shape, float64
            Standard deviations, if asked for.
        """
        means, stds = self._standard_members(X)
        mean = self._in_units(means.mean(axis=0), self._centre)
        if not return_std:
            return mean
        variance = np.mean(stds**2, axis=0) + np.var(means, axis=0)
        return mean, self._in_units(np.sqrt(variance))

    def predict_members(self, X: Any) -> tuple[Array, Array]:
        """Means and standard deviations by each member, or each draw of weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples.

        Returns
        -------
        means, stds : ndarray of shape (n_members, n_samples[, n_targets]), float64
            Of a single network, with n_members = 1.
        """
        means, stds = self._standard_members(X)
        return self._in_units(means, self._centre), self._in_units(stds)

    def _standard_members(self, X: Any) -> tuple[Array, Array]:
        outputs = torch.cat(list(self._outputs(self._inputs(X)))).double()
        means, stds = gaussian_parameters(outputs)
        return means.numpy(), stds.numpy()

    def _in_units(self, values: Array, centre: Array | float = 0.0) -> Array:
        """Back from standardised targets, in the shape that y had."""
        values = values * self._unit + centre
        return values[..., 0] if self._is_flat else values

    def _read_pair(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Array]:
        options = {"multi_output": True, "y_numeric": True, **self._reading()}
        X, y = validate_data(self, X, y, reset=reset, **options)
        y = np.asarray(y, dtype=np.float64)
        if not reset and (y.ndim == 1) != self._is_flat:
            raise ValueError(
                f"y must have {1 if self._is_flat else 2} dimensions as before; it has "
                f"shape {y.shape}."
            )
        if not reset and y.ndim == 2 and y.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y must have {self.n_outputs_} targets as before; it has {y.shape[1]}."
            )
        return X, y

    def _weighted(
        self, X: Any, y: Array, sample_weight: ArrayLike | None, *, reset: bool = False
    ) -> tuple[Any, torch.Tensor, Array]:
        """Samples that count, their standardised targets, how much they count."""
        weights = checked_weights(sample_weight, X)
        counted = weights > 0
        columns, weights = y.reshape(len(y), -1)[counted], weights[counted]
        if reset:
            self._is_flat, self.n_outputs_ = y.ndim == 1, columns.shape[1]
            self._centre, self._unit = centre_and_scale(columns, weights)
        standard = (columns - self._centre) / self._unit
        targets = torch.as_tensor(standard, dtype=torch.float32)
        return X[counted], targets, weights

    def _task(self) -> Task:
        return Task(
            module=self.module,
            module_parameters=self._network_parameters(),
            n_outputs=2 * self.n_outputs_,
            loss=GaussianLikelihood(),
            logits=False,
        )
