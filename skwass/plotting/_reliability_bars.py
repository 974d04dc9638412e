"""The two halves of a reliability diagram, drawn on axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from skwass.metrics._bins import Bins

_BAR, _UNCLAIMED, _MISSING, _INK = "#3b6fb0", "#a9c8e8", "#d1495b", "#444444"
_EDGES = {"edgecolor": "white", "linewidth": 0.6}


def draw_bars(ax: Any, bins: Bins, label: str) -> None:
    """Bars of what came true, with the gap to what was predicted, and a diagonal."""
    place = {"x": bins.lower, "width": bins.upper - bins.lower, "align": "edge"}
    ax.bar(height=bins.observed, color=_BAR, label=label, **place, **_EDGES)
    gap = bins.predicted - bins.observed
    if (gap < 0).any():
        ax.bar(
            bottom=bins.predicted,
            height=np.where(gap < 0, -gap, np.nan),
            color=_UNCLAIMED,
            label="not sure enough",
            **place,
            **_EDGES,
        )
    if (gap > 0).any():
        ax.bar(
            bottom=bins.observed,
            height=np.where(gap > 0, gap, np.nan),
            color=(_MISSING, 0.22),
            edgecolor=_MISSING,
            linewidth=0.8,
            label="too sure",
            **place,
        )
    ax.plot([0, 1], [0, 1], "--", color=_INK, linewidth=1, label="calibrated")
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    _lay_grid(ax)
    ax.legend(loc="upper left", framealpha=0.9, fontsize="small")


def draw_histogram(ax: Any, bins: Bins) -> Any:
    """The masses of bins, on new axes beneath, which take over the label of x."""
    from mpl_toolkits.axes_grid1 import make_axes_locatable

    below = make_axes_locatable(ax).append_axes(
        "bottom", size="26%", pad=0.12, sharex=ax
    )
    width = bins.upper - bins.lower
    below.bar(bins.lower, bins.mass, width, align="edge", color=_UNCLAIMED, **_EDGES)
    predicted, observed = bins.mass @ bins.predicted, bins.mass @ bins.observed
    for label, mean, colour, style in (
        (f"mean {ax.get_xlabel()} {predicted:.3f}", predicted, _MISSING, "-"),
        (f"{ax.get_ylabel()} {observed:.3f}", observed, _INK, "--"),
    ):
        below.axvline(mean, color=colour, linestyle=style, linewidth=1.2, label=label)
    below.set(xlabel=ax.get_xlabel(), ylabel="share")
    _lay_grid(below)
    below.legend(loc="best", framealpha=0.9, fontsize="x-small")
    ax.set_xlabel("")
    ax.tick_params(axis="x", labelbottom=False)
    return below


def _lay_grid(ax: Any) -> None:
    ax.set_axisbelow(True)
    ax.grid(color="0.92")
