"""Singular values of representations, beside those that uniform ones would have."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_scalar
from sklearn.utils.validation import check_is_fitted

from skwass.metrics._marchenko_pastur import expected_spectrum
from skwass.metrics._representations import checked_representation
from skwass.metrics._spectrum import rank_of_spectrum, spectrum_of_rows
from skwass.metrics._uniformity import distance_of_spectrum
from skwass.plotting._axes import axes_or_new

if TYPE_CHECKING:
    from typing_extensions import Self

_SIZE = (6.0, 4.2)
_INK = "#444444"


class SpectrumDisplay:
    r"""Singular values of representations, in descending order.

    Those of uniform representations are one, or lie on the dotted line if samples are
    few: quantiles of the Marchenko–Pastur law. Where a line falls to zero, dimensions
    have collapsed; the Wasserstein uniformity is :math:`\sqrt{2 - 2 \bar s}` with the
    mean height :math:`\bar s`.

    Make one with `from_representation` or `from_estimator`, or several on the same axes
    with `from_representations`.

    Parameters
    ----------
    spectrum : array-like of shape (n_features,)
        As :func:`~skwass.metrics.singular_spectrum` gives it.
    n_samples : int
        Of how many samples.
    name : str, default=None
        What the legend calls it.

    Attributes
    ----------
    expected : ndarray of shape (n_features,)
        What it would be for as many uniform samples.
    distance : float
        The Wasserstein uniformity, of rows of length one.
    effective_rank : float
        The effective rank.
    line_ : matplotlib Line2D
        The singular values.
    expected_line_ : matplotlib Line2D
        Those of uniform samples.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.

    Raises
    ------
    ValueError
        If the spectrum is not finite, negative or does not descend, or n_samples is
        less than two.

    See Also
    --------
    skwass.metrics.representation_report : The figures.

    Examples
    --------
    >>> from skwass.plotting import SpectrumDisplay
    >>> display = SpectrumDisplay([1.2, 1.1, 0.1, 0.0], n_samples=100).plot()
    >>> round(display.distance, 3)
    0.894
    """

    def __init__(
        self, spectrum: ArrayLike, n_samples: int, *, name: str | None = None
    ) -> None:
        self.spectrum: NDArray[np.float64] = check_array(
            spectrum, ensure_2d=False, dtype=np.float64, input_name="spectrum"
        )
        check_scalar(n_samples, "n_samples", Integral, min_val=2)
        descends = self.spectrum.ndim == 1 and (np.diff(self.spectrum) <= 0).all()
        if not descends or self.spectrum[-1] < 0:
            raise ValueError(
                "spectrum must be of shape (n_features,), not negative, in descending "
                "order."
            )
        self.n_samples, self.name = n_samples, name
        self.expected = expected_spectrum(n_samples, len(self.spectrum))
        self.distance = distance_of_spectrum(self.spectrum, n_samples)
        self.effective_rank = rank_of_spectrum(self.spectrum)

    @classmethod
    def from_representation(
        cls, Z: Any, *, name: str | None = None, color: Any = None, ax: Any = None
    ) -> Self:
        """Draw the spectrum of representations.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_features)
            Representations: an array, a torch tensor, a frame. Rows are scaled to
            length one.
        name : str, default=None
            What the legend calls it.
        color : color of matplotlib, default=None
            Of the line; None is the next one of the axes.
        ax : matplotlib Axes, default=None
            Where to draw, beside what is there already; None makes a figure.

        Returns
        -------
        display : SpectrumDisplay
            The drawn display.

        Raises
        ------
        ValueError
            As :func:`~skwass.metrics.wasserstein_uniformity` does.

        Examples
        --------
        >>> import numpy as np
        >>> from skwass.plotting import SpectrumDisplay
        >>> Z = np.random.default_rng(0).normal(size=(500, 32))
        >>> display = SpectrumDisplay.from_representation(Z)
        >>> bool(abs(display.spectrum - display.expected).max() < 0.1)
        True
        """
        rows = checked_representation(Z)
        return cls(spectrum_of_rows(rows), len(rows), name=name).plot(
            ax=ax, color=color
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        name: str | None = None,
        color: Any = None,
        ax: Any = None,
    ) -> Self:
        """Transform samples with a fitted estimator and draw their spectrum.

        Parameters
        ----------
        estimator : object
            Fitted, with ``transform``: a transformer, or a pipeline that ends in one.
        X : array-like
            What it transforms; better not what it was fitted on.
        name : str, default=None
            What the legend calls it; None is the name of the estimator's class.
        color : color of matplotlib, default=None
            Of the line; None is the next one of the axes.
        ax : matplotlib Axes, default=None
            Where to draw, beside what is there already; None makes a figure.

        Returns
        -------
        display : SpectrumDisplay
            The drawn display.

        Raises
        ------
        ValueError
            As :func:`~skwass.metrics.wasserstein_uniformity` does, of what comes out.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.decomposition import PCA
        >>> from skwass.plotting import SpectrumDisplay
        >>> X = load_digits().data
        >>> pca = PCA(16).fit(X[::2])
        >>> SpectrumDisplay.from_estimator(pca, X[1::2]).name
        'PCA'
        """
        check_is_fitted(estimator)
        return cls.from_representation(
            estimator.transform(X),
            name=type(estimator).__name__ if name is None else name,
            color=color,
            ax=ax,
        )

    @classmethod
    def from_representations(
        cls, representations: Mapping[str, Any], *, ax: Any = None
    ) -> list[Self]:
        """Draw several on the same axes.

        Parameters
        ----------
        representations : dict
            Name → representations of shape (n_samples, n_features).
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        displays : list of SpectrumDisplay
            One for each.

        Raises
        ------
        ValueError
            If there are none, or as `from_representation` does.

        Examples
        --------
        >>> import numpy as np
        >>> from skwass.plotting import SpectrumDisplay
        >>> Z = np.random.default_rng(0).normal(size=(200, 8))
        >>> one, two = SpectrumDisplay.from_representations(
        ...     {"all": Z, "half": Z * [1, 1, 1, 1, 0, 0, 0, 0]}
        ... )
        >>> one.ax_ is two.ax_
        True
        """
        displays: list[Self] = []
        for name, Z in representations.items():
            displays.append(cls.from_representation(Z, name=name, ax=ax))
            ax = displays[0].ax_
        if not displays:
            raise ValueError("representations must be at least one; got none.")
        return displays

    def plot(
        self, *, ax: Any = None, name: str | None = None, color: Any = None
    ) -> Self:
        """Draw the singular values, and those of uniform samples where they differ.

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
        display : SpectrumDisplay
            The display itself.
        """
        ax = axes_or_new(ax, _SIZE)
        name = self.name if name is None else name
        figures = f"{self.distance:.2f}, rank {self.effective_rank:.1f}"
        rank = np.arange(1, len(self.spectrum) + 1)
        # one line for all that have as many samples and features, one label for all
        known = [line for line in ax.lines if line.get_gid() == "expected"]
        (self.expected_line_,) = [
            line for line in known if np.array_equal(line.get_ydata(), self.expected)
        ] or ax.plot(
            rank,
            self.expected,
            ":",
            color=_INK,
            linewidth=1.5,
            gid="expected",
            label="_nolegend_" if known else "uniform samples",
        )
        (self.line_,) = ax.plot(
            rank,
            self.spectrum,
            color=color,
            linewidth=1.8,
            zorder=3,
            label=figures if name is None else f"{name} ({figures})",
        )
        highest = max(line.get_ydata().max() for line in ax.lines)
        ax.set(
            xlabel="direction",
            ylabel="singular value, one if uniform",
            ylim=(0, 1.05 * (highest or 1)),
        )
        ax.margins(x=0.02)
        ax.set_axisbelow(True)
        ax.grid(color="0.92")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(framealpha=0.9, fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self
