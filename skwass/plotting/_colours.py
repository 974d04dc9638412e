"""Colours that tell classes or clouds apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: as many colours as a palette has that was made for telling things apart
MOST_DISTINCT = 10


def palette(n_colours: int) -> NDArray[Any]:
    """So many colours, of shape (n_colours, 4)."""
    from matplotlib import colormaps

    if n_colours <= MOST_DISTINCT:
        return np.asarray(colormaps["tab10"](np.arange(n_colours)))
    return np.asarray(colormaps["turbo"](np.linspace(0, 1, n_colours)))
