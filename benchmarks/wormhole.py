"""Claim: Euclidean distances between embeddings are those of transport, at every size.

`WormholeEmbedder` on images, 3-D objects, recordings, documents and outlines against
exact transport and linear transport of equal size; what its decoder makes; classes it
never saw; cohorts of up to 60,000 clouds; and the authors' package, where that is
installed. All rows with three seeds take hours, so rows can be run one by one: the
figures of each are kept in docs/results/wormhole.json, from which the page is written.
"""

from __future__ import annotations

import argparse
import inspect
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import _wormhole_page as page
import _wormhole_peer as peer
import _wormhole_sizes as sizes
from _clouds import MNIST, stored
from _records import Figures, Records
from _report import options_parser
from _wormhole_cases import CASES, Scope

from skwass import WormholeEmbedder

_SEEDS = (0, 1, 2)
_QUICK_SHARE = 0.25
_FEW = 300

Measure = Callable[[Scope], Figures]


def main() -> None:
    arguments = _arguments()
    trial = arguments.quick or arguments.limit is not None
    records = Records.passing() if trial else Records.of("wormhole")
    rows = [] if arguments.page else arguments.only or list(_rows())
    if arguments.quick and not arguments.only:
        rows = rows[:1]
    for name in rows:
        reason = _reason_to_skip(name, arguments.data_home)
        if reason:
            print(f"{name} is skipped: {reason}.")
            continue
        for seed in arguments.seeds[:1] if arguments.quick else arguments.seeds:
            if not (arguments.resume and records.has(name, seed)):
                _measure(name, seed, arguments, records)
    page.write(records, quick=trial)


def _arguments() -> argparse.Namespace:
    parser = options_parser(__doc__, data=True)
    parser.add_argument("--only", nargs="+", choices=list(_rows()), metavar="ROW")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(_SEEDS))
    parser.add_argument(
        "--resume", action="store_true", help="leave rows and seeds that are measured"
    )
    parser.add_argument(
        "--page", action="store_true", help="measure nothing, write the page again"
    )
    parser.add_argument(
        "--limit", type=int, help="learn from so few clouds; write nothing"
    )
    parser.add_argument(
        "--cache", type=Path, help="folder for neighbours that take some minutes"
    )
    parser.add_argument(
        "--peer-minutes",
        type=float,
        default=5.0,
        help="how long the authors' package trains",
    )
    parser.epilog = f"Rows: {', '.join(_rows())}."
    return parser.parse_args()


def _rows() -> dict[str, Measure]:
    """All rows by name, the first of which `--quick` runs."""
    rows: dict[str, Measure] = {name: case.measure for name, case in CASES.items()}
    for size in sizes.SIZES:
        rows[f"size-{size}"] = partial(sizes.measure, size)
    return rows | {"authors": peer.measure}


def _reason_to_skip(name: str, data_home: Path | None) -> str:
    file = CASES[name].file if name in CASES else MNIST
    if not stored(data_home, file):
        return f"there is no {file} in --data-home"
    if name == "authors" and not peer.installed():
        return f"{peer.PACKAGE} is not installed"
    known = inspect.signature(WormholeEmbedder).parameters
    unknown = set(CASES[name].settings) - set(known) if name in CASES else set()
    if unknown:
        return f"WormholeEmbedder has no {', '.join(sorted(unknown))}"
    return ""


def _measure(
    name: str, seed: int, arguments: argparse.Namespace, records: Records
) -> None:
    # alone, --quick runs the first row on all clouds; rows that are named, on few
    limit, share = arguments.limit, 1.0
    if arguments.quick and arguments.only:
        limit = limit or _FEW
    elif arguments.quick:
        share = _QUICK_SHARE
    scope = Scope(
        arguments.data_home, seed, limit, share, arguments.cache, arguments.peer_minutes
    )
    print(f"{name}, seed {seed} …", flush=True)
    start = time.perf_counter()
    figures = _rows()[name](scope)
    records.add(name, seed, figures, peer.versions() if name == "authors" else "")
    shown = ", ".join(f"{figure} {value:.5g}" for figure, value in figures.items())
    print(f"  {time.perf_counter() - start:.0f} s: {shown}", flush=True)


if __name__ == "__main__":
    main()
