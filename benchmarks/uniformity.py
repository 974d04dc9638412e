"""Claim: a figure tells whether a representation has collapsed, a loss prevents it.

The four properties of the Wasserstein distance from uniform and the law of collapse;
its gradient, which is never NaN, and what that costs; eight self-supervised methods
with and without it, by linear probes; and what the paper leaves open. All rows with
three seeds take hours, so rows can be run one by one: the figures of each are kept in
docs/results/uniformity.json, from which the page is written.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import _uniformity_gradient as gradient
import _uniformity_open as unanswered
import _uniformity_page as page
import _uniformity_properties as properties
from _clouds import stored
from _otmdr_data import Scope
from _records import Figures, Records
from _report import options_parser
from _uniformity_methods import SETTINGS

_SEEDS = (0, 1, 2)
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

Measure = Callable[[Scope], Figures]


def main() -> None:
    arguments = _arguments()
    trial = arguments.quick or arguments.tiny
    records = Records.passing() if trial else _records(arguments.records)
    rows = [] if arguments.page else _chosen(arguments)
    for name in rows:
        reason = _reason_to_skip(name, arguments.data_home)
        if reason:
            print(f"{name} is skipped: {reason}.")
            continue
        for seed in arguments.seeds[:1] if trial else arguments.seeds:
            if not (arguments.resume and records.has(name, seed)):
                _measure(name, seed, arguments, records)
    page.write(records, quick=trial)


def _arguments() -> argparse.Namespace:
    parser = options_parser(__doc__, data=True)
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="ROW",
        help="rows, groups of them, or all that begin with what is said before a dash",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=list(_SEEDS))
    parser.add_argument(
        "--resume", action="store_true", help="leave rows and seeds that are measured"
    )
    parser.add_argument(
        "--page", action="store_true", help="measure nothing, write the page again"
    )
    parser.add_argument(
        "--tiny",
        action="store_true",
        help="try all rows on next to nothing, with one seed; write nothing",
    )
    parser.add_argument(
        "--device", default="cpu", help="where networks of the methods are trained"
    )
    parser.add_argument("--records", type=Path, help="another file for the raw figures")
    parser.epilog = (
        f"Groups: {', '.join(_groups())}. Rows: {', '.join(_rows())}. "
        "--quick runs some rows with one seed."
    )
    arguments = parser.parse_args()
    for wanted in arguments.only or []:
        if not any(_is_meant(row, wanted) for row in _rows()):
            parser.error(f"--only: there is no row {wanted!r}; see --help")
    return arguments


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


def _groups() -> list[str]:
    groups = dict.fromkeys(name.split("/")[0] for name in _rows())
    return [*groups, *(f"methods/{name}" for name in SETTINGS)]


def _chosen(arguments: argparse.Namespace) -> list[str]:
    wanted = arguments.only or (_QUICK if arguments.quick else _groups())
    return [row for row in _rows() if any(_is_meant(row, each) for each in wanted)]


def _is_meant(row: str, wanted: str) -> bool:
    return row == wanted or row.startswith((f"{wanted}/", f"{wanted}-"))


def _records(path: Path | None) -> Records:
    return Records.of("uniformity") if path is None else Records.kept(path)


def _reason_to_skip(row: str, data_home: Path | None) -> str:
    group, name = row.split("/")
    if group == "methods":
        needed = SETTINGS[name.split("-")[0]].file
    else:
        needed = unanswered.file_of(name)
    if needed is None or stored(data_home, needed):
        return ""
    return f"there is no {needed} in --data-home"


def _measure(
    name: str, seed: int, arguments: argparse.Namespace, records: Records
) -> None:
    scope = Scope(seed, arguments.data_home, arguments.tiny, arguments.device)
    print(f"{name}, seed {seed} …", flush=True)
    start = time.perf_counter()
    figures = _rows()[name](scope)
    where = "" if arguments.device == "cpu" else f"On {arguments.device}."
    records.add(name, seed, figures, where)
    shown = ", ".join(f"{figure} {value:.4g}" for figure, value in figures.items())
    print(f"  {time.perf_counter() - start:.1f} s: {shown}", flush=True)


if __name__ == "__main__":
    main()
