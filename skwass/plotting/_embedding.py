"""A map of an embedding, with a picture at each place if there are pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length

from skwass.plotting._axes import axes_or_new
from skwass.plotting._colours import MOST_DISTINCT, palette

if TYPE_CHECKING:
    from typing_extensions import Self


class EmbeddingDisplay:
    """Scatter plot of a two-dimensional embedding.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, 2)
        Where samples lie.
    labels : array-like of shape (n_samples,), default=None
        Classes, told apart by colour. A legend names up to ten of them, unless there
        are pictures.
    images : array-like of shape (n_samples, height, width), default=None
        Pictures to draw in place of dots: the larger a pixel, the more ink. Zero and
        below is transparent.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.

    Raises
    ------
    ValueError
        If the embedding has no two columns, images are not of that shape, or lengths
        differ.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass.plotting import EmbeddingDisplay
    >>> display = EmbeddingDisplay(np.eye(2), labels=[0, 1]).plot()
    >>> display.ax_.get_xlabel()
    'component 0'
    """

    def __init__(
        self,
        embedding: ArrayLike,
        *,
        labels: ArrayLike | None = None,
        images: ArrayLike | None = None,
    ) -> None:
        self.embedding = check_array(embedding, input_name="embedding")
        if self.embedding.shape[1] != 2:
            raise ValueError(
                "embedding must have two columns to be drawn; got "
                f"{self.embedding.shape[1]}."
            )
        check_consistent_length(embedding, labels, images)
        self.labels = None if labels is None else np.asarray(labels)
        self.images = None
        if images is not None:
            self.images = check_array(images, allow_nd=True, input_name="images")
            if self.images.ndim != 3:
                raise ValueError(
                    "images must have shape (n_samples, height, width); got "
                    f"{self.images.shape}."
                )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        labels: ArrayLike | None = None,
        images: ArrayLike | None = None,
        ax: Any = None,
    ) -> Self:
        """Embed X with a fitted transformer and draw it.

        Parameters
        ----------
        estimator : object
            A fitted transformer to two dimensions.
        X : PointClouds, list, tuple or array-like
            What it transforms.
        labels : array-like of shape (n_samples,), default=None
            Classes, told apart by colour.
        images : array-like of shape (n_samples, height, width), default=None
            Pictures to draw in place of dots.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : EmbeddingDisplay
            The drawn display.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skwass import WormholeEmbedder
        >>> from skwass.plotting import EmbeddingDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> embedder = WormholeEmbedder(max_iter=5, random_state=0).fit(X)
        >>> display = EmbeddingDisplay.from_estimator(embedder, X, labels=y)
        >>> display.embedding.shape
        (150, 2)
        """
        return cls(estimator.transform(X), labels=labels, images=images).plot(ax=ax)

    def plot(self, *, ax: Any = None, zoom: float = 1.0) -> Self:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        zoom : float, default=1.0
            Points of the screen for each pixel of a picture.

        Returns
        -------
        display : EmbeddingDisplay
            The display itself.
        """
        ax = axes_or_new(ax)
        x, y = self.embedding.T
        colours = self._colours()
        # pictures need limits that dots have set
        ax.scatter(x, y, c=colours, s=12, alpha=0.0 if self.images is not None else 0.8)
        if self.images is not None:
            self._draw_images(self.images, ax, colours, zoom)
        if self.labels is not None and self.images is None:
            _name_classes(ax, self.labels)
        ax.set(xlabel="component 0", ylabel="component 1")
        ax.set_aspect("equal", adjustable="datalim")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _colours(self) -> Any:
        if self.labels is None:
            return palette(1)[[0] * len(self.embedding)]
        classes, label = np.unique(self.labels, return_inverse=True)
        return palette(len(classes))[label]

    def _draw_images(
        self, images: NDArray[Any], ax: Any, colours: Any, zoom: float
    ) -> None:
        from matplotlib.offsetbox import AnnotationBbox, OffsetImage

        for place, image, colour in zip(self.embedding, images, colours, strict=True):
            # ink in the colour of the class, on nothing
            ink = np.empty((*image.shape, 4))
            ink[..., :3] = colour[:3]
            ink[..., 3] = np.clip(image, 0, None) / max(image.max(), 1e-300)
            ax.add_artist(
                AnnotationBbox(OffsetImage(ink, zoom=zoom), place, frameon=False)
            )


def _name_classes(ax: Any, labels: NDArray[Any]) -> None:
    """A legend, unless it would be longer than the eye can follow."""
    from matplotlib.lines import Line2D

    classes = np.unique(labels)
    if len(classes) > MOST_DISTINCT:
        return
    ax.legend(
        handles=[
            Line2D([], [], ls="", marker="o", ms=4, color=colour, label=str(name))
            for name, colour in zip(classes, palette(len(classes)), strict=True)
        ],
        fontsize="small",
    )
