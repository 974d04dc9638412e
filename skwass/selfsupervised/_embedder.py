"""The face of self-supervised learning: a transformer that is fitted without labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skwass.selfsupervised._learning import RepresentationLearner
from skwass.selfsupervised._methods import METHODS
from skwass.selfsupervised._recipe import OPTIMIZERS
from skwass.training import keep_fitted_state

if TYPE_CHECKING:
    from typing_extensions import Self

_AUTO = StrOptions({"auto"})
_POSITIVE = Interval(Integral, 1, None, closed="left")


class SelfSupervisedEmbedder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, RepresentationLearner
):
    r"""Learn representations of rows or images without labels.

    Two random views of each sample go through an encoder and a projector, and training
    makes the projections :math:`z, z'` of a sample agree, in one of eight ways. What
    keeps all samples from getting the same projection, or projections from living in
    few dimensions, differs from way to way, and does not always work. So the distance
    of projections from a uniform distribution, which sees both kinds of collapse, can
    be added to the loss [1]_:

    .. math:: L = L_{\text{method}}(z, z')
              + \frac{\alpha_t}{2} \big(W_2(z) + W_2(z')\big)

    It is 0 for uniform projections and :math:`\sqrt2` for a single point; see
    :class:`~skwass.nn.WassersteinUniformityLoss`. The same figure is watched while
    training, and a run that ends collapsed warns. Afterwards the encoder is all that is
    used.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Width of the representations that `transform` gives. "auto" is 128, or what
        `encoder` gives.
    method : str, default="simclr"
        How views are compared: "simclr" [2]_, "mocov2" [3]_, "nnclr" [4]_, "byol" [5]_,
        "simsiam" [6]_, "align-uniform" [7]_, "barlow-twins" [8]_ or "zero-cl" [9]_.
    encoder : torch.nn.Module, class or callable, default=None
        From a batch of samples to representations of shape (n_samples, n_components).
        None is a perceptron for tables, and a small residual network
        (:class:`~skwass.nn.ResidualEncoder`) for images;
        :class:`~skwass.nn.VisionEncoder` is a transformer for them. Of a module, a copy
        is trained; a class or callable makes one, and is told ``n_inputs``,
        ``image_shape`` and ``n_outputs``, the length of the second axis of X, the shape
        of a sample and `n_components`, if it has such parameters.
    hidden_layer_sizes : sequence of int, default=(256, 256)
        Hidden layers of the perceptron for tables.
    projector_sizes : sequence of int or "auto", default="auto"
        Layers of the projector, the last of which is the width of the projections.
        "auto" is four, four and half times the width of the representations. For the
        512 of ResNet-18 this is 2048, 2048 and 256, as published [1]_.
    predictor_sizes : sequence of int or "auto", default="auto"
        Hidden layers of the predictor of "nnclr", "byol" and "simsiam". "auto" is one
        of four times the width of the projections, for "simsiam" of a quarter.
    augmentation : callable or "auto", default="auto"
        Gives a view of each sample: takes a batch of samples, a float32 tensor, and a
        `torch.Generator`, and returns a tensor of the same shape. "auto" is
        :class:`~skwass.nn.TableViews` or :class:`~skwass.nn.ImageViews` with their
        defaults; pass one of them to choose, for example without mirror images:
        ``ImageViews(flip=0.0)``. This decides what is learnt: representations forget
        what views change.
    temperature : float or "auto", default="auto"
        That of "simclr" ("auto" is 0.5), "mocov2" (0.2) and "nnclr" (0.1).
    momentum : float, default=0.99
        How slowly the second encoder of "mocov2" and "byol" follows. More is published
        for training of many more steps (0.999 and 0.996).
    queue_size : int or "auto", default="auto"
        Earlier projections that "mocov2" and "nnclr" look at. "auto" is 4096 as
        published, and no more than a quarter of the samples, lest a sample meets
        itself.
    method_params : dict, default=None
        More of a method: "off_diagonal" (0.08) of "barlow-twins", "uniform_weight" (1)
        of "align-uniform", "instance_weight" (1) and "shrinkage" (1e-4) of "zero-cl".
    uniformity : {"wasserstein", "wang-isola"} or None, default="wasserstein"
        What is added to the loss. "wang-isola" sees a single point, but not few
        dimensions [7]_.
    uniformity_weight : float or "auto", default="auto"
        α at the beginning. "auto" is as published for "mocov2" (1), "byol" (0.2) and
        "barlow-twins" (30), and 1 for the others.
    uniformity_decay : {"constant", "linear", "auto"}, default="auto"
        Whether α stays, or goes down to zero step by step. "auto" is constant for
        "mocov2" and "byol", as published, and linear for the others.
    optimizer : {"adamw", "sgd", "lars"}, default="adamw"
        "sgd" has a momentum of 0.9. "lars" is for large batches
        (:class:`~skwass.nn.LARS`).
    lr : float or "auto", default="auto"
        Learning rate at its largest. "auto" is 1e-3 for "adamw"; 0.05 for "sgd" and 0.3
        for "lars", times the batch size over 256.
    weight_decay : float, default=1e-4
        That of the optimiser.
    lr_schedule : {"constant", "cosine", "one-cycle"}, default="cosine"
        How the learning rate changes from step to step. "one-cycle" rises first.
    batch_size : int, default=256
        Samples in a step, or all if there are fewer. "zero-cl" needs as many as
        projections are wide.
    max_iter : int, default=100
        Number of epochs.
    warm_start : bool, default=False
        Let `fit` go on with the networks of the fit before.
    device : str, default="cpu"
        Where torch trains.
    random_state : int, RandomState instance or None, default=None
        Decides all that is random; the same bits for as many threads of torch. The
        global generators of NumPy and torch stay as they were, whatever encoder and
        augmentation draw from.
    verbose : int, default=0
        Show a progress bar if positive, with the loss, the distance from uniform, the
        least that can be, and the effective rank.
    **encoder_params : dict
        Parameters of a class or callable `encoder`, as ``encoder__name``.

    Attributes
    ----------
    history_ : dict of str to list of float
        Of each epoch: ``"loss"``; and, of up to 1,024 projections that were made last,
        ``"alignment"`` (mean squared distance of two views), ``"uniformity"``
        (:math:`W_2` from uniform), ``"uniformity_floor"`` (what uniform samples of that
        number would have) and ``"effective_rank"``.
    n_iter_ : int
        Number of epochs.
    encoder_ : torch.nn.Module
        The trained encoder.
    net_ : skorch.NeuralNet
        What was trained: the encoder and its heads.
    n_features_in_ : int
        Columns of X; of images, channels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of columns, if X has them.

    See Also
    --------
    linear_probe_score : How good representations are for a linear classifier.

    References
    ----------
    .. [1] Fang, Li, Sun, Wang. Rethinking the uniformity metric in self-supervised
       learning. ICLR 2024. arXiv:2403.00642
    .. [2] Chen, Kornblith, Norouzi, Hinton. A simple framework for contrastive learning
       of visual representations. ICML 2020.
    .. [3] Chen, Fan, Girshick, He. Improved baselines with momentum contrastive
       learning. 2020. arXiv:2003.04297
    .. [4] Dwibedi, Aytar, Tompson, Sermanet, Zisserman. With a little help from my
       friends: nearest-neighbor contrastive learning of visual representations. ICCV
       2021.
    .. [5] Grill et al. Bootstrap your own latent: a new approach to self-supervised
       learning. NeurIPS 2020.
    .. [6] Chen, He. Exploring simple Siamese representation learning. CVPR 2021.
    .. [7] Wang, Isola. Understanding contrastive representation learning through
       alignment and uniformity on the hypersphere. ICML 2020.
    .. [8] Zbontar, Jing, Misra, LeCun, Deny. Barlow Twins: self-supervised learning via
       redundancy reduction. ICML 2021.
    .. [9] Zhang, Zhu, Yan, Tu, Yang. Zero-CL: instance and feature decorrelation for
       negative-free symmetric contrastive learning. ICLR 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skwass import SelfSupervisedEmbedder
    >>> X, _ = load_digits(return_X_y=True)
    >>> embedder = SelfSupervisedEmbedder(
    ...     n_components=32, method="simsiam", max_iter=5, random_state=0
    ... )
    >>> embedder.fit(X).transform(X[:3]).shape
    (3, 32)
    >>> [f"{key} {curve[-1] > 0}" for key, curve in embedder.history_.items()][2:4]
    ['uniformity True', 'uniformity_floor True']
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_components": [_POSITIVE, _AUTO],
        "method": [StrOptions(set(METHODS))],
        "encoder": [None, nn.Module, callable],
        "hidden_layer_sizes": ["array-like"],
        "projector_sizes": ["array-like", _AUTO],
        "predictor_sizes": ["array-like", _AUTO],
        "augmentation": [_AUTO, callable],
        "temperature": [Interval(Real, 0, None, closed="neither"), _AUTO],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "queue_size": [_POSITIVE, _AUTO],
        "method_params": [dict, None],
        "uniformity": [StrOptions({"wasserstein", "wang-isola"}), None],
        "uniformity_weight": [Interval(Real, 0, None, closed="left"), _AUTO],
        "uniformity_decay": [StrOptions({"constant", "linear", "auto"})],
        "optimizer": [StrOptions(set(OPTIMIZERS))],
        "lr": [Interval(Real, 0, None, closed="neither"), _AUTO],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "lr_schedule": [StrOptions({"constant", "cosine", "one-cycle"})],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "max_iter": [_POSITIVE],
        "warm_start": ["boolean"],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        method: str = "simclr",
        encoder: Any = None,
        hidden_layer_sizes: Sequence[int] = (256, 256),
        projector_sizes: Sequence[int] | str = "auto",
        predictor_sizes: Sequence[int] | str = "auto",
        augmentation: Callable[..., Any] | str = "auto",
        temperature: float | str = "auto",
        momentum: float = 0.99,
        queue_size: int | str = "auto",
        method_params: dict[str, Any] | None = None,
        uniformity: str | None = "wasserstein",
        uniformity_weight: float | str = "auto",
        uniformity_decay: str = "auto",
        optimizer: str = "adamw",
        lr: float | str = "auto",
        weight_decay: float = 1e-4,
        lr_schedule: str = "cosine",
        batch_size: int = 256,
        max_iter: int = 100,
        warm_start: bool = False,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        **encoder_params: Any,
    ) -> None:
        self.n_components = n_components
        self.method = method
        self.encoder = encoder
        self.hidden_layer_sizes = hidden_layer_sizes
        self.projector_sizes = projector_sizes
        self.predictor_sizes = predictor_sizes
        self.augmentation = augmentation
        self.temperature = temperature
        self.momentum = momentum
        self.queue_size = queue_size
        self.method_params = method_params
        self.uniformity = uniformity
        self.uniformity_weight = uniformity_weight
        self.uniformity_decay = uniformity_decay
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
        self._take_network_parameters(encoder_params)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the encoder.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or \
                (n_samples, n_channels, height, width)
            A table, or images with the channels first; float32 inside. With `encoder`,
            what that reads. Columns and channels are standardised within the built-in
            encoders.
        y : None
            Ignored: labels are never looked at.

        Returns
        -------
        self : object
            The fitted embedder.

        Raises
        ------
        ValueError
            If X or a parameter is not what is expected; the message says which.
        FloatingPointError
            If the loss turns NaN or infinite. What was fitted before is kept.

        Warns
        -----
        ConvergenceWarning
            If projections have collapsed at the end.
        """
        self._check_parameters()
        with keep_fitted_state(self):
            self._learn(self._read(X, reset=not self._goes_on, learning=True))
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train for one epoch more on samples that may be new.

        Learning rate and weight of the uniformity stay as they are at first, and the
        optimiser remembers its past. Columns, channels and views are scaled by what the
        first call saw.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            As in `fit`.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The embedder.

        Raises
        ------
        ValueError
            If X is not what is expected.
        FloatingPointError
            If the loss turns NaN or infinite. What was fitted before is kept.
        """
        self._check_parameters()
        with keep_fitted_state(self):
            first = not hasattr(self, "net_")
            self._learn_on(self._read(X, reset=first, learning=True))
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Represent samples, each by itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Samples of the shape that those of the fit had.

        Returns
        -------
        representations : ndarray of shape (n_samples, n_components), float32
            What the encoder gives, of any length; the projector is not used.

        Raises
        ------
        ValueError
            If samples have another shape than in `fit`, or are not finite.
        """
        check_is_fitted(self)
        return self._represent(self._read(X, reset=False, learning=False))

    @property
    def _n_features_out(self) -> int:
        return self.net_.module_.n_components
