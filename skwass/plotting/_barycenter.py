"""Clouds, and the barycentres that lie between them."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, check_scalar

from skwass.clouds import as_point_clouds
from skwass.manifold._decoding import checked_weights
from skwass.plotting._axes import axes_or_new
from skwass.plotting._colours import palette
from skwass.plotting._places import has_between, places_of, weights_between
from skwass.plotting._views import seen_in_the_plane
from skwass.transport import pooled

if TYPE_CHECKING:
    from typing_extensions import Self

Array = NDArray[np.float64]

_FILLED = 0.8  # share of a picture's sides that clouds take at most
_INK = 0.25  # share of a picture's area that is covered by a cloud's dots
_LARGEST_DOT = 0.1  # diameter, in sides of a picture
_FRAME = 0.46  # half a side of it, in sides of a picture
_FAR, _NEAR = 0.25, 0.85  # opacity


class BarycenterDisplay:
    """Clouds, and barycentres of them between.

    Two, three or four clouds are the ends of a row or the corners of a triangle or a
    square, and each barycentre lies between them by its weights. Where there are more
    clouds, or weights are so uneven that pictures would get smaller than in one row,
    the clouds come first and the barycentres in rows below. Clouds have a frame and a
    colour each, barycentres have no frame and the colours of their clouds, mixed by
    weight.

    A dot is a point, its area the weight. All pictures have one scale. Points in the
    plane are drawn as they are, those on a line on a line. Points in space are seen
    from the side and a little from above, the far ones paler. Of more dimensions, the
    first two principal components of all points are shown.

    Parameters
    ----------
    clouds : PointClouds, list, tuple or array-like
        The clouds, in any form that :func:`~skwass.as_point_clouds` takes.
    barycenters : PointClouds, list, tuple or array-like
        Their barycentres, of the same dimension.
    weights : array-like of shape (n_barycenters, n_clouds)
        Weights of the clouds in each barycentre, non-negative; the scale of a row does
        not matter.
    labels : array-like of shape (n_clouds,), default=None
        Words or numbers to write beside the clouds.
    indexing : {"xy", "ij"}, default="xy"
        How to read points in the plane. "xy" draws the first coordinate to the right
        and the second upward. "ij" draws the first downward and the second to the
        right, as rows and columns of images that :class:`~skwass.ImageToCloud` has
        read.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.

    Raises
    ------
    ValueError
        If clouds and barycentres have different dimensions, `weights` or `labels` do
        not fit them, or `indexing` is something else, or is "ij" where points do not
        lie in the plane.

    See Also
    --------
    skwass.wasserstein_barycenter : True barycentres, to be drawn in the same way.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass.plotting import BarycenterDisplay
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> weights = [[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]]
    >>> between = [a * square + b * 2 * square for a, b in weights]
    >>> display = BarycenterDisplay([square, 2 * square], between, weights).plot()
    >>> len(display.barycenters)
    3
    """

    def __init__(
        self,
        clouds: Any,
        barycenters: Any,
        weights: ArrayLike,
        *,
        labels: ArrayLike | None = None,
        indexing: str = "xy",
    ) -> None:
        self.clouds = as_point_clouds(clouds)
        self.barycenters = as_point_clouds(barycenters)
        width = self.clouds.n_features
        if self.barycenters.n_features != width:
            raise ValueError(
                f"barycenters lie in {self.barycenters.n_features} dimensions, and "
                f"clouds in {width}."
            )
        self.weights = checked_weights(weights, len(self.clouds))
        if len(self.weights) != len(self.barycenters):
            raise ValueError(
                f"weights has {len(self.weights)} rows; there are "
                f"{len(self.barycenters)} barycenters."
            )
        self.labels = None
        if labels is not None:
            self.labels = np.asarray(labels)
            check_consistent_length(self.clouds, self.labels)
        _check_indexing(indexing, width)
        self.indexing = indexing

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        weights: ArrayLike | None = None,
        n_steps: int = 5,
        n_points: int | None = None,
        labels: ArrayLike | None = None,
        indexing: str = "xy",
        ax: Any = None,
    ) -> Self:
        """Decode barycentres of X and draw them with X.

        Parameters
        ----------
        estimator : WormholeEmbedder
            A fitted embedder with a decoder.
        X : PointClouds, list, tuple or array-like
            Clouds in any form that it transforms.
        weights : array-like of shape (n_barycenters, n_samples), default=None
            Weights of the clouds, a row for each barycentre, as in
            `WormholeEmbedder.barycenter`. None spaces barycentres evenly between two,
            three or four clouds: along a row, over a triangle, or bilinearly over a
            square.
        n_steps : int, default=5
            Without `weights`, the number of pictures along each side, the clouds at
            its ends among them; three or more.
        n_points : int, default=None
            Decode clouds of so many points of equal weight; None leaves that to the
            decoder.
        labels : array-like of shape (n_samples,), default=None
            Words or numbers to write beside the clouds.
        indexing : {"xy", "ij"}, default="xy"
            How to read points in the plane; "ij" for images.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : BarycenterDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If there are no `weights` and not two to four clouds, or X, `weights`,
            `labels` or `indexing` is not what is expected.
        AttributeError
            If the estimator has no decoder.

        Examples
        --------
        Digits between four digits:

        >>> from sklearn.datasets import load_digits
        >>> from skwass import ImageToCloud, WormholeEmbedder
        >>> from skwass.plotting import BarycenterDisplay
        >>> clouds = ImageToCloud((8, 8)).fit_transform(load_digits().data[:60])
        >>> embedder = WormholeEmbedder(8, n_reference=32, max_iter=5, random_state=0)
        >>> display = BarycenterDisplay.from_estimator(
        ...     embedder.fit(clouds), clouds[:4], labels=range(4), indexing="ij"
        ... )
        >>> len(display.barycenters)
        21
        """
        clouds = as_point_clouds(X)
        _check_indexing(indexing, clouds.n_features)
        if labels is not None:
            check_consistent_length(clouds, np.asarray(labels))
        if weights is None:
            check_scalar(n_steps, "n_steps", Integral, min_val=3)
            if not has_between(len(clouds)):
                raise ValueError(
                    "Without weights, barycentres of two, three or four clouds are "
                    f"drawn; X holds {len(clouds)}. Give weights of shape "
                    f"(n_barycenters, {len(clouds)})."
                )
            weights = weights_between(len(clouds), n_steps)
        barycenters = estimator.barycenter(X, weights, n_points=n_points)
        display = cls(clouds, barycenters, weights, labels=labels, indexing=indexing)
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None, dot_size: float = 1.0) -> Self:
        """Draw clouds and barycentres.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure in the shape of the picture.
        dot_size : float, default=1.0
            Diameters of dots, relative to those that cover a quarter of a picture.

        Returns
        -------
        display : BarycenterDisplay
            The display itself.
        """
        check_scalar(
            dot_size, "dot_size", Real, min_val=0, include_boundaries="neither"
        )
        corners, between = places_of(self.weights)
        places = np.concatenate([corners, between])
        margin = np.array([0.55, 0.55 if self.labels is None else 0.75])
        low, high = places.min(axis=0) - margin, places.max(axis=0) + margin
        ax = axes_or_new(ax, 1.1 * (high - low))
        own = palette(len(self.clouds))[:, :3]
        self._draw_dots(ax, places, np.concatenate([own, self.weights @ own]), dot_size)
        self._draw_frames(ax, corners, own)
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        ax.set_aspect("equal")
        ax.set_axis_off()
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_dots(self, ax: Any, places: Array, colours: Array, scale: float) -> None:
        """All points of all pictures, the farthest first."""
        from matplotlib.collections import EllipseCollection

        pictures = pooled(self.clouds, self.barycenters)
        view = seen_in_the_plane(pictures, self.indexing)
        picture = np.repeat(np.arange(len(pictures)), pictures.sizes)
        widths = np.sqrt(pictures.weights * _INK * 4 / np.pi)
        widths = scale * np.minimum(widths, _LARGEST_DOT)
        alphas = _FAR + (_NEAR - _FAR) * view.nearness
        order = np.argsort(view.nearness, kind="stable")
        ax.add_collection(
            EllipseCollection(
                widths[order],
                widths[order],
                np.zeros(len(order)),
                units="xy",
                offsets=(places[picture] + _FILLED * view.points)[order],
                offset_transform=ax.transData,
                facecolors=np.column_stack([colours[picture], alphas])[order],
                edgecolors="none",
            )
        )

    def _draw_frames(self, ax: Any, places: Array, colours: Array) -> None:
        """A frame around each cloud, and its label above it or, at the foot, below."""
        from matplotlib.patches import FancyBboxPatch

        foot = places[:, 1].min()
        for index, ((x, y), colour) in enumerate(zip(places, colours, strict=True)):
            side = 2 * _FRAME
            ax.add_patch(
                FancyBboxPatch(
                    (x - _FRAME, y - _FRAME),
                    side,
                    side,
                    boxstyle="round,pad=0,rounding_size=0.06",
                    facecolor=(*colour, 0.07),
                    edgecolor=colour,
                    linewidth=1.2,
                    zorder=0.5,
                )
            )
            if self.labels is None:
                continue
            below = y == foot and foot < places[:, 1].max()
            ax.text(
                x,
                y - 0.52 if below else y + 0.5,
                str(self.labels[index]),
                ha="center",
                va="top" if below else "bottom",
                color=colour,
            )


def _check_indexing(indexing: str, n_features: int) -> None:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"indexing must be 'xy' or 'ij'; got {indexing!r}.")
    if indexing == "ij" and n_features != 2:
        raise ValueError(
            "indexing='ij' is for points in the plane, rows and columns; these have "
            f"{n_features} dimensions."
        )
