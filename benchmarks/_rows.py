"""A benchmark of many rows that take hours: which are run, and with which seeds."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from _clouds import stored
from _problems import Scope
from _records import Figures, Records
from _report import options_parser

Measure = Callable[[Scope], Figures]


def _one(row: str) -> int:
    return 1


def _no_files(row: str) -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Suite:
    """Rows by name, ``group/row``, and the page that shows them.

    Attributes
    ----------
    name : str
        Of the page, and of the raw figures beside it.
    claim : str
        What ``--help`` says.
    rows : mapping of str to callable
        Each takes a `Scope` to figures.
    write : callable
        Takes records, and ``quick``; leaves the page unless that is true.
    quick : sequence of str
        Rows of ``--quick``.
    seeds : tuple of int
        Of each row, if not said otherwise.
    quick_seeds : callable
        Takes a row to how many of these ``--quick`` runs.
    files_of : callable
        Takes a row to what must lie in ``--data-home``.
    """

    name: str
    claim: str | None
    rows: Mapping[str, Measure]
    write: Callable[[Records, bool], None]
    quick: Sequence[str]
    seeds: tuple[int, ...]
    quick_seeds: Callable[[str], int] = _one
    files_of: Callable[[str], Sequence[str]] = _no_files

    def main(self) -> None:
        """Measure what the command line asks for, and write the page."""
        arguments = self._arguments()
        trial = arguments.quick or arguments.tiny
        records = Records.passing() if trial else self._records(arguments.records)
        for row in [] if arguments.page else self._chosen(arguments):
            files = self.files_of(row)
            missing = [x for x in files if not stored(arguments.data_home, x)]
            if missing:
                print(f"{row} is skipped: there is no {missing[0]} in --data-home.")
                continue
            for seed in self._seeds(row, arguments):
                if not (arguments.resume and records.has(row, seed)):
                    self._measure(row, seed, arguments, records)
        # the page is of the records beside it
        self.write(records, trial or arguments.records is not None)

    def _arguments(self) -> argparse.Namespace:
        parser = options_parser(self.claim, data=True)
        parser.add_argument(
            "--only",
            nargs="+",
            metavar="ROW",
            help="rows, groups of them, or all of a group that begin with a word",
        )
        parser.add_argument("--seeds", nargs="+", type=int, default=list(self.seeds))
        parser.add_argument(
            "--resume", action="store_true", help="leave what is measured"
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
            "--device", default="cpu", help="where networks that are judged are trained"
        )
        parser.add_argument(
            "--records", type=Path, help="another file for the raw figures"
        )
        groups = dict.fromkeys(row.split("/")[0] for row in self.rows)
        parser.epilog = f"Groups: {', '.join(groups)}. Rows: {', '.join(self.rows)}."
        arguments = parser.parse_args()
        for wanted in arguments.only or []:
            if not self._meant(wanted):
                parser.error(f"--only: there is no row {wanted!r}; see --help")
        return arguments

    def _chosen(self, arguments: argparse.Namespace) -> list[str]:
        wanted = arguments.only or (self.quick if arguments.quick else self.rows)
        meant = {row for one in wanted for row in self._meant(one)}
        return [row for row in self.rows if row in meant]

    def _meant(self, wanted: str) -> list[str]:
        """That row, or all of that group, or that begin with that word of a group."""
        if wanted in self.rows:
            return [wanted]
        start = wanted + ("-" if "/" in wanted else "/")
        return [row for row in self.rows if row.startswith(start)]

    def _seeds(self, row: str, arguments: argparse.Namespace) -> list[int]:
        seeds: list[int] = arguments.seeds
        if arguments.tiny:
            return seeds[:1]
        return seeds[: self.quick_seeds(row)] if arguments.quick else seeds

    def _records(self, path: Path | None) -> Records:
        return Records.of(self.name) if path is None else Records.kept(path)

    def _measure(
        self, row: str, seed: int, arguments: argparse.Namespace, records: Records
    ) -> None:
        scope = Scope(seed, arguments.data_home, arguments.tiny, arguments.device)
        print(f"{row}, seed {seed} …", flush=True)
        start = time.perf_counter()
        figures = self.rows[row](scope)
        where = "" if arguments.device == "cpu" else f"On {arguments.device}."
        records.add(row, seed, figures, where)
        shown = ", ".join(f"{figure} {value:.4g}" for figure, value in figures.items())
        print(f"  {time.perf_counter() - start:.1f} s: {shown}", flush=True)
