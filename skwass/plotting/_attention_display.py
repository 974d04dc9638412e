"""What a vision transformer looks at, and what it is unsure of, image by image."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skwass.metrics._representations import on_the_cpu
from skwass.plotting._attention_maps import pooled_attention
from skwass.plotting._attention_panels import Layout, Row, draw_panels
from skwass.plotting._axes import axes_or_new
from skwass.plotting._pictures import pictures_of

if TYPE_CHECKING:
    from typing_extensions import Self

Array = NDArray[np.float64]

_MOST = 64  # images that a figure has room for
_N_COLUMNS = 8


class AttentionDisplay:
    """Images, what the network attends to in each, and the variances of its tokens.

    Every image has a column. Beneath it lies the attention of the token that is
    classified, or the mean of all tokens, in units of attention that is the same for
    all patches: one is no preference, two is twice as much as an even share. Beneath
    that lies the mean variance of the token of each patch. Scales are the same for all
    images, so they can be compared.

    Attention tells where information comes from in one block, not why a class was
    chosen.

    Make one with `from_estimator` or `from_maps`, which draw it as well.

    Parameters
    ----------
    images : array-like of shape (n_images, height, width) or with channels
        Images, with 1, 3 or 4 channels first or last. Integers of eight bits and floats
        between zero and one are drawn as they are, others from the least to the largest
        of all.
    attention : array-like of shape (n_images, rows, columns)
        Attention to each patch, not negative, of any scale.
    variances : array-like of shape (n_images, rows, columns), default=None
        Variances of tokens; None leaves them out.
    labels : array-like of shape (n_images,), default=None
        What to write above the images.

    Attributes
    ----------
    attention : ndarray of shape (n_images, rows, columns)
        In units of an even share: the mean of each image is one, or zero if it has
        none.
    variances : ndarray of shape (n_images, rows, columns) or None
        As they were given.
    images_ : list of matplotlib AxesImage
        The images.
    attention_images_ : list of matplotlib AxesImage
        The attention.
    variance_images_ : list of matplotlib AxesImage
        The variances, if there are any.
    labels_ : list of matplotlib Text
        What is written above.
    colorbars_ : list of matplotlib Colorbar
        Of attention, and of variances.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, attention is negative, or there
        are more than 64 images.

    References
    ----------
    - Stochastic vision transformers with Wasserstein distance-aware attention.
      arXiv:2311.18645.
    - Abnar, Zuidema. Quantifying attention flow in transformers. ACL 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass.plotting import AttentionDisplay
    >>> images = np.random.default_rng(0).random((3, 8, 8))
    >>> attention = images.reshape(3, 4, 2, 4, 2).mean(axis=(2, 4))
    >>> display = AttentionDisplay(images, attention, labels=["a", "b", "c"]).plot()
    >>> display.attention.mean(axis=(1, 2))
    array([1., 1., 1.])
    """

    def __init__(
        self,
        images: Any,
        attention: Any,
        variances: Any = None,
        *,
        labels: ArrayLike | None = None,
    ) -> None:
        self.images = pictures_of(images)
        n_images = len(self.images)
        if n_images > _MOST:
            raise ValueError(
                f"There is room for {_MOST} images; got {n_images}. Choose some."
            )
        found = _checked(attention, "attention", n_images)
        if (found < 0).any():
            raise ValueError(
                f"attention must not be negative; got values from {found.min():g}."
            )
        mean = found.mean(axis=(1, 2), keepdims=True)
        self.attention = found / np.where(mean > 0, mean, 1)
        self.variances: Array | None = None
        if variances is not None:
            self.variances = _checked(variances, "variances", n_images)
            if self.variances.shape != found.shape:
                raise ValueError(
                    "variances must be of the shape of attention, "
                    f"{found.shape}; got {self.variances.shape}."
                )
        self.labels: list[str] | None = None
        if labels is not None:
            self.labels = [str(label) for label in np.asarray(labels).tolist()]
            if len(self.labels) != n_images:
                raise ValueError(
                    f"labels must be one for each of {n_images} images; got "
                    f"{len(self.labels)}."
                )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        block: int | str = -1,
        labels: ArrayLike | None = None,
        n_columns: int = _N_COLUMNS,
        ax: Any = None,
    ) -> Self:
        """Look at images with a fitted estimator and draw what it saw.

        Parameters
        ----------
        estimator : StochasticViTClassifier
            Fitted, or a pipeline or a search that ends in one. It has
            ``attention_maps``, and may have ``token_variances``; where those are all
            zero, as of its deterministic twin, they are left out.
        X : array-like of shape (n_images, ...)
            Images, as it takes them; at most 64.
        block : int or "rollout", default=-1
            Which block: 0 is the first, -1 the last. "rollout" follows attention
            through all blocks, half of each token staying where it is, as in Abnar and
            Zuidema 2020.
        labels : array-like of shape (n_images,), default=None
            What to write above the images. None writes the likeliest class and its
            probability, if the estimator tells them; an empty list writes nothing.
        n_columns : int, default=8
            Images side by side; more go on below.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : AttentionDisplay
            The drawn display.

        Raises
        ------
        ValueError
            As the class does, or if there is no such block.
        AttributeError
            If the estimator has no ``attention_maps``.

        Examples
        --------
        Digits, which are one channel of 8 × 8 pixels:

        >>> from sklearn.datasets import load_digits
        >>> from skwass import StochasticViTClassifier
        >>> from skwass.plotting import AttentionDisplay
        >>> digits = load_digits()
        >>> X, y = digits.images / 16, digits.target
        >>> classifier = StochasticViTClassifier(
        ...     width=16, depth=1, max_iter=2, random_state=0
        ... ).fit(X[:200], y[:200])
        >>> display = AttentionDisplay.from_estimator(classifier, X[-6:])
        >>> len(display.labels)
        6
        """
        check_is_fitted(estimator)
        inner, X = _looking(estimator, X)
        if len(X) > _MOST:  # before attention of all of them is computed
            raise ValueError(
                f"There is room for {_MOST} images; X holds {len(X)}. Choose some."
            )
        variances, grid = None, None
        if hasattr(inner, "token_variances"):
            variances = np.asarray(on_the_cpu(inner.token_variances(X)))
            grid = variances.shape[1:]
            variances = variances if variances.any() else None
        if labels is None and hasattr(inner, "predict_proba"):
            proba = np.asarray(inner.predict_proba(X))
            likeliest = np.asarray(inner.classes_)[proba.argmax(axis=1)].tolist()
            labels = [
                f"{name}  {100 * p:.0f} %"
                for name, p in zip(likeliest, proba.max(axis=1), strict=True)
            ]
        elif labels is not None and not np.size(labels):
            labels = None
        channels = getattr(inner, "channels", "auto")
        return cls.from_maps(
            pictures_of(X, inner.image_shape_, channels),
            inner.attention_maps(X),
            variances,
            grid=grid,
            block=block,
            labels=labels,
            n_columns=n_columns,
            ax=ax,
        )

    @classmethod
    def from_maps(
        cls,
        images: Any,
        maps: Any,
        variances: Any = None,
        *,
        grid: tuple[int, int] | None = None,
        block: int | str = -1,
        labels: ArrayLike | None = None,
        n_columns: int = _N_COLUMNS,
        ax: Any = None,
    ) -> Self:
        """Draw weights of attention of all blocks and heads.

        Parameters
        ----------
        images : array-like of shape (n_images, height, width) or with channels
            Images.
        maps : array-like of shape (n_images, depth, n_heads, n_tokens, n_tokens)
            Weights of attention, as from ``attention_maps``: row i is what token i
            attends to. Tokens are those of the patches, row by row, perhaps after one
            of its own, whose attention is shown then; else it is the mean of all.
            Heads are averaged.
        variances : array-like of shape (n_images, rows, columns), default=None
            Variances of tokens; None leaves them out.
        grid : tuple of two ints, default=None
            Rows and columns of patches. None takes them from the variances, or for as
            many as there are columns.
        block : int or "rollout", default=-1
            Which block: 0 is the first, -1 the last. "rollout" follows attention
            through all blocks, half of each token staying where it is, as in Abnar and
            Zuidema 2020.
        labels : array-like of shape (n_images,), default=None
            What to write above the images.
        n_columns : int, default=8
            Images side by side; more go on below.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : AttentionDisplay
            The drawn display.

        Raises
        ------
        ValueError
            As the class does, or if there is no such block, or tokens do not fit the
            grid.

        Examples
        --------
        >>> import numpy as np
        >>> from skwass.plotting import AttentionDisplay
        >>> rng = np.random.default_rng(0)
        >>> images, maps = rng.random((2, 8, 8)), rng.random((2, 3, 4, 17, 17))
        >>> AttentionDisplay.from_maps(images, maps).attention.shape
        (2, 4, 4)
        """
        if grid is None and np.ndim(on_the_cpu(variances)) == 3:
            grid = np.shape(variances)[1:]
        attention = pooled_attention(maps, grid, block)
        display = cls(images, attention, variances, labels=labels)
        return display.plot(ax=ax, n_columns=n_columns)

    def plot(self, *, ax: Any = None, n_columns: int = _N_COLUMNS) -> Self:
        """Draw the images and what belongs to them.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        n_columns : int, default=8
            Images side by side; more go on below.

        Returns
        -------
        display : AttentionDisplay
            The display itself.
        """
        check_scalar(n_columns, "n_columns", Integral, min_val=1)
        rows = [
            Row("image", self.images, "gray", (0, 1), None),
            Row(
                "attention",
                self.attention,
                "magma",
                (0, max(self.attention.max(), 1)),
                "× even share",
            ),
        ]
        if self.variances is not None:
            limits = (self.variances.min(), self.variances.max())
            rows.append(Row("variance", self.variances, "cividis", limits, ""))
        layout = Layout.of(rows, n_columns)
        is_new = ax is None
        ax = axes_or_new(ax, layout.inches)
        if is_new:  # words have room within the axes
            ax.figure.subplots_adjust(0, 0, 1, 1)
        drawn = draw_panels(ax, rows, self.labels, layout)
        self.images_, self.attention_images_, *more = drawn.pictures
        self.variance_images_: list[Any] = more[0] if more else []
        self.labels_, self.colorbars_ = drawn.labels, drawn.bars
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _looking(estimator: Any, X: Any) -> tuple[Any, Any]:
    """What has attention in a pipeline or a search, and samples as it gets them."""
    inner = estimator
    while not hasattr(inner, "attention_maps"):
        if hasattr(inner, "best_estimator_"):
            inner = inner.best_estimator_
        elif isinstance(inner, Pipeline):
            X = inner[:-1].transform(X) if len(inner) > 1 else X
            inner = inner[-1]
        else:
            raise AttributeError(
                f"{type(estimator).__name__} has no attention_maps, and so cannot say "
                "what it looks at."
            )
    return inner, X


def _checked(values: Any, name: str, n_images: int) -> Array:
    numbers = np.asarray(on_the_cpu(values), dtype=np.float64)
    if numbers.ndim != 3 or len(numbers) != n_images or not numbers.size:
        raise ValueError(
            f"{name} must be of shape (n_images, rows, columns) for {n_images} images; "
            f"got {numbers.shape}."
        )
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} must be finite; got NaN or infinite numbers.")
    return numbers
