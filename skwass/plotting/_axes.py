"""matplotlib, which is an extra."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike


def axes_or_new(ax: Any, size: ArrayLike | None = None) -> Any:
    """`ax`, or the axes of a new figure of a size in inches.

    Raises
    ------
    ImportError
        If matplotlib is not installed; the message names the extra to install.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "Displays need matplotlib: pip install 'skwass[plot]'"
        ) from error
    return pyplot.subplots(figsize=size)[1]
