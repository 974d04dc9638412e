"""Measures of uniformity, as more and more dimensions collapse."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_random_state, check_scalar

from skwass.metrics import (
    uniformity_floor,
    wang_isola_uniformity,
    wasserstein_uniformity,
)
from skwass.metrics._representation_report import collapsed_share
from skwass.metrics._representations import checked_representation
from skwass.plotting._axes import axes_or_new

if TYPE_CHECKING:
    from typing_extensions import Self

_SIZE = (6.0, 4.2)
_INK = "#444444"
_LEVELS = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
_LABELS = {
    "wasserstein": "Wasserstein uniformity $W_2$",
    "wang-isola": "Wang–Isola uniformity $L_U$",
}


class UniformityDisplay:
    r"""A measure of uniformity against the share of dimensions that have collapsed.

    The dotted line is the law :math:`\sqrt{2 - 2 \sqrt{1 - \eta}}` of the Wasserstein
    uniformity for a share :math:`\eta`. `from_simulation` draws the figure of the paper
    [1]_; `add` marks a representation on it: as uniform as if that share had collapsed.

    Parameters
    ----------
    levels : array-like of shape (n_levels,)
        Shares of dimensions that have collapsed, between zero and one, ascending.
    values : array-like of shape (n_levels,)
        The measure there.
    metric : {"wasserstein", "wang-isola"}, default="wasserstein"
        Which measure it is.
    name : str, default=None
        What the legend calls it.

    Attributes
    ----------
    law : ndarray of shape (n_levels,) or None
        What the law says at the levels; of Wang–Isola uniformity, there is none.
    line_ : matplotlib Line2D
        The measure.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.

    Raises
    ------
    ValueError
        If levels do not ascend between zero and one, a value is not finite, lengths
        differ, or there is no such metric.

    References
    ----------
    .. [1] Fang, Li, Sun, Wang. Rethinking the uniformity metric in self-supervised
       learning. ICLR 2024. arXiv:2403.00642

    Examples
    --------
    >>> from skwass.plotting import UniformityDisplay
    >>> display = UniformityDisplay([0, 0.5, 0.75], [0.01, 0.77, 1.0]).plot()
    >>> display.law.round(4)
    array([0.    , 0.7654, 1.    ])
    """

    def __init__(
        self,
        levels: ArrayLike,
        values: ArrayLike,
        *,
        metric: str = "wasserstein",
        name: str | None = None,
    ) -> None:
        self.levels = _checked_levels(levels)
        self.values: NDArray[np.float64] = check_array(
            values, ensure_2d=False, dtype=np.float64, input_name="values"
        )
        if self.values.shape != self.levels.shape:
            raise ValueError(
                f"values must be as many as levels; got shapes {self.values.shape} and "
                f"{self.levels.shape}."
            )
        if metric not in _LABELS:
            raise ValueError(f"metric must be one of {list(_LABELS)}; got {metric!r}.")
        self.metric, self.name = metric, name
        self.law = _law(self.levels) if metric == "wasserstein" else None

    @classmethod
    def from_simulation(
        cls,
        n_features: int = 200,
        *,
        n_samples: int = 10000,
        levels: Sequence[float] = _LEVELS,
        metric: str = "wasserstein",
        random_state: int | np.random.RandomState | None = None,
        name: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw uniform samples, let dimensions collapse, and measure.

        Parameters
        ----------
        n_features : int, default=200
            Dimensions of the space, as in the paper.
        n_samples : int, default=10000
            Samples: at no collapse, the measure is the floor of so many.
        levels : sequence of float, default=(0, .05, .1, .25, .5, .75, .9, .95, .99)
            Shares of dimensions that collapse to zero, rounded to whole dimensions of
            which one is always left.
        metric : {"wasserstein", "wang-isola"}, default="wasserstein"
            What to measure. The second hardly moves, and takes pairs of samples: a
            thousand are enough.
        random_state : int, RandomState or None, default=None
            Decides the samples.
        name : str, default=None
            What the legend calls it; None tells the number of dimensions.
        ax : matplotlib Axes, default=None
            Where to draw, beside what is there already; None makes a figure.

        Returns
        -------
        display : UniformityDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If a number is too small, levels do not ascend between zero and one, or
            there is no such metric.

        Examples
        --------
        >>> from skwass.plotting import UniformityDisplay
        >>> display = UniformityDisplay.from_simulation(
        ...     40, n_samples=2000, random_state=0
        ... )
        >>> bool(abs(display.values - display.law)[3:].max() < 0.02)
        True
        """
        check_scalar(n_features, "n_features", Integral, min_val=2)
        check_scalar(n_samples, "n_samples", Integral, min_val=2)
        shares = _checked_levels(levels)
        alive = np.rint(n_features * (1 - shares)).astype(int).clip(min=1)
        if metric not in _LABELS:
            raise ValueError(f"metric must be one of {list(_LABELS)}; got {metric!r}.")
        measure = (
            wasserstein_uniformity if metric == "wasserstein" else wang_isola_uniformity
        )
        Z = check_random_state(random_state).normal(size=(n_samples, n_features))
        values = []
        for n_alive in alive:
            Z[:, n_alive:] = 0
            values.append(measure(Z))
        return cls(
            1 - alive / n_features,
            values,
            metric=metric,
            name=f"{n_features} dimensions" if name is None else name,
        ).plot(ax=ax)

    def plot(
        self, *, ax: Any = None, name: str | None = None, color: Any = None
    ) -> Self:
        """Draw the measure, and the law if there is one.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, beside what is there already; None makes a figure.
        name : str, default=None
            What the legend calls it; None is the name of the display.
        color : color of matplotlib, default=None
            Of the line; None is the next one of the axes.

        Returns
        -------
        display : UniformityDisplay
            The display itself.
        """
        ax = axes_or_new(ax, _SIZE)
        name = self.name if name is None else name
        if self.law is not None and not any(
            line.get_gid() == "law" for line in ax.lines
        ):
            shares = np.linspace(0, 1, 201)
            label = r"$\sqrt{2 - 2\sqrt{1 - \eta}}$"
            ax.plot(
                shares, _law(shares), ":", color=_INK, lw=1.5, label=label, gid="law"
            )
        (self.line_,) = ax.plot(
            self.levels, self.values, "o-", color=color, markersize=4, label=name
        )
        ax.set(
            xlabel=r"share $\eta$ of dimensions that have collapsed",
            ylabel=_LABELS[self.metric],
        )
        ax.margins(x=0.02)
        ax.set_axisbelow(True)
        ax.grid(color="0.92")
        ax.spines[["top", "right"]].set_visible(False)
        if name is not None or self.law is not None:
            ax.legend(loc="upper left", framealpha=0.9, fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def add(self, Z: Any, name: str, *, color: Any = None) -> Self:
        """Mark a representation: as uniform as if that share had collapsed.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_features)
            Representations: an array, a torch tensor, a frame.
        name : str
            What to write beside the mark.
        color : color of matplotlib, default=None
            Of the mark; None is the next one of the axes.

        Returns
        -------
        display : UniformityDisplay
            The display itself.

        Raises
        ------
        ValueError
            If the display was not drawn or is not of Wasserstein uniformity, or as
            :func:`~skwass.metrics.wasserstein_uniformity` does.
        """
        if not hasattr(self, "ax_") or self.law is None:
            raise ValueError("add needs a drawn display of Wasserstein uniformity.")
        rows = checked_representation(Z)
        distance = wasserstein_uniformity(rows)
        share = collapsed_share(distance, uniformity_floor(*rows.shape))
        (mark,) = self.ax_.plot(
            share, distance, "D", color=color, markersize=7, zorder=4
        )
        self.ax_.annotate(
            name,
            (share, distance),
            xytext=(-8 if share > 0.7 else 8, -4),  # within the axes
            ha="right" if share > 0.7 else "left",
            textcoords="offset points",
            color=mark.get_color(),
            fontsize="small",
        )
        return self


def _law(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    law: NDArray[np.float64] = np.sqrt(2 - 2 * np.sqrt(1 - shares))
    return law


def _checked_levels(levels: ArrayLike) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = check_array(
        levels, ensure_2d=False, dtype=np.float64, input_name="levels"
    )
    ascend = shares.ndim == 1 and (np.diff(shares) >= 0).all()
    if not ascend or shares[0] < 0 or shares[-1] > 1:
        raise ValueError(
            "levels must be shares between 0 and 1 in ascending order; got "
            f"{np.array2string(shares, threshold=9)}."
        )
    return shares
