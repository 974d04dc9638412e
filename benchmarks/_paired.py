"""Two rows of a benchmark that are compared seed by seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from _records import Records
from scipy.stats import ttest_1samp

#: figures of which more is better begin with one of these; of others, less is
_HIGHER = ("accuracy", "auroc")


def difference(
    records: Records, first: str, second: str, figure: str, other: str = ""
) -> str:
    """For a table: the median, in how many seeds the first row is better, and p."""
    found = gains(records, first, second, figure, other)
    if not found:
        return "–"
    median = _sign(figure) * np.median(found)
    better = int(np.sum(np.array(found) > 0))
    text = f"{median:+.4f} ({better}/{len(found)}"
    p = p_of(found)
    return text + (")" if np.isnan(p) else f", p {p:.2g})")


def gains(
    records: Records, first: str, second: str, figure: str, other: str = ""
) -> list[float]:
    """How much better the first row is, seed by seed.

    The figure of the second row may be called another name.
    """
    pairs = records.pairs((first, figure), (second, other or figure))
    return [_sign(figure) * (own - other) for own, other in pairs]


def p_of(gains: list[float]) -> float:
    """Of no gain, against a gain; NaN if that cannot be said."""
    if len(gains) < 2 or np.ptp(gains) == 0:
        return float("nan")
    found: Any = ttest_1samp(gains, 0, alternative="greater")
    return float(found.pvalue)


def _sign(figure: str) -> int:
    return 1 if figure.startswith(_HIGHER) else -1
