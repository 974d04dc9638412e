"""Risk against coverage, between the best ranking and one at random, drawn on axes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skwass.metrics._selective import RiskCoverage

_INK = "#444444"
_THIN = 1.1
_FINE = 200  # points of a curve that is a formula
_FEW = 0.05  # below this coverage, risks of few samples are no measure of height
_STYLES = {"random": ":", "ideal": "--"}
_WORDS = {"random": "a ranking at random", "ideal": "the best ranking"}


class RiskLines(NamedTuple):
    """What was drawn of one model."""

    found: Any
    ideal: Any
    random: Any


def draw_risk(ax: Any, curve: RiskCoverage, label: str, color: Any) -> RiskLines:
    """Draw one model beside those that are there."""
    is_first = not any(line.get_gid() in _STYLES for line in ax.lines)
    # a risk holds for all coverages down to that of the next surer samples
    (found,) = ax.plot(
        np.append(0, curve.coverage),
        np.append(curve.risk[0], curve.risk),
        drawstyle="steps-pre",
        color=color,
        linewidth=1.8,
        zorder=3,
        label=label,
    )
    rate = curve.error_rate
    covered = np.linspace(1 - rate, 1, _FINE)
    # nothing covered, nothing wrong
    least = (covered - (1 - rate)) / np.where(covered > 0, covered, 1)
    thin = {"color": found.get_color(), "linewidth": _THIN, "alpha": 0.8}
    (random,) = ax.plot([0, 1], [rate, rate], _STYLES["random"], gid="random", **thin)
    (ideal,) = ax.plot(
        np.append(0, covered),
        np.append(least[0], least),
        _STYLES["ideal"],
        gid="ideal",
        **thin,
    )
    if is_first:  # one label for the thin lines of all models
        for kind, style in _STYLES.items():
            ax.plot([], [], style, color=_INK, linewidth=_THIN, label=_WORDS[kind])
    _finish(ax, curve, is_first)
    return RiskLines(found, ideal, random)


def _finish(ax: Any, curve: RiskCoverage, is_first: bool) -> None:
    highest = max(curve.risk[curve.coverage >= _FEW].max(), curve.error_rate)
    room = 1.12 * highest or 1.0
    ax.set(
        xlabel="coverage: share of samples answered, the surest first",
        ylabel="risk: share of these that are wrong",
        xlim=(0, 1),
        ylim=(0, room if is_first else max(room, ax.get_ylim()[1])),
    )
    ax.set_axisbelow(True)
    ax.grid(color="0.92")
    ax.spines[["top", "right"]].set_visible(False)
    handles, texts = ax.get_legend_handles_labels()
    # thin lines come last, however many models there are
    order = sorted(range(len(texts)), key=lambda i: texts[i] in _WORDS.values())
    ax.legend(
        [handles[i] for i in order],
        [texts[i] for i in order],
        framealpha=0.9,
        fontsize="small",
    )
