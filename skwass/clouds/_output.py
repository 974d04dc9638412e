"""What every transformer that gives point clouds shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.base import TransformerMixin

if TYPE_CHECKING:
    from typing_extensions import Self


class CloudsOutMixin(TransformerMixin):
    """A transformer whose `transform` gives a `PointClouds`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # a data frame of clouds is nothing: scikit-learn must not wrap what comes out
        super().__init_subclass__(auto_wrap_output_keys=None, **kwargs)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Accept scikit-learn's output setting, which point clouds have no use for.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Ignored: `transform` always gives a `PointClouds`. The method is here so
            that ``set_output`` of a pipeline reaches the steps behind this one.

        Returns
        -------
        self : object
            The transformer itself.
        """
        return self
