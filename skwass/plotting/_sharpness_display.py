"""The loss along random directions, away from the trained weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_random_state, check_scalar

from skwass.nn import Landscape, random_direction
from skwass.plotting._axes import axes_or_new
from skwass.robust._landscapes import landscapes_of
from skwass.training import draw_seed

if TYPE_CHECKING:
    from typing_extensions import Self

_SIZE = (6.0, 4.2)
_INK = "#444444"


class SharpnessDisplay:
    r"""The loss along random directions: thin lines, and a thick one for their mean.

    A trained network stands in the middle. The wider the valley around it, the less its
    loss depends on the exact weights. Directions are filter-normalised [1]_: a step of
    one is as long, filter by filter, as the weights themselves, so that networks whose
    weights differ in scale can be compared.

    Make one with `from_estimator`, or several on the same axes with `from_estimators`.

    Parameters
    ----------
    steps : array-like of shape (n_points,)
        How far from the trained weights, in ascending order.
    losses : array-like of shape (n_directions, n_points)
        Losses there, not of batches but of all samples.
    name : str, default=None
        What the legend calls the mean.

    Attributes
    ----------
    mean_loss : ndarray of shape (n_points,)
        Mean of `losses` over directions.
    lines_ : list of matplotlib Line2D
        Those of the directions.
    mean_line_ : matplotlib Line2D
        That of the mean.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.

    Raises
    ------
    ValueError
        If lengths differ, a number is not finite, or steps do not ascend.

    See Also
    --------
    skwass.loss_sharpness : How much the loss can rise, in the worst direction.

    References
    ----------
    .. [1] Li, Xu, Taylor, Studer, Goldstein. Visualizing the loss landscape of neural
       nets. NeurIPS 2018.

    Examples
    --------
    >>> from skwass.plotting import SharpnessDisplay
    >>> display = SharpnessDisplay([-1, 0, 1], [[3, 1, 3], [2, 1, 4]]).plot()
    >>> display.mean_loss
    array([2.5, 1. , 3.5])
    """

    def __init__(
        self, steps: ArrayLike, losses: ArrayLike, *, name: str | None = None
    ) -> None:
        self.steps: NDArray[np.float64] = check_array(
            steps, ensure_2d=False, dtype=np.float64, input_name="steps"
        )
        self.losses: NDArray[np.float64] = check_array(
            losses, dtype=np.float64, input_name="losses"
        )
        if self.steps.ndim != 1 or (np.diff(self.steps) <= 0).any():
            raise ValueError("steps must be numbers in ascending order.")
        if self.losses.shape[1] != len(self.steps):
            raise ValueError(
                f"losses must have a column for each of {len(self.steps)} steps; it "
                f"has shape {self.losses.shape}."
            )
        self.name = name
        self.mean_loss = self.losses.mean(axis=0)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        n_directions: int = 5,
        radius: float = 1.0,
        n_points: int = 41,
        sample_weight: ArrayLike | None = None,
        batch_size: int = 1024,
        random_state: int | np.random.RandomState | None = None,
        name: str | None = None,
        color: Any = None,
        ax: Any = None,
    ) -> Self:
        """Follow the loss of a fitted estimator along random directions and draw it.

        Parameters
        ----------
        estimator : object
            What :func:`~skwass.loss_sharpness` takes; its notes tell which loss it is.
            Of an ensemble, lines are means over members, each of which goes its own
            way.
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their labels or targets.
        n_directions : int, default=5
            Number of directions.
        radius : float, default=1.0
            How far to go; one is as far as the weights are from zero. Biases stay.
        n_points : int, default=41
            Losses along each; an odd number has the trained weights among them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of samples in the loss.
        batch_size : int, default=1024
            Samples that are run at once.
        random_state : int, RandomState or None, default=None
            Decides the directions. With the same number, estimators with the same
            layers are shown along the same ones, up to the lengths of filters.
        name : str, default=None
            What the legend calls the mean; None is the name of the estimator's class.
        color : color of matplotlib, default=None
            Of the lines; None is the next one of the axes.
        ax : matplotlib Axes, default=None
            Where to draw, beside what is there already; None makes a figure.

        Returns
        -------
        display : SharpnessDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If X, y or a parameter is not what is expected, or the estimator has no
            torch modules.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skwass import OTMDRClassifier
        >>> from skwass.plotting import SharpnessDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> classifier = OTMDRClassifier(max_iter=5, random_state=0).fit(X, y)
        >>> display = SharpnessDisplay.from_estimator(
        ...     classifier, X, y, n_points=11, random_state=0
        ... )
        >>> display.losses.shape
        (5, 11)
        """
        check_scalar(n_directions, "n_directions", Integral, min_val=1)
        check_scalar(radius, "radius", Real, min_val=0, include_boundaries="neither")
        check_scalar(n_points, "n_points", Integral, min_val=3)
        steps = np.linspace(-radius, radius, n_points)
        seeds = check_random_state(random_state)
        members = [
            _profiles(one, steps, n_directions, draw_seed(seeds))
            for one in landscapes_of(estimator, X, y, sample_weight, batch_size)
        ]
        name = type(estimator).__name__ if name is None else name
        display = cls(steps, np.mean(members, axis=0), name=name)
        return display.plot(ax=ax, color=color)

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, Any] | Iterable[tuple[str, Any]],
        X: Any,
        y: ArrayLike,
        *,
        random_state: int | np.random.RandomState | None = None,
        ax: Any = None,
        **options: Any,
    ) -> list[Self]:
        """Draw several estimators on the same axes.

        Parameters
        ----------
        estimators : dict or iterable of tuples (name, estimator)
            What the legend calls each, and the fitted estimators.
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their labels or targets.
        random_state : int, RandomState or None, default=None
            Decides the directions, which are the same for networks with the same
            layers.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            More parameters of `from_estimator`.

        Returns
        -------
        displays : list of SharpnessDisplay
            One for each.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skwass import OTMDRClassifier
        >>> from skwass.plotting import SharpnessDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> estimators = {
        ...     f"rho = {rho}": OTMDRClassifier(
        ...         rho=rho, max_iter=5, random_state=0
        ...     ).fit(X, y)
        ...     for rho in (0, 0.2)
        ... }
        >>> plain, flat = SharpnessDisplay.from_estimators(
        ...     estimators, X, y, n_points=11, random_state=0
        ... )
        >>> plain.ax_ is flat.ax_
        True
        """
        named = estimators.items() if isinstance(estimators, Mapping) else estimators
        seed = draw_seed(check_random_state(random_state))
        displays: list[Self] = []
        for name, estimator in named:
            displays.append(
                cls.from_estimator(
                    estimator, X, y, name=name, random_state=seed, ax=ax, **options
                )
            )
            ax = displays[0].ax_
        if not displays:
            raise ValueError("estimators must be at least one; got none.")
        return displays

    def plot(
        self, *, ax: Any = None, name: str | None = None, color: Any = None
    ) -> Self:
        """Draw the lines.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, beside what is there already; None makes a figure.
        name : str, default=None
            What the legend calls the mean; None is the name of the display.
        color : color of matplotlib, default=None
            Of the lines; None is the next one of the axes.

        Returns
        -------
        display : SharpnessDisplay
            The display itself.
        """
        ax = axes_or_new(ax, _SIZE)
        if not ax.lines:  # the first of several
            ax.axvline(0, color=_INK, linestyle=":", linewidth=1)
        name = self.name if name is None else name
        (self.mean_line_,) = ax.plot(
            self.steps, self.mean_loss, color=color, linewidth=2.4, zorder=3, label=name
        )
        self.lines_ = ax.plot(
            self.steps,
            self.losses.T,
            color=self.mean_line_.get_color(),
            linewidth=0.9,
            alpha=0.4,
        )
        ax.set(
            xlabel="step from the trained weights, relative to their size",
            ylabel="loss",
        )
        ax.margins(x=0.01)
        ax.set_axisbelow(True)
        ax.grid(color="0.92")
        ax.spines[["top", "right"]].set_visible(False)
        if name is not None:
            ax.legend(loc="upper center", framealpha=0.9, fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _profiles(
    landscape: Landscape, steps: NDArray[np.float64], n_directions: int, seed: int
) -> NDArray[np.float64]:
    """Losses of shape (n_directions, n_points)."""
    generator = torch.Generator().manual_seed(seed)
    directions = (
        random_direction(landscape.parameters, generator, filter_normalised=True)
        for _ in range(n_directions)
    )
    return np.stack(
        [landscape.profile(one, steps.tolist()).numpy() for one in directions]
    )
