"""Claim: probabilities that hold, from networks that are good in a whole ball.

`OTMDR` against textbook SAM and quadrature; what its steps cost in time and memory;
`OTMDRClassifier` as a single network, an ensemble and a Bayesian network against plain
training, deep ensembles, temperature scaling and dropout, with right and with wrong
labels; its defaults on small tables; and what the paper leaves open. All rows with five
seeds take hours, so rows can be run one by one: the figures of each are kept in
docs/results/otmdr.json, from which the page is written.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import _otmdr_exact as exact
import _otmdr_memory as memory
import _otmdr_open as unanswered
import _otmdr_page as page
import _otmdr_sharpness as sharpness
import _otmdr_speed as speed
import _otmdr_tables as tables
from _clouds import stored
from _otmdr_data import Scope
from _otmdr_quality import SETTINGS
from _records import Figures, Records
from _report import options_parser

_SEEDS = (0, 1, 2, 3, 4)
_QUICK_SEEDS = 2
_QUICK = (
    "exact/steps",
    "speed/mlp",
    "speed/memory",
    *(
        f"digits/{method}"
        for method in ("sgd", "sgd-x2", "sam", "otmdr-1", "ensemble", "otmdr-ensemble")
    ),
)

Measure = Callable[[Scope], Figures]


def main() -> None:
    arguments = _arguments()
    trial = arguments.quick or arguments.tiny
    records = Records.passing() if trial else _records(arguments.records)
    rows = [] if arguments.page else _chosen(arguments)
    seeds = arguments.seeds[:_QUICK_SEEDS] if arguments.quick else arguments.seeds
    for name in rows:
        reason = _reason_to_skip(name, arguments.data_home)
        if reason:
            print(f"{name} is skipped: {reason}.")
            continue
        once = arguments.tiny or (arguments.quick and name.startswith("speed/"))
        for seed in seeds[:1] if once else seeds:
            if not (arguments.resume and records.has(name, seed)):
                _measure(name, seed, arguments, records)
    # the page is of the records beside it
    page.write(records, quick=trial or arguments.records is not None)


def _arguments() -> argparse.Namespace:
    parser = options_parser(__doc__, data=True)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[*_groups(), *_rows()],
        metavar="ROW",
        help="rows, or groups of them",
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
        "--device", default="cpu", help="where networks of the quality rows are trained"
    )
    parser.add_argument("--records", type=Path, help="another file for the raw figures")
    parser.epilog = (
        f"Groups: {', '.join(_groups())}. Rows: {', '.join(_rows())}. "
        "--quick runs some rows with two seeds."
    )
    return parser.parse_args()


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


def _groups() -> list[str]:
    return list(dict.fromkeys(name.split("/")[0] for name in _rows()))


def _chosen(arguments: argparse.Namespace) -> list[str]:
    if arguments.only:
        wanted = set(arguments.only)
        return [row for row in _rows() if row in wanted or row.split("/")[0] in wanted]
    return list(_QUICK) if arguments.quick else list(_rows())


def _records(path: Path | None) -> Records:
    return Records.of("otmdr") if path is None else Records.kept(path)


def _reason_to_skip(row: str, data_home: Path | None) -> str:
    setting = SETTINGS.get(row.split("/")[0])
    if setting is None or setting.file is None or stored(data_home, setting.file):
        return ""
    return f"there is no {setting.file} in --data-home"


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
