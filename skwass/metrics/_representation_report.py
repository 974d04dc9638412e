"""All figures of a representation in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import hyp0f1

from skwass.metrics._marchenko_pastur import uniformity_floor
from skwass.metrics._representations import checked_representation
from skwass.metrics._spectrum import rank_of_spectrum, spectrum_of_rows
from skwass.metrics._uniformity import (
    alignment,
    distance_of_spectrum,
    wang_isola_uniformity,
)

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class RepresentationReport:
    r"""What `representation_report` found; it can be printed and put in a data frame.

    Parameters
    ----------
    name : str or None
        What the representation is called.
    n_samples : int
        Rows.
    n_features : int
        Columns.
    wasserstein_uniformity : float
        Distance from uniform, not squared: zero is uniform, :math:`\sqrt2` collapsed.
    floor : float
        What as many uniform samples have; see :func:`uniformity_floor`.
    excess : float
        How far above the floor: zero is as uniform as it gets, one is collapsed.
    collapsed_share : float
        The share of dimensions that would have to be gone for this distance, if the
        rest were uniform: :math:`1 - \big((2 - W_2^2) / (2 - f^2)\big)^2` with the
        floor f, and not below zero.
    wang_isola_uniformity : float
        With t = 2, in the mean over pairs.
    wang_isola_of_uniform : float
        What it is for many uniform samples of so many features.
    effective_rank : float
        In how many directions they spread.
    alignment : float or None
        Mean squared distance of two views, if there are two.
    spectrum : ndarray of shape (n_features,)
        Singular values of the centred rows; all are one if uniform.
    """

    name: str | None
    n_samples: int
    n_features: int
    wasserstein_uniformity: float
    floor: float
    excess: float
    collapsed_share: float
    wang_isola_uniformity: float
    wang_isola_of_uniform: float
    effective_rank: float
    alignment: float | None
    spectrum: NDArray[np.float64] = field(repr=False, compare=False)

    def __str__(self) -> str:
        what = "representation" if self.name is None else self.name
        best = min(self.n_features, self.n_samples - 1)
        lines = [
            (
                "Wasserstein uniformity",
                f"{self.wasserstein_uniformity:.3f}",
                f"0 uniform, 1.414 collapsed; {self.floor:.3f} is the floor",
            ),
            (
                "  above the floor",
                f"{self.excess:.3f}",
                "0 as uniform as it gets, 1 collapsed",
            ),
            (
                "  as if collapsed",
                f"{self.collapsed_share:.1%}",
                "of the dimensions, the rest uniform",
            ),
            (
                "Wang-Isola uniformity",
                f"{self.wang_isola_uniformity:.3f}",
                f"{self.wang_isola_of_uniform:.3f} uniform, 0 collapsed",
            ),
            ("effective rank", f"{self.effective_rank:.1f}", f"of {best}"),
        ]
        if self.alignment is not None:
            lines.append(
                ("alignment", f"{self.alignment:.3f}", "0 aligned, 2 unrelated views")
            )
        table = "\n".join(f"  {a:<24}{b:>8}   {c}" for a, b, c in lines)
        return f"{what}: {self.n_samples} samples, {self.n_features} features\n{table}"

    def to_dict(self) -> dict[str, Any]:
        """The figures by name, without the name of the representation and the spectrum.

        Returns
        -------
        figures : dict
            Numbers; None is what was not asked for.
        """
        left_out = ("name", "spectrum")
        return {
            part.name: getattr(self, part.name)
            for part in fields(self)
            if part.name not in left_out
        }

    def to_frame(self) -> pandas.DataFrame:
        """One row, to put under those of other representations with ``pandas.concat``.

        Returns
        -------
        frame : DataFrame of shape (1, n_figures)
            Its index is the name of the representation, or zero; what was not asked
            for is NaN.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("Data frames need pandas: pip install pandas") from error
        figures = {
            name: math.nan if value is None else value
            for name, value in self.to_dict().items()
        }
        return pandas.DataFrame(figures, index=[0 if self.name is None else self.name])


def representation_report(
    Z: Any, Z_positive: Any = None, *, name: str | None = None
) -> RepresentationReport:
    """All figures of a representation: one call tells whether it has collapsed.

    Each figure has a blind spot. Wasserstein uniformity does not tell the ends of the
    axes from the sphere, Wang–Isola uniformity does not see dimensions that are not
    used, the effective rank not a small cloud around one point. Rows are scaled to
    length one.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_features)
        Representations: an array, a torch tensor, a frame. Pairs are compared, so ten
        times the samples take a hundred times the time.
    Z_positive : array-like of shape (n_samples, n_features), default=None
        Those of other views of the same samples, for the alignment.
    name : str, default=None
        What to call it.

    Returns
    -------
    report : RepresentationReport
        Print it, or ask for `to_frame`.

    Raises
    ------
    ValueError
        As :func:`wasserstein_uniformity` does, or if the shapes of two views differ.

    Examples
    --------
    >>> import numpy as np
    >>> from skwass.metrics import representation_report
    >>> Z = np.random.default_rng(0).normal(size=(500, 16))
    >>> Z[:, 12:] = 0
    >>> print(representation_report(Z, name="encoder"))
    encoder: 500 samples, 16 features
      Wasserstein uniformity     0.525   0 uniform, 1.414 collapsed; 0.098 is the floor
        above the floor          0.324   0 as uniform as it gets, 1 collapsed
        as if collapsed          24.9%   of the dimensions, the rest uniform
      Wang-Isola uniformity     -3.358   -3.513 uniform, 0 collapsed
      effective rank              12.0   of 16
    """
    rows = checked_representation(Z)
    n_samples, n_features = rows.shape
    # views that do not fit are told before the work begins
    aligned = None if Z_positive is None else alignment(Z, Z_positive)
    spectrum = spectrum_of_rows(rows)
    distance = distance_of_spectrum(spectrum, n_samples)
    floor = uniformity_floor(n_samples, n_features)
    return RepresentationReport(
        name=name,
        n_samples=n_samples,
        n_features=n_features,
        wasserstein_uniformity=distance,
        floor=floor,
        excess=distance_of_spectrum(spectrum, n_samples, corrected=True),
        collapsed_share=collapsed_share(distance, floor),
        wang_isola_uniformity=wang_isola_uniformity(rows),
        wang_isola_of_uniform=wang_isola_of_uniform(n_features),
        effective_rank=rank_of_spectrum(spectrum),
        alignment=aligned,
        spectrum=spectrum,
    )


def collapsed_share(distance: float, floor: float) -> float:
    """The share of dimensions that is gone, if the rest is as uniform as it gets."""
    return float(1 - min(1.0, (2 - distance**2) / (2 - floor**2)) ** 2)


def wang_isola_of_uniform(n_features: int, t: float = 2.0) -> float:
    """The limit for many uniform samples."""
    # the cosine of two has the density of one coordinate, whose transform is a Bessel's
    return float(math.log(hyp0f1(n_features / 2, t**2)) - 2 * t)
