"""Claim: probabilities that hold, from networks that are good in a whole ball.

`OTMDR` against textbook SAM and quadrature; what its steps cost in time and memory;
`OTMDRClassifier` as a single network, an ensemble and a Bayesian network against plain
training, deep ensembles, temperature scaling and dropout, with right and with wrong
labels; its defaults on small tables; and what the paper leaves open. All rows with five
seeds take hours, so rows can be run one by one: the figures of each are kept in
docs/results/otmdr.json, from which the page is written.
"""

from __future__ import annotations

from functools import partial

import _otmdr_exact as exact
import _otmdr_memory as memory
import _otmdr_open as unanswered
import _otmdr_page as page
import _otmdr_sharpness as sharpness
import _otmdr_speed as speed
import _otmdr_tables as tables
from _otmdr_quality import SETTINGS
from _rows import Measure, Suite

_QUICK = (
    "exact/steps",
    "speed/mlp",
    "speed/memory",
    *(
        f"digits/{method}"
        for method in ("sgd", "sgd-x2", "sam", "otmdr-1", "ensemble", "otmdr-ensemble")
    ),
)


def _rows() -> dict[str, Measure]:
    """All rows by name, ``group/row``."""
    rows: dict[str, Measure] = {
        "exact/steps": exact.measure,
        "speed/mlp": speed.mlp,
        "speed/cnn": speed.cnn,
        "speed/ensemble": speed.ensemble,
        "speed/memory": memory.measure,
        "tables/small": tables.measure,
        "sharpness/digits": sharpness.measure,
        "open/growth": unanswered.growth,
    }
    for setting in unanswered.TRIED:
        for name in ("norms", "particles", "noise"):
            measure = partial(getattr(unanswered, name), setting)
            rows[f"open/{name}-{setting}"] = measure
    for name, setting in SETTINGS.items():
        for method, measure in setting.rows().items():
            rows[f"{name}/{method}"] = measure
    return rows


def _quick_seeds(row: str) -> int:
    return 1 if row.startswith("speed/") else 2


def _files_of(row: str) -> list[str]:
    setting = SETTINGS.get(row.split("/")[0])
    return [setting.file] if setting is not None and setting.file else []


if __name__ == "__main__":
    Suite(
        "otmdr",
        __doc__,
        _rows(),
        page.write,
        quick=_QUICK,
        seeds=(0, 1, 2, 3, 4),
        quick_seeds=_quick_seeds,
        files_of=_files_of,
    ).main()
