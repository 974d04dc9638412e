"""Raw figures of benchmarks that take hours: kept on disk, row by row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _report import RESULTS, shown, surroundings

Figures = dict[str, float]


def named(prefix: str, found: Figures) -> Figures:
    """The same, each of them called by a word more."""
    return {f"{prefix} {name}": x for name, x in found.items()}


@dataclass
class Records:
    """Figures by row and seed, in a file that grows with each of them."""

    rows: dict[str, dict[str, Figures]]
    measured: dict[str, str]
    path: Path | None = None

    @classmethod
    def kept(cls, path: Path) -> Records:
        """Those of earlier runs, to which new ones are added."""
        records = cls({}, {}, path)
        records._read()
        return records

    @classmethod
    def of(cls, name: str) -> Records:
        """Those of the benchmark of that name, which lie beside its page."""
        return cls.kept(RESULTS / f"{name}.json")

    @classmethod
    def passing(cls) -> Records:
        """None yet, and never on disk."""
        return cls({}, {})

    def add(self, row: str, seed: int, figures: Figures, peers: str = "") -> None:
        """Keep figures, in place of earlier ones of the same row and seed.

        `peers` says which other packages took part.
        """
        self._read()  # what another process has measured since
        by_seed = self.rows.setdefault(row, {})
        by_seed[str(seed)] = {name: float(f"{x:.6g}") for name, x in figures.items()}
        self.measured[row] = f"{surroundings()} {peers}".strip()
        if self.path is not None:
            stored = {"measured": self.measured, "rows": self.rows}
            text = json.dumps(stored, indent=1, sort_keys=True)
            partial = self.path.with_suffix(".partial")
            partial.write_text(text + "\n", encoding="utf-8")
            partial.replace(self.path)

    def has(self, row: str, seed: int | None = None) -> bool:
        """Whether a row was measured, with that seed."""
        by_seed = self.rows.get(row, {})
        return bool(by_seed) if seed is None else str(seed) in by_seed

    def values(self, row: str, name: str) -> list[float]:
        """A figure with every seed that has it."""
        by_seed = self.rows.get(row, {})
        found = [by_seed[seed].get(name) for seed in sorted(by_seed, key=int)]
        return [x for x in found if x is not None and not np.isnan(x)]

    def pairs(
        self, first: tuple[str, str], second: tuple[str, str]
    ) -> list[tuple[float, float]]:
        """Two figures, each a row and a name, with every seed that has both."""
        (row, name), (other, its_name) = first, second
        mine, theirs = self.rows.get(row, {}), self.rows.get(other, {})
        return [
            (mine[seed][name], theirs[seed][its_name])
            for seed in sorted(set(mine) & set(theirs), key=int)
            if name in mine[seed] and its_name in theirs[seed]
        ]

    def cell(self, row: str, name: str, form: str) -> str:
        """A figure for a table: median and range, or a dash."""
        values = self.values(row, name)
        return shown(values, form) if values else "–"

    def seeds(self) -> list[int]:
        """All that any row was measured with."""
        return sorted({int(seed) for by_seed in self.rows.values() for seed in by_seed})

    def _read(self) -> None:
        if self.path is not None and self.path.is_file():
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            self.rows, self.measured = stored["rows"], stored["measured"]
