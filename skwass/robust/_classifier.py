"""OTMDRClassifier: sharpness-aware training of one network, many, or a posterior."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from skwass.nn import WeightedCrossEntropy
from skwass.robust._members import Task
from skwass.robust._probabilities import ProbabilisticClassifier
from skwass.training import (
    check_labels,
    check_that_classes_differ,
    checked_weights,
    keep_fitted_state,
    places_of,
    with_class_weight,
    with_mean_one,
)

if TYPE_CHECKING:
    from typing_extensions import Self

Array = NDArray[np.float64]


class OTMDRClassifier(ProbabilisticClassifier):
    r"""Classifier whose training looks at the worst networks nearby.

    Instead of the loss of a network :math:`\theta`, that of networks
    :math:`\tilde\theta` within a ball around it is lowered, which prefers wide minima,

    .. math:: \min_Q \max_{\tilde Q:\ W_\infty(\tilde Q, Q) \le \rho}
              \mathbb E_{\tilde\theta \sim \tilde Q}\, L_S(\tilde\theta),

    optimal-transport model distributional robustness [1]_. Q is a single network, an
    ensemble, or a Gaussian posterior of the weights. `OTMDR` does the steps: with one
    particle and no noise they are those of sharpness-aware minimisation (SAM) [2]_;
    ``rho=0`` is plain training.

    Without a `module`, samples are rows of a table, which are standardised by the
    columns of the fit and read by a perceptron. With one, they may be images,
    sequences or whatever it reads.

    Parameters
    ----------
    module : Module, class or callable, default=None
        What gives logits (n_samples, n_classes): a torch module, which is copied with
        the weights it has, or a class or a factory, which is called with parameters
        ``module__name`` of this estimator, and with `n_inputs` and `n_outputs` if it
        has parameters of these names. None is a perceptron.
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
    label_smoothing : float, default=0.0
        The share of each label that is spread over all classes. Probabilities become
        less sure by it.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes; "balanced" makes all count the same.
    batch_size : int or "auto", default="auto"
        Samples in a step. "auto" is 64; all of them if there are fewer.
    max_iter : int, default=100
        Epochs.
    early_stopping : bool, default=False
        Whether to hold samples out and stop when their loss has not fallen for
        `n_iter_no_change` epochs; the best weights are kept.
    validation_fraction : float, default=0.1
        Share of samples that are held out, of each class.
    n_iter_no_change : int, default=10
        Patience of early stopping.
    tol : float, default=1e-4
        Relative fall of the loss that counts.
    prior_scale : float, default=1.0
        Standard deviation of the prior of Bayesian weights. The 0.1 of [1]_ leaves
        small networks too little room.
    kl_weight : float or "auto", default="auto"
        Weight of the divergence of posterior from prior; one is Bayes, less is colder.
        With few samples and many weights, Bayes gives back the prior, and all classes
        are as probable: "auto" is ``min(1, n_samples / n_weights)``.
    n_prediction_samples : int, default=30
        Draws of Bayesian weights that probabilities are averaged over.
    warm_start : bool, default=False
        Whether `fit` goes on from the networks of the last fit.
    n_jobs : int, default=None
        Processes that train members of an ensemble. None is one, in which perceptrons
        are trained side by side; they then share their noise, if there is any.
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
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    nets_ : list of SharpnessAwareNet
        The trained skorch nets; perceptrons of an ensemble are stacked in one.
    history_ : dict of str to list of float
        "loss" of each epoch, and "validation_loss" with early stopping; means over
        members.
    n_iter_ : int
        Epochs done.
    n_features_in_ : int
        Columns of X; of arrays of more dimensions, the length of the second.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of columns, if X has them.

    See Also
    --------
    OTMDRRegressor : The same for numbers.
    OTMDR : The optimiser.

    Notes
    -----
    A step costs ``1 + n_particles * n_ascent_steps`` gradients instead of one.

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
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import train_test_split
    >>> from skwass import OTMDRClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> classifier = OTMDRClassifier(random_state=0).fit(X_train, y_train)
    >>> classifier.score(X_test, y_test) > 0.9
    True
    >>> classifier.predict_proba(X_test).shape
    (38, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ProbabilisticClassifier._parameter_constraints,
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

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
        label_smoothing: float = 0.0,
        class_weight: Mapping[Any, float] | str | None = None,
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
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
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

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Train the networks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            A table, or what `module` reads; float32 inside.
        y : array-like of shape (n_samples,)
            Labels: numbers or strings, two classes at least.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of samples in the loss, in ascent and descent alike; those of zero
            weight are left out, though their classes stay known. Only proportions
            matter. A weight of two is the same as two samples, but for rounding, where
            all samples are in one batch, and nearly so in several.

        Returns
        -------
        self : object
            The fitted classifier.

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
            found = np.unique(y)
            if goes_on and not np.array_equal(found, self.classes_):
                raise ValueError(
                    "warm_start=True goes on with the networks of the last fit, which "
                    f"knew the classes {self.classes_}; got {found}. Set "
                    "warm_start=False to begin anew."
                )
            self._take_classes(found)
            X, labels, weights = self._weighted(X, y, sample_weight)
            check_that_classes_differ(found[np.unique(labels)], self)
            self._learn(X, labels, with_mean_one(weights), self._task())
        return self

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch more on samples that may be new.

        The learning rate is `lr` throughout, and the optimiser remembers its past; its
        other parameters may change between calls, but not which it is. Columns of a
        table are standardised by those of the first call.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            As in `fit`.
        y : array-like of shape (n_samples,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels there will be; needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`, but as they are: calls can count differently. Best near one,
            since larger ones act like a larger `lr`.

        Returns
        -------
        self : object
            The classifier.

        Raises
        ------
        ValueError
            If X or y is not what is expected, or a label is not in `classes`.
        FloatingPointError
            If the loss turns NaN or infinite. What was fitted before is kept.
        """
        self._check_parameters()
        with keep_fitted_state(self):
            if self.class_weight == "balanced":
                raise ValueError(
                    "class_weight='balanced' needs all samples at once, which "
                    "partial_fit does not have. Pass a dict of weights."
                )
            first = not hasattr(self, "_groups")
            X, y = self._read_pair(X, y, reset=first)
            if first:
                if classes is None:
                    raise ValueError(
                        "classes must be given in the first call of partial_fit."
                    )
                self._take_classes(np.unique(classes))
            elif classes is not None and not np.array_equal(
                np.unique(classes), self.classes_
            ):
                raise ValueError(
                    f"classes={classes!r} are not those of the first call, which were "
                    f"{self.classes_}."
                )
            X, labels, weights = self._weighted(X, y, sample_weight)
            self._learn_on(X, labels, weights, self._task())
        return self

    def _read_pair(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(self, X, y, reset=reset, **self._reading())
        check_labels(y)
        return X, column_or_1d(y, warn=True)

    def _take_classes(self, classes: NDArray[Any]) -> None:
        check_that_classes_differ(classes, self)
        self.classes_ = classes

    def _weighted(
        self, X: Any, y: Any, sample_weight: ArrayLike | None
    ) -> tuple[Any, torch.Tensor, Array]:
        """Samples that count, their labels as numbers, and how much they count."""
        weights = checked_weights(sample_weight, X)
        places = places_of(y, self.classes_)
        if self.class_weight is not None:
            weights = with_class_weight(
                weights, self.class_weight, self.classes_, places
            )
        counted = weights > 0
        labels = torch.as_tensor(places[counted])
        return X[counted], labels, weights[counted]

    def _task(self) -> Task:
        return Task(
            module=self.module,
            module_parameters=self._network_parameters(),
            n_outputs=len(self.classes_),
            loss=WeightedCrossEntropy(self.label_smoothing),
            logits=True,
        )
