"""Claim: Gaussian tokens at nearly the cost of points, and they know what they do not.

What Wasserstein attention costs, and how even it is before training;
`StochasticViTClassifier` against its deterministic twins, with Monte-Carlo dropout, as
an ensemble and temperature scaled, on four kinds of images: how good and how honest it
is, what it says of images of unknown classes and of spoilt ones; few labels, with and
without pre-training; and what the paper leaves open. All of that takes hours, so rows
can be run one by one: the figures of each are kept in docs/results/stochastic_vit.json,
from which the page is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import _vit_entropy as entropy
import _vit_open as unanswered
import _vit_page as page
import _vit_quality as quality
import _vit_semi as semi
import _vit_speed as speed
import _vit_whole as whole
from _otmdr_speed import on_threads
from _problems import Scope
from _records import Figures
from _rows import Measure, Suite

_QUICK = (
    "entropy/initial",
    "speed/attention",
    "digits/stochastic",
    "digits/matched",
    "digits/twin",
)


def _rows() -> dict[str, Measure]:
    """All rows by name, ``group/row``."""
    rows: dict[str, Measure] = {
        "speed/attention": speed.measure,
        "entropy/initial": entropy.measure,
    }
    rows |= quality.rows()
    rows |= {f"semi/{row}": each for row, each in semi.rows().items()}
    rows |= {f"open/{row}": each for row, each in unanswered.rows().items()}
    # networks are so small that a second thread would only wait
    rows = {row: partial(_on_one_thread, each) for row, each in rows.items()}
    return rows | {"cifar/whole": whole.measure}


def _on_one_thread(measure: Measure, scope: Scope) -> Figures:
    with on_threads(1):
        return measure(scope)


def _files_of(row: str) -> Sequence[str]:
    group, name = row.split("/")
    if group == "semi":
        return quality.GROUNDS[name.split("-")[0]].files
    if group == "open":
        return unanswered.ground_of(name).files
    return quality.GROUNDS[group].files if group in quality.GROUNDS else ()


if __name__ == "__main__":
    Suite(
        "stochastic_vit",
        __doc__,
        _rows(),
        page.write,
        quick=_QUICK,
        seeds=(0, 1, 2, 3, 4),
        files_of=_files_of,
    ).main()
