"""The flagship: an embedding in which Euclidean distances are Wasserstein distances."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skwass.manifold._decoding import CloudDecoder
from skwass.manifold._learning import CohortLearner
from skwass.manifold._reading import correlation_with_transport
from skwass.metrics import distance_correlation

_POSITIVE = Interval(Integral, 1, None, closed="left")
_NON_NEGATIVE = Interval(Real, 0, None, closed="left")


class WormholeEmbedder(
    CohortLearner,
    CloudDecoder,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Embed point clouds so that Euclidean distances match optimal transport.

    The idea of Wasserstein Wormhole [1]_: an encoder is trained until
    :math:`\|z_i - z_j\| \approx W_2(x_i, x_j)` for the clouds of a cohort; afterwards a
    distance between any two clouds costs a subtraction, and new clouds are embedded
    each by itself. A decoder turns embeddings back into clouds.

    Each cloud is told by linear optimal transport [2]_: the plan from a common
    reference gives features whose distances are close to :math:`W_2` already. The
    encoder is a linear map of them plus a network that corrects it, trained on exact
    distances that are solved once and kept,

    .. math:: \min \sum_{(i, j)} (\|z_i - z_j\| - W_2(x_i, x_j))^2 ,

    which is the stress of metric MDS. Rows of a table are clouds of one point, for
    which :math:`W_2` is the Euclidean distance; so the embedder replaces
    :class:`~sklearn.manifold.MDS`, and has a `transform`.

    Parameters
    ----------
    n_components : int, default=2
        Dimension of the embedding. Two is for looking at; distances are kept well from
        32 or 64 on. It may exceed the dimension of the data.
    metric : str or callable, default="wasserstein"
        The distance to match, any that :func:`wasserstein_distances` knows: transport
        with a ground distance that is Euclidean (``"wasserstein"``), has a name in
        :func:`scipy.spatial.distance.cdist`, or is a callable of two points;
        ``"sinkhorn"``, the divergence of the paper; ``"gromov"``, blind to rotations,
        reflections and shifts of a cloud; and so on. With ``"precomputed"``, X holds
        distances.
    metric_params : dict, default=None
        Further arguments of the metric.
    order : float, default=2
        The p of the p-Wasserstein distance.
    reg : float, default=None
        Entropic regularisation of ``metric="sinkhorn"``; None chooses one by the
        extent of the clouds of the fit, which is kept for all that comes later.
    encoder : {"transport", "network", "transformer"}, default="transport"
        What reads a cloud. "transport" solves one plan for each, and is the most
        precise. The others read its points, and learn to do so from "transport" after
        it is trained: "network" by a network of quantiles along lines, nearly as
        precise and some ten times faster on images; "transformer" by one of attention
        between points, as in the paper [1]_, which takes long to train.
    encoder_params : dict, default=None
        How the latter are trained: "n_virtual" clouds (default 20,000) that are made up
        besides those of X and cost a plan each, "max_iter" (20), "batch_size" (256) and
        "lr" (1e-3). Each call of `partial_fit` trains such a network anew.
    n_reference : int or "auto", default="auto"
        Points of the reference. More see finer detail and cost time in proportion.
        "auto" is 192 in few dimensions, fewer in many.
    n_pairs : int or "auto", default="auto"
        How many exact distances may be solved. "auto" is 100,000, or ten for each cloud
        if that is more; on a table, where distances are cheap, all up to two million.
        If all pairs fit in, all are solved and kept in `dissimilarity_matrix_`.
    hidden_layer_sizes : sequence of int, default=(256, 256, 256)
        Layers of the correcting network, and of the decoder's; empty for a linear map.
    decoder : bool, default=True
        Train a decoder for `inverse_transform`, `barycenter` and `interpolate`.
    decoder_max_iter : int, default=3
        Epochs in which the decoder, after it has learnt to give the transport features
        back, is trained by the exact :math:`W_2^2` to the clouds. On digits three gain
        little (a per cent of that error), and ten no more.
    init : {"pca", "classical_mds", "random"} or ndarray, default="pca"
        Where the linear part of the encoder starts. "pca" and "classical_mds" are the
        same here: the principal components of linear transport, which are its classical
        MDS. "random" is a random projection. An array of shape (n_samples,
        n_components) is approached by least squares.
    n_init : int, default=1
        Number of runs, of which the one of least stress is kept.
    max_iter : int, default=100
        Number of epochs. An epoch goes through the solved distances once, and through
        100,000 of them at most where all pairs are known; so few clouds have few steps.
    batch_size : int, default=256
        Number of clouds in a step.
    lr : float or "auto", default="auto"
        Largest learning rate of AdamW in a one-cycle schedule. "auto" is 3e-3 where all
        distances are known. Where some are, steps are noisier, and it is 1e-3.
    weight_decay : float, default=0.1
        That of AdamW.
    early_stopping : bool, default=False
        Hold some clouds out, stop when their stress no longer falls, keep the best.
    validation_fraction : float, default=0.1
        Share of the clouds that early stopping holds out (two at least).
    n_iter_no_change : int, default=20
        Epochs without progress after which early stopping stops.
    tol : float, default=1e-4
        Relative progress that counts.
    normalized_stress : bool or "auto", default="auto"
        Give Kruskal's stress-1 in `stress_` instead of the raw stress. "auto" is False,
        as in metric MDS.
    warm_start : bool, default=False
        Go on from the networks of the fit before, on the same or other clouds, instead
        of from `init`. The reference stays as it was.
    checkpoint : str or path-like, default=None
        A file in which a long fit keeps what it has reached. When the same fit (same
        parameters, same X) finds it, as after a kill, it goes on from there to the
        result that it would have had, bit for bit. A fit that is over removes it. The
        file of another fit is an error; in a folder that is there, each fit has a file
        of its own, as the fits of a grid search need. `partial_fit` keeps none after
        its first call.
    checkpoint_interval : float, default=120
        Least seconds between two writes; the end of each stage is written anyway.
    n_jobs : int, default=None
        Threads for transport; None is one, -1 is all cores. It changes no result.
    device : str, default="cpu"
        Where torch trains. The CPU is a good place for networks so small.
    mixed_precision : bool, default=False
        Compute the layers of encoder and decoder in bfloat16 and the rest in float32,
        for GPUs made for that. The networks of `encoder` stay in float32.
    random_state : int, RandomState instance or None, default=None
        Decides all that is random; the same bits for as many threads of torch.
    verbose : int, default=0
        Show progress bars if positive.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components), float32
        ``transform(X)``, in the unit of the distances.
    stress_ : float
        Stress over all pairs trained on, estimated where only some were solved.
    n_iter_ : int
        Number of epochs of the kept run.
    history_ : dict of str to list of float
        Of each epoch, ``"loss"`` (relative stress, plus the decoder's error) and, if
        `early_stopping`, ``"validation_loss"`` (relative stress of held-out clouds).
    dissimilarity_matrix_ : ndarray of shape (n_samples, n_samples)
        Exact distances. Only if all pairs were solved.
    net_ : skorch.NeuralNet
        The trained autoencoder.
    n_features_in_ : int
        Dimension of the points, or number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X was a data frame.

    See Also
    --------
    sklearn.manifold.MDS : Metric MDS of a table, without `transform`.
    wasserstein_distances : The exact distances.

    References
    ----------
    .. [1] Haviv, Kunes, Dougherty, Burdziak, Nawy, Gilbert, Pe'er. Wasserstein
       Wormhole: scalable optimal transport distance with transformers. ICML 2024,
       arXiv:2404.09411.
    .. [2] Wang, Slepčev, Basu, Ozolek, Rohde. A linear optimal transportation framework
       for quantifying and visualizing variations in sets of images. IJCV 101, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass import WormholeEmbedder
    >>> rng = np.random.default_rng(0)
    >>> clouds = [rng.normal(size=(rng.integers(5, 20), 3)) + i for i in range(30)]
    >>> embedder = WormholeEmbedder(n_components=2, random_state=0)
    >>> embedder.fit_transform(clouds).shape
    (30, 2)
    >>> embedder.transform(clouds[:5]).shape
    (5, 2)
    >>> embedder.inverse_transform(embedder.embedding_[:2])
    PointClouds(n_clouds=2, n_features=3, sizes=192..192)
    """

    _parameter_constraints: dict = {
        "n_components": [_POSITIVE],
        "metric": [str, callable],
        "metric_params": [dict, None],
        "order": [Interval(Real, 1, None, closed="left")],
        "reg": [Interval(Real, 0, None, closed="neither"), None],
        "encoder": [StrOptions({"transport", "network", "transformer"})],
        "encoder_params": [dict, None],
        "n_reference": [_POSITIVE, StrOptions({"auto"})],
        "n_pairs": [_POSITIVE, StrOptions({"auto"})],
        "hidden_layer_sizes": ["array-like"],
        "decoder": ["boolean"],
        "decoder_max_iter": [Interval(Integral, 0, None, closed="left")],
        "init": [StrOptions({"pca", "classical_mds", "random"}), np.ndarray],
        "n_init": [_POSITIVE],
        "max_iter": [_POSITIVE],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "weight_decay": [_NON_NEGATIVE],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [_POSITIVE],
        "tol": [_NON_NEGATIVE],
        "normalized_stress": ["boolean", StrOptions({"auto"})],
        "warm_start": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
        "checkpoint_interval": [_NON_NEGATIVE],
        "n_jobs": [None, Integral],
        "device": [str],
        "mixed_precision": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        metric: str | Callable[..., float] = "wasserstein",
        metric_params: dict[str, Any] | None = None,
        order: float = 2,
        reg: float | None = None,
        encoder: str = "transport",
        encoder_params: dict[str, Any] | None = None,
        n_reference: int | str = "auto",
        n_pairs: int | str = "auto",
        hidden_layer_sizes: Sequence[int] = (256, 256, 256),
        decoder: bool = True,
        decoder_max_iter: int = 3,
        init: str | NDArray[Any] = "pca",
        n_init: int = 1,
        max_iter: int = 100,
        batch_size: int = 256,
        lr: float | str = "auto",
        weight_decay: float = 0.1,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 20,
        tol: float = 1e-4,
        normalized_stress: bool | str = "auto",
        warm_start: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_interval: float = 120.0,
        n_jobs: int | None = None,
        device: str = "cpu",
        mixed_precision: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.metric = metric
        self.metric_params = metric_params
        self.order = order
        self.reg = reg
        self.encoder = encoder
        self.encoder_params = encoder_params
        self.n_reference = n_reference
        self.n_pairs = n_pairs
        self.hidden_layer_sizes = hidden_layer_sizes
        self.decoder = decoder
        self.decoder_max_iter = decoder_max_iter
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.normalized_stress = normalized_stress
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.checkpoint_interval = checkpoint_interval
        self.n_jobs = n_jobs
        self.device = device
        self.mixed_precision = mixed_precision
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Embed clouds, each by itself.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            Clouds in any form that `fit` takes. If `metric` is "precomputed",
            distances to the samples of the fit, of shape (n_samples, n_samples_fit).

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_components), float32
            Embeddings, in the unit of the distances.

        Raises
        ------
        ValueError
            If X is no set of clouds or its points have another dimension.
        """
        check_is_fitted(self)
        return self._embed(self._read(X, reset=False))

    def score(self, X: Any, y: Any = None) -> float:
        """Pearson correlation of squared embedded distances with exact ones.

        Up to 2,000 pairs of X are drawn, always the same for the same number of clouds,
        and solved exactly. If `metric` is "precomputed", the given distances to the
        samples of the fit are taken instead.

        Parameters
        ----------
        X : PointClouds, list, tuple or array-like
            Clouds in any form that `transform` takes, at least three.
        y : None
            Ignored.

        Returns
        -------
        correlation : float
            One is perfect. NaN, with a warning, if distances do not vary.
        """
        check_is_fitted(self)
        samples = self._read(X, reset=False, at_least=3)
        embedding = self._embed(samples).astype(np.float64)
        if self.metric == "precomputed":
            embedded = cdist(embedding, self.embedding_)
            return distance_correlation(samples.ravel(), embedded.ravel())
        return correlation_with_transport(embedding, self._cohort_of(samples))

    def _embed(self, samples: Any) -> NDArray[np.float32]:
        return self._model.embed(samples, self.n_jobs)

    @property
    def _n_features_out(self) -> int:
        return int(self.embedding_.shape[1])
