"""StochasticViTClassifier: a vision transformer whose tokens are Gaussians."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from torch import nn

from skwass.training import keep_fitted_state, with_gradients
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
    r"""Classify images by a vision transformer whose tokens are Gaussians.

    Patches of an image become Gaussians with independent components, of means
    :math:`\mu` and variances :math:`\sigma`, and attend to each other by their
    2-Wasserstein distance [1]_:

    .. math:: A_{ij} \propto \exp\big(-\tau W_2^2(q_i, k_j)\big), \qquad
              W_2^2 = \|\mu_q - \mu_k\|^2 + \|\sqrt{\sigma_q} - \sqrt{\sigma_k}\|^2.

    The pooled token is a Gaussian z, and the head is linear on its mean. Cross-entropy
    is what is made small, with two regularisers,

    .. math:: L = L_{\text{CE}}(z)
              - \lambda_1 \log \sigma\big(W_2^2(z, z^-) - W_2^2(z, z^+)\big)
              + \lambda_2 \big[W_2^2(z, z^+) - W_2^2(z^+, z^-)\big]_+,

    where z⁺ is the same image before its augmentation, and z⁻ one of another class.
    ``attention="dot"`` is an ordinary vision transformer, trained the same way.

    Rows of a table are classified too: each column is then a token.

    Parameters
    ----------
    image_shape : tuple of two or three ints, default=None
        For images that come as flat rows: height and width, and the number of channels
        where `channels` says. None takes rows for those of a table.
    channels : {"auto", "first", "last", "none"}, default="auto"
        Where the axis of channels is: X of shape (n, C, H, W), (n, H, W, C) or
        (n, H, W). "auto" looks for an axis of length 1, 3 or 4.
    patch_size : int, tuple of two ints or "auto", default="auto"
        Height and width of a patch, which have to divide those of an image. "auto"
        chooses about :math:`\sqrt{2 n}` patches for a side of n pixels: patches of 2
        pixels for 8, and of 4 for 28 or 32. Of a table, it is columns that are a token
        together: 1, up to 512 columns.
    width : int, default=64
        Width of a token.
    depth : int, default=4
        Blocks of attention.
    n_heads : int, default=4
        Heads of attention; they share the width, and have to divide it.
    mlp_ratio : float, default=2.0
        Width of the hidden layers within blocks, in units of `width`.
    attention : {"wasserstein", "dot"}, default="wasserstein"
        "dot" has no variances.
    cov_aggregation : {"squared", "linear"}, default="squared"
        Variances are added up by the squares of weights of attention, as those of
        independent Gaussians are, or by the weights, which is faster.
    covariance_mlp : {"light", "full"}, default="light"
        Hidden layers of the variances: a quarter of `width`, or as wide as those of
        means.
    variance_embedding : {"position", "patch"}, default="position"
        What variances begin with: positions alone, the same in all images, or patches,
        too, as published. "position" was as accurate or more so wherever it was tried;
        variances learn of contents from the first block on.
    pooling : {"mean", "cls"}, default="mean"
        What is classified: the mean of all tokens, or a token of its own.
    head : {"mean", "probit"}, default="mean"
        Which logits probabilities are of: those of the mean of the pooled token, as
        published, or as good as the mean of probabilities over it, which has a closed
        form, :math:`m / \sqrt{1 + \pi v / 8}` with m and v the means and variances of
        logits. "mean" is calibrated as well or better where both were measured.
    dropout : float, default=0.0
        Share of what blocks add that is left out.
    drop_path : float, default=0.0
        Share of samples that the last block leaves as they are; less for earlier ones.
    pretrained : fitted estimator or StochasticViT, default=None
        A `StochasticViTPretrainer`, another classifier, or a network.
        Where weights start from, but for the head. The architecture and the scale of
        pixels are then those of that network; parameters of an architecture are left
        out, or say the same. In a search, whose clones are not fitted, give the
        `network_` of a pre-trainer.
    n_pretraining_iter : int, default=0
        Epochs of pre-training, as of :class:`StochasticViTPretrainer`, on all samples
        of a fit, whether labelled or not, before labels are looked at.
    augmentation : callable, "auto" or None, default="auto"
        Takes a batch of images, (n, C, H, W), and a `torch.Generator`, and returns a
        tensor of the same shape. "auto" is :class:`~skwass.nn.ImageAugmentation`:
        shifts by up to an eighth of the side and mirror images for three channels,
        shifts by up to a sixteenth for others, and nothing for tables. None is none.
    mixup : float, default=0.0
        α of means of two images and their labels, see
        :class:`~skwass.nn.ImageMixing`; such as 0.2. 0 is none.
    cutmix : float, default=0.0
        α of images with a box of another one, and of labels alike; such as 1.
    lambda1 : float, default=1e-4
        Weight of the first regulariser, as published; 0 switches it off.
    lambda2 : float, default=1e-4
        Weight of the second.
    label_smoothing : float, default=0.0
        Share of each label that is spread over all classes. Probabilities become less
        sure by it.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes in the loss; "balanced" makes all count the same.
    temperature : float or "auto", default=1.0
        What logits are divided by after training. "auto" finds what makes held-out
        labels most likely (temperature scaling), but not far from 1 by few of them, and
        holds samples out for that.
    lr : float or "auto", default="auto"
        Learning rate of AdamW at its largest. "auto" is 0.002 for a width of 64, and
        goes by the inverse of the width, up to 0.01.
    weight_decay : float, default=0.05
        That of weights of layers; biases, norms and positions have none.
    layer_decay : float, default=1.0
        Factor of the learning rate from each block to the one before it. 0.65 to 0.8
        are usual after pre-training.
    lr_schedule : {"cosine", "constant"}, default="cosine"
        How the learning rate goes on after it has risen; "cosine" falls to zero.
    warmup_fraction : float, default=0.1
        Share of all steps in which the learning rate rises from zero.
    max_grad_norm : float or None, default=1.0
        Longer gradients are shortened to that.
    ema : float, default=0.0
        Momentum of a moving average of weights, which is what predicts, such as 0.99.
        0 is the network itself.
    batch_size : int or "auto", default="auto"
        Samples in a step. "auto" is 64, and less, down to 8, for so few samples that
        an epoch would have less than 16 steps.
    max_iter : int, default=20
        Epochs. Transformers want many of them when images are few or large.
    early_stopping : bool, default=False
        Whether to hold samples out and stop when their loss has not fallen for
        `n_iter_no_change` epochs; the best weights are kept.
    validation_fraction : float, default=0.1
        Share of samples that are held out, of each class, for early stopping and for
        the temperature.
    n_iter_no_change : int, default=10
        Patience of early stopping.
    tol : float, default=1e-4
        Relative fall of the loss that counts.
    warm_start : bool, default=False
        Whether `fit` goes on from the network of the last fit.
    device : str, default="cpu"
        Where to train and to predict.
    random_state : int, RandomState or None, default=None
        Decides all that is random. The global generators stay as they were.
    verbose : int, default=0
        A progress bar if positive.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    net_ : skorch.NeuralNet
        What was trained.
    network_ : StochasticViT
        The network in it.
    image_shape_ : tuple of three ints
        Channels, height and width of an image; of a table, 1, 1 and its columns.
    temperature_ : float
        What logits are divided by.
    history_ : dict of str to list of float
        "loss" of each epoch, and "validation_loss" if samples were held out.
    pretraining_history_ : dict of str to list of float
        As of :class:`StochasticViTPretrainer`, if there was pre-training.
    n_iter_ : int
        Epochs done.
    n_features_in_ : int
        Columns of X; of images, the length of the second axis.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of columns, if X has them.

    See Also
    --------
    StochasticViTPretrainer : Learns from images without labels.
    skwass.nn.StochasticViT : The network.
    OTMDRClassifier : Training by worst cases, which takes that network as a module.

    Notes
    -----
    Predictions for rows of a table are computed in double precision, and do not depend
    on other samples; those for images do by what rounding of single precision does.

    References
    ----------
    .. [1] Stochastic vision transformers with Wasserstein distance-aware attention.
       2023. arXiv:2311.18645

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skwass import StochasticViTClassifier
    >>> digits = load_digits()
    >>> X, X_test, y, y_test = train_test_split(
    ...     digits.images, digits.target, random_state=0
    ... )
    >>> classifier = StochasticViTClassifier(
    ...     width=32, depth=2, max_iter=12, random_state=0
    ... )
    >>> classifier.fit(X, y).score(X_test, y_test) > 0.9
    True
    >>> negatives = 16 - X_test
    >>> usual = classifier.ood_score(X_test).mean()
    >>> bool(classifier.ood_score(negatives).mean() > 2 * usual)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **StochasticLearner._parameter_constraints,
        "head": [StrOptions({"mean", "probit"})],
        "pretrained": [None, nn.Module, HasMethods(["fit", "transform"])],
        "n_pretraining_iter": [Interval(Integral, 0, None, closed="left")],
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
        variance_embedding: str = "position",
        pooling: str = "mean",
        head: str = "mean",
        dropout: float = 0.0,
        drop_path: float = 0.0,
        pretrained: Any = None,
        n_pretraining_iter: int = 0,
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
        self.variance_embedding = variance_embedding
        self.pooling = pooling
        self.head = head
        self.dropout = dropout
        self.drop_path = drop_path
        self.pretrained = pretrained
        self.n_pretraining_iter = n_pretraining_iter
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
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images, (n, H, W), (n, H, W, C) or (n, C, H, W) as `channels` says, or flat
            rows with `image_shape`; without it, rows of a table. Pixels of eight bits
            (uint8) are divided by 255, others are taken as they are. Each channel, or
            column of a table, is standardised within the network.
        y : array-like of shape (n_samples,)
            Labels: numbers or strings, of two classes at least. -1 marks a sample
            without label, which only pre-training learns from; where all labels are -1
            or 1, both are classes. Among strings it is the number, in an array of
            ``dtype=object``.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If X, y or a parameter is not what is expected; the message says which.
        FloatingPointError
            If the loss or what is learnt turns NaN or infinite. What was fitted before
            is kept.

        Warns
        -----
        UserWarning
            If images are floats far from 0 to 1 or from those of pre-training, or
            training is interrupted; what is kept is the network so far.
        ConvergenceWarning
            If pre-training, by `n_pretraining_iter`, collapses.
        """
        self._validate_params()
        with keep_fitted_state(self), with_gradients():
            self._learn(X, y)
        return self
