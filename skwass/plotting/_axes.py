"""matplotlib, which is an extra."""

from __future__ import annotations

from typing import Any


def axes_or_new(ax: Any) -> Any:
    """`ax`, or the axes of a new figure.

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
    return pyplot.subplots()[1]
