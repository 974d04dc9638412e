"""Embedded against true distances, pair by pair."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from skwass.manifold._pairs import sample_pairs
from skwass.metrics import distance_correlation, relative_error
from skwass.metrics._distances import checked_pairs
from skwass.plotting._axes import axes_or_new
from skwass.transport import sampled_wasserstein_distances

if TYPE_CHECKING:
    from typing_extensions import Self

#: parameters of an embedder that say which distances it stands for
_HOW = ("metric", "metric_params", "order", "reg", "n_jobs")


class ShepardDisplay:
    """Shepard diagram: a dot for each pair, on the diagonal if its distance is kept.

    Parameters
    ----------
    distances : array-like of shape (n_pairs,)
        True distances, not squared.
    embedded : array-like of shape (n_pairs,)
        Distances of the embedding for the same pairs, not squared.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.

    Raises
    ------
    ValueError
        If lengths differ, or a distance is negative or not finite.

    Examples
    --------
    >>> from skwass.plotting import ShepardDisplay
    >>> display = ShepardDisplay([1.0, 2.0, 3.0], [1.1, 2.0, 2.9]).plot()
    >>> display.ax_.get_xlabel()
    'exact distance'
    """

    def __init__(self, distances: ArrayLike, embedded: ArrayLike) -> None:
        self.distances, self.embedded = checked_pairs(distances, embedded)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, n_pairs: int = 2000, ax: Any = None
    ) -> Self:
        """Embed X, solve some pairs of it exactly, and draw both.

        Parameters
        ----------
        estimator : object
            A fitted transformer of clouds, such as `WormholeEmbedder`. Pairs are solved
            by its `metric`, `metric_params`, `order`, `reg` and `n_jobs`, or the
            defaults of :func:`~skwass.sampled_wasserstein_distances` in place of those
            that it has not.
        X : PointClouds, list, tuple or array-like
            Two clouds or more, in any form that it transforms.
        n_pairs : int, default=2000
            How many pairs to solve at most; always the same ones for the same number
            of clouds.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ShepardDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If X has fewer than two clouds, or the estimator was fitted on precomputed
            distances.

        Examples
        --------
        >>> import numpy as np
        >>> from skwass import WormholeEmbedder
        >>> from skwass.plotting import ShepardDisplay
        >>> clouds = np.random.default_rng(0).normal(size=(30, 8, 3))
        >>> embedder = WormholeEmbedder(max_iter=5, random_state=0).fit(clouds)
        >>> display = ShepardDisplay.from_estimator(embedder, clouds, n_pairs=100)
        >>> display.distances.shape
        (100,)
        """
        check_scalar(n_pairs, "n_pairs", Integral, min_val=1)
        how = {
            name: getattr(estimator, name) for name in _HOW if hasattr(estimator, name)
        }
        if how.get("metric") == "precomputed":
            raise ValueError(
                "With metric='precomputed' there are no clouds to solve. Give the "
                "distances themselves: ShepardDisplay(distances, embedded).plot()."
            )
        embedding = np.asarray(estimator.transform(X), dtype=np.float64)
        if len(embedding) < 2:
            raise ValueError("X must hold two clouds or more; a pair needs both.")
        pairs = sample_pairs(len(embedding), n_pairs)
        exact = sampled_wasserstein_distances(X, pairs, **how)
        gaps = embedding[pairs[:, 0]] - embedding[pairs[:, 1]]
        return cls(exact, np.linalg.norm(gaps, axis=1)).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw the diagram.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ShepardDisplay
            The display itself.
        """
        ax = axes_or_new(ax)
        ax.plot(self.distances, self.embedded, ".", markersize=2, alpha=0.3)
        end = max(self.distances.max(), self.embedded.max())
        ax.plot([0, end], [0, end], color="black", linewidth=0.8)
        ax.set(
            xlabel="exact distance",
            ylabel="embedded distance",
            title=(
                "Pearson of squares "
                f"{distance_correlation(self.distances, self.embedded):.4f}, error "
                f"{100 * relative_error(self.distances, self.embedded):.1f} %"
            ),
        )
        ax.set_aspect("equal")
        self.ax_, self.figure_ = ax, ax.figure
        return self
