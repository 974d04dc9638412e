"""Claim: a figure tells whether a representation has collapsed, a loss prevents it.

The four properties of the Wasserstein distance from uniform and the law of collapse;
its gradient, which is never NaN, and what that costs; eight self-supervised methods
with and without it, by linear probes; and what the paper leaves open. All rows with
three seeds take hours, so rows can be run one by one: the figures of each are kept in
docs/results/uniformity.json, from which the page is written.
"""

from __future__ import annotations

import _uniformity_gradient as gradient
import _uniformity_open as unanswered
import _uniformity_page as page
import _uniformity_properties as properties
from _rows import Measure, Suite
from _uniformity_methods import SETTINGS

_QUICK = (
    "properties",
    "gradient/robust",
    "gradient/error",
    "gradient/speed",
    "methods/digits-raw",
    "methods/digits-byol-none",
    "methods/digits-byol-wasserstein",
    "methods/digits-simsiam-none",
    "methods/digits-simsiam-wasserstein",
    "open/distances",
)


def _rows() -> dict[str, Measure]:
    """All rows by name, ``group/row``."""
    rows: dict[str, Measure] = {
        "properties/four": properties.four,
        "properties/law": properties.law,
        "properties/curve": properties.curve,
        "gradient/robust": gradient.robust,
        "gradient/error": gradient.error,
        "gradient/speed": gradient.speed,
        "gradient/step": gradient.step,
    }
    for name, setting in SETTINGS.items():
        for row, measure in setting.rows().items():
            rows[f"methods/{name}-{row}"] = measure
    return rows | {f"open/{row}": each for row, each in unanswered.rows().items()}


def _files_of(row: str) -> list[str]:
    group, name = row.split("/")
    setting = SETTINGS.get(name.split("-")[0]) if group == "methods" else None
    file = unanswered.file_of(name) if setting is None else setting.file
    return [file] if file else []


if __name__ == "__main__":
    Suite(
        "uniformity",
        __doc__,
        _rows(),
        page.write,
        quick=_QUICK,
        seeds=(0, 1, 2),
        files_of=_files_of,
    ).main()
