"""StochasticViTPretrainer: a vision transformer that learns without labels."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from skwass.nn import MaskedPrediction, StochasticViT
from skwass.training import (
    TorchStream,
    draw_seed,
    keep_fitted_state,
    with_gradients,
)
from skwass.vision._estimator import (
    AUTO,
    NOT_NEGATIVE,
    POSITIVE,
    POSITIVE_INTEGER,
    ImageEstimator,
)
from skwass.vision._images import Images, read
from skwass.vision._masked_net import MaskedNet
from skwass.vision._networks import check_same_network, new_network, options_of
from skwass.vision._pretraining import (
    curves_of,
    pretrain,
    student_and_teacher,
)
from skwass.vision._pretraining_recipe import (
    PretrainingRecipe,
    check_that_some_can_be_seen,
)
from skwass.vision._reading import pooled_means, reader_of
from skwass.vision._scale import centre_of

if TYPE_CHECKING:
    from typing_extensions import Self


class StochasticViTPretrainer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ImageEstimator
):
    r"""Learn from images without labels, by guessing what is hidden.

    A student sees an image of which most patches are hidden; a teacher, which is a slow
    copy of it, sees the whole. The student predicts what the teacher makes of the
    hidden patches, as in data2vec [1]_, and its Gaussian tokens are drawn towards the
    teacher's [2]_:

    .. math:: L = \ell_\beta\bigl(h(\mu_p), t_p\bigr)
              + w\, \ell_\beta\bigl(g(\bar\mu, p), t_p\bigr)
              - \lambda \log \sigma\bigl(-W_2^2(z_p, z'_p)\bigr).

    :math:`\mu_p` is the mean of the student's token of a patch p, and :math:`t_p` the
    mean over the teacher's upper blocks of normalised tokens. The second term is ours:
    the mean :math:`\bar\mu` of the pooled token has to predict all patches, lest it
    forgets what was where. What is learnt is the start of a
    :class:`StochasticViTClassifier`, which needs fewer labels then, or an embedding for
    any other estimator.

    Parameters
    ----------
    image_shape : tuple of two or three ints, default=None
        For images that come as flat rows, as in :class:`StochasticViTClassifier`.
    channels : {"auto", "first", "last", "none"}, default="auto"
        Where the axis of channels is.
    patch_size : int, tuple of two ints or "auto", default="auto"
        Height and width of a patch.
    width : int, default=64
        Width of a token.
    depth : int, default=4
        Blocks.
    n_heads : int, default=4
        Heads of attention.
    mlp_ratio : float, default=2.0
        Width of the hidden layers within blocks, in units of `width`.
    attention : {"wasserstein", "dot"}, default="wasserstein"
        "dot" has no variances.
    cov_aggregation : {"squared", "linear"}, default="squared"
        How variances are added up.
    covariance_mlp : {"light", "full"}, default="light"
        Hidden layers of the variances.
    variance_embedding : {"position", "patch"}, default="position"
        What variances begin with: positions alone, or patches, too.
    pooling : {"mean", "cls"}, default="mean"
        What `transform` gives: the mean of all tokens, or a token of its own.
    dropout : float, default=0.0
        Share of what blocks add that is left out.
    drop_path : float, default=0.0
        Share of samples that the last block leaves as they are.
    mask_share : float, default=0.4
        Share of patches that are hidden, in blocks; of a table, columns each by
        itself. Published is 0.6, which wants longer training.
    n_target_blocks : int or "auto", default="auto"
        Of how many blocks, counted from the last, the mean is predicted. "auto" is
        the upper half.
    beta : float, default=2.0
        Differences below count by their squares, others by their size.
    lambda_contrast : float, default=1e-5
        λ, as published.
    pooled_weight : float, default=5.0
        w. Without it, 0, what `transform` gives is of little use. Of few labels, more
        was learnt after a weight of 5 than of 1, from digits of 8 and of 28 pixels.
    momentum : float, pair of floats or "auto", default="auto"
        How slowly the teacher follows, from the first step to the last. "auto" rises
        from 0.999 to 0.9998, as published, in long training; in less than 80,000 steps
        it is lower, so that the teacher forgets its past 80 times at the pace of the
        first step, or 8 times at that of the last.
    augmentation : callable, "auto" or None, default="auto"
        As in :class:`StochasticViTClassifier`. Student and teacher see the same image.
    lr : float or "auto", default="auto"
        Learning rate of AdamW at its largest. "auto" is 0.01 for a width of 64, and
        goes by the inverse of the width, up to 0.02.
    weight_decay : float, default=0.05
        That of weights of layers; biases, norms and positions have none.
    lr_schedule : {"cosine", "constant"}, default="cosine"
        How the learning rate goes on after it has risen; "cosine" falls to zero.
    warmup_fraction : float, default=0.1
        Share of all steps in which the learning rate rises from zero.
    max_grad_norm : float or None, default=1.0
        Longer gradients are shortened to that.
    batch_size : int or "auto", default="auto"
        Samples in a step. "auto" is 64, and less, down to 8, for so few samples that
        an epoch would have less than 16 steps.
    max_iter : int, default=50
        Epochs.
    warm_start : bool, default=False
        Whether `fit` goes on from student and teacher of the last fit.
    device : str, default="cpu"
        Where to train and to transform.
    random_state : int, RandomState or None, default=None
        Decides all that is random. The global generators stay as they were.
    verbose : int, default=0
        A progress bar if positive.

    Attributes
    ----------
    network_ : StochasticViT
        The student, which a classifier starts from.
    net_ : skorch.NeuralNet
        What was trained: student, teacher and what predicts.
    history_ : dict of str to list of float
        Of each epoch: "loss", and what it is made of before weights: "prediction",
        "pooled_prediction" and "distance". "target_spread" is the variance of targets
        between images, place by place, as a share of their mean square; it falls to
        zero if training collapses.
    n_iter_ : int
        Epochs done.
    image_shape_ : tuple of three ints
        Channels, height and width of an image; of a table, 1, 1 and its columns.
    n_features_in_ : int
        Columns of X; of images, the length of the second axis.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of columns, if X has them.

    See Also
    --------
    StochasticViTClassifier : Takes a fitted pre-trainer as ``pretrained``, or
        pre-trains by itself, with ``n_pretraining_iter``.
    skwass.nn.MaskedPrediction : The loss.

    References
    ----------
    .. [1] Baevski et al. data2vec: a general framework for self-supervised learning in
       speech, vision and language. ICML 2022. arXiv:2202.03555
    .. [2] Stochastic vision transformers with Wasserstein distance-aware attention.
       2023. arXiv:2311.18645

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skwass.vision import StochasticViTClassifier, StochasticViTPretrainer
    >>> digits = load_digits()
    >>> pretrainer = StochasticViTPretrainer(
    ...     width=32, depth=2, max_iter=10, random_state=0
    ... )
    >>> pretrainer.fit_transform(digits.images).shape
    (1797, 32)

    A classifier that knows 50 labels, with the network of the pre-trainer:

    >>> classifier = StochasticViTClassifier(pretrained=pretrainer, random_state=0)
    >>> classifier.fit(digits.images[:50], digits.target[:50]).network_.width
    32
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ImageEstimator._parameter_constraints,
        "mask_share": [Interval(Real, 0, 1, closed="neither")],
        "n_target_blocks": [AUTO, POSITIVE_INTEGER],
        "beta": [POSITIVE],
        "lambda_contrast": [NOT_NEGATIVE],
        "pooled_weight": [NOT_NEGATIVE],
        "momentum": [AUTO, Interval(Real, 0, 1, closed="both"), "array-like"],
    }

    net_: MaskedNet

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
        variance_embedding: str = "position",
        pooling: str = "mean",
        dropout: float = 0.0,
        drop_path: float = 0.0,
        mask_share: float = 0.4,
        n_target_blocks: int | str = "auto",
        beta: float = 2.0,
        lambda_contrast: float = 1e-5,
        pooled_weight: float = 5.0,
        momentum: float | Sequence[float] | str = "auto",
        augmentation: Callable[..., Any] | str | None = "auto",
        lr: float | str = "auto",
        weight_decay: float = 0.05,
        lr_schedule: str = "cosine",
        warmup_fraction: float = 0.1,
        max_grad_norm: float | None = 1.0,
        batch_size: int | str = "auto",
        max_iter: int = 50,
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
        self.variance_embedding = variance_embedding
        self.pooling = pooling
        self.dropout = dropout
        self.drop_path = drop_path
        self.mask_share = mask_share
        self.n_target_blocks = n_target_blocks
        self.beta = beta
        self.lambda_contrast = lambda_contrast
        self.pooled_weight = pooled_weight
        self.momentum = momentum
        self.augmentation = augmentation
        self.lr = lr
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.warmup_fraction = warmup_fraction
        self.max_grad_norm = max_grad_norm
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train student and teacher.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images, (n, H, W), (n, H, W, C) or (n, C, H, W) as `channels` says, or flat
            rows with `image_shape`; without it, rows of a table. Pixels of eight bits
            (uint8) are divided by 255, others are taken as they are. Each channel, or
            column of a table, is standardised within the network.
        y : None
            Ignored: labels are never looked at.

        Returns
        -------
        self : object
            The fitted pre-trainer.

        Raises
        ------
        ValueError
            If X or a parameter is not what is expected, or an image is a single patch;
            the message says which.
        FloatingPointError
            If the loss or what is learnt turns NaN or infinite. What was fitted before
            is kept.

        Warns
        -----
        ConvergenceWarning
            If the teacher says nearly the same of all images of a batch at the end.
        UserWarning
            If images are floats far from 0 to 1, or training is interrupted.
        """
        self._validate_params()
        with keep_fitted_state(self), with_gradients():
            self._learn(X)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Represent samples by the mean of their pooled token.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or rows as in `fit`.

        Returns
        -------
        embedding : ndarray of shape (n_samples, width), float32
            What the student makes of whole images.
        """
        check_is_fitted(self)
        # scikit-learn's set_output is around this
        images = self._images(X, stacklevel=4)
        reader = reader_of(self.network_, images, self.net_.device)
        embedding: NDArray[np.float32] = pooled_means(reader, images).float().numpy()
        return embedding

    @property
    def network_(self) -> StochasticViT:
        """The trained network, a part of `net_`."""
        check_is_fitted(self)
        return self.net_.module_.student

    @property
    def _n_features_out(self) -> int:
        return self.network_.width

    def _learn(self, X: Any) -> None:
        """Everything that `fit` does after its parameters are checked."""
        goes_on = self.warm_start and hasattr(self, "net_")
        images, _ = read(self, X)
        if goes_on:
            self._check_that_goes_on(images)
        options = options_of(self, images.form, n_outputs=1)
        check_that_some_can_be_seen(images.form, options["patch_size"])
        recipe = PretrainingRecipe.of(self, len(images.pixels), self.width, self.depth)
        self._remember(images, stacklevel=4)
        random_state = check_random_state(self.random_state)
        module = self._start(images, options, random_state, goes_on)
        stream = TorchStream(draw_seed(random_state), recipe.device)
        net = pretrain(module, recipe, images, self.augmentation, stream, stacklevel=4)
        self.net_, self.history_ = net, curves_of(net)
        self.n_iter_ = len(self.history_["loss"])

    def _start(
        self,
        images: Images,
        options: dict[str, Any],
        random_state: np.random.RandomState,
        goes_on: bool,
    ) -> MaskedPrediction:
        """What training begins with."""
        if goes_on:
            check_same_network(self.network_, options)
            return copy.deepcopy(self.net_.module_)
        network = new_network(options, *centre_of(images), draw_seed(random_state))
        tabular = images.form.tabular
        return student_and_teacher(network, tabular, draw_seed(random_state))
