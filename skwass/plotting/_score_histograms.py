"""Histograms of two sets of scores, and a threshold between them, drawn on axes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: blue and orange, which no kind of colour blindness mixes up
_COLOURS = ("#3b6fb0", "#e8871e")
_INK = "#444444"
_FAR = 0.01  # share of scores at either end that bins may leave outside
_MUCH = 1.5  # they do so if the others fill less than one part in that
#: inches: axes that have room for two columns of a legend; the height of a line, and
#: of what is around all lines
_WIDE, _LINE, _FRAME = 4.0, 0.19, 0.2


class Histograms(NamedTuple):
    """What was drawn."""

    bars_in: Any
    bars_out: Any
    line: Any


def draw_scores(
    ax: Any,
    scores: tuple[Array, Array],
    names: tuple[str, str],
    threshold: float,
    positive: str,
    rate: float,
    n_bins: int,
    title: str,
) -> Histograms:
    """Draw the scores of known and of unknown samples.

    Parameters
    ----------
    ax : Axes
        Where.
    scores : tuple of two arrays
        Those of known samples first.
    names : tuple of two str
        What the legend calls them.
    threshold : float
        Finds 95 % of the positives.
    positive : {"out", "in"}
        Which of them those are.
    rate : float
        Share of the others that are found with them.
    n_bins : int
        How many bins.
    title : str
        Of the legend.
    """
    edges = bin_edges(scores, n_bins)
    bars = []
    heights = [_shares(side, edges) for side in scores]
    for height, name, colour, side in zip(
        heights, names, _COLOURS, scores, strict=True
    ):
        bars.append(
            ax.bar(
                edges[:-1],
                height,
                np.diff(edges),
                align="edge",
                color=(colour, 0.5),
                label=f"{name} ({len(side)})",
            )
        )
        ax.stairs(height, edges, color=colour, linewidth=1.4)
    is_out = positive == "out"
    found, others = names[::-1] if is_out else names
    line = ax.axvline(
        threshold,
        color=_INK,
        linestyle="--",
        linewidth=1.2,
        label=f"finds 95 % of {found}",
    )
    side = scores[0] if is_out else scores[1]
    alarms = ax.bar(
        edges[:-1].clip(min=threshold) if is_out else edges[:-1],
        # of the bin that the threshold parts, only what lies beyond it
        _shares(side, edges, side >= threshold if is_out else side <= threshold),
        _beyond(edges, threshold, is_out),
        align="edge",
        color="none",
        edgecolor=_COLOURS[0 if is_out else 1],
        hatch="////",
        linewidth=0,
        label=f"false alarms: {100 * rate:.1f} % of {others}",
    )
    ax.margins(x=0.02)
    ax.set_ylabel("share of samples")
    highest = max(height.max() for height in heights)
    _lay_legend(ax, [*bars, line, alarms], title, highest)
    ax.set_axisbelow(True)
    ax.grid(color="0.92")
    ax.spines[["top", "right"]].set_visible(False)
    return Histograms(bars[0], bars[1], line)


def _shares(side: Array, edges: Array, chosen: Any = slice(None)) -> Array:
    """Shares of all scores that are chosen and lie in each bin, or beyond the last."""
    inside = side[chosen].clip(edges[0], edges[-1])
    return np.asarray(np.histogram(inside, edges)[0] / len(side))


def _beyond(edges: Array, threshold: float, is_out: bool) -> Array:
    """Widths of bins beyond a threshold."""
    part = edges.clip(min=threshold) if is_out else edges.clip(max=threshold)
    return np.diff(part)


def _lay_legend(ax: Any, handles: list[Any], title: str, highest: float) -> None:
    """A legend above the histograms, which leave room for it."""
    width, height = ax.get_window_extent().size / ax.figure.dpi
    columns = 2 if width > _WIDE else 1
    room = _LINE * (1 + 4 / columns) + _FRAME
    ax.set_ylim(0, highest / (1 - min(room / height, 0.6)))
    ax.legend(
        handles=handles,
        loc="upper center",
        ncols=columns,
        title=title,
        title_fontsize="small",
        fontsize="small",
        framealpha=0.9,
    )


def bin_edges(scores: tuple[Array, Array], n_bins: int) -> Array:
    """Edges of equally wide bins for both sides.

    A few scores that are far out, such as distances may be, do not press the others
    into one bin: they are left outside.
    """
    ordered = [np.sort(side) for side in scores]
    few = [int(_FAR * len(side)) for side in scores]
    low = min(side[n] for side, n in zip(ordered, few, strict=True))
    high = max(side[-1 - n] for side, n in zip(ordered, few, strict=True))
    least, most = min(side[0] for side in ordered), max(side[-1] for side in ordered)
    if most - least <= _MUCH * (high - low):
        low, high = least, most
    if not low < high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, n_bins + 1)
