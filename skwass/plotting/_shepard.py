"""Embedded against true distances, pair by pair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from skwass.metrics import distance_correlation, relative_error
from skwass.plotting._axes import axes_or_new

if TYPE_CHECKING:
    from typing_extensions import Self


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

    Examples
    --------
    >>> from skwass.plotting import ShepardDisplay
    >>> display = ShepardDisplay([1.0, 2.0, 3.0], [1.1, 2.0, 2.9]).plot()
    >>> display.ax_.get_xlabel()
    'exact distance'
    """

    def __init__(self, distances: ArrayLike, embedded: ArrayLike) -> None:
        self.distances = np.asarray(distances)
        self.embedded = np.asarray(embedded)

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
