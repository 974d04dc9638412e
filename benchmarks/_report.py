"""What all benchmarks share: options, and the fragments they leave in the docs."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"

_DATA_HOME = "SKWASS_DATA_HOME"
_PACKAGES = ("torch", "scikit-learn", "POT")
_WIDTH = 88


def options(
    doc: str | None, *, data: bool = False, arguments: list[str] | None = None
) -> argparse.Namespace:
    """Read the command line; `data` adds ``--data-home``."""
    return options_parser(doc, data=data).parse_args(arguments)


def options_parser(doc: str | None, *, data: bool = False) -> argparse.ArgumentParser:
    """What reads the options, for scripts that have more of them."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="try that the script works, on little data; write nothing",
    )
    if data:
        parser.add_argument(
            "--data-home",
            type=Path,
            default=os.environ.get(_DATA_HOME) or None,
            help=f"folder of data that are not bundled (default: ${_DATA_HOME})",
        )
    return parser


@dataclass
class Report:
    """A section of the results page: what was measured, tables, verdicts."""

    name: str
    title: str
    claim: str
    how: str
    parts: list[str] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    #: where and with what it was measured, if that was not here and now
    measured: str = ""

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table, and print it."""
        print(f"\n{_aligned([header, *rows])}\n")
        self.parts.append(_list_table([header, *rows]))

    def target(
        self, what: str, values: Iterable[float], limit: str, form: str = ".3g"
    ) -> None:
        """Compare a median with a limit such as ``"<= 1.1"``."""
        sign, bound = limit.split()
        median = float(np.median(list(values)))
        met = median <= float(bound) if sign == "<=" else median >= float(bound)
        words = f"at {'most' if sign == '<=' else 'least'} {bound}"
        verdict = f"{what}: {words} was wanted; {median:{form}} "
        self.verdicts.append(verdict + ("meets it." if met else "**misses it.**"))
        print(self.verdicts[-1].replace("*", ""))

    def note(self, text: str) -> None:
        """Add a paragraph, and print it."""
        print(_wrapped(text))
        self.parts.append(_wrapped(text))

    def write(self, quick: bool) -> None:
        """Leave the fragment where the documentation finds it, unless `quick`."""
        if quick:
            print("Nothing is written after --quick.")
            return
        head = [f"{self.title}\n{'-' * len(self.title)}", _wrapped(self.claim)]
        verdicts = [_wrapped(f"- {text}", indent=2) for text in self.verdicts]
        tail = ["\n".join(verdicts)] if verdicts else []
        method = _wrapped(f"{self.how} {self.measured or surroundings()}")
        path = RESULTS / f"{self.name}.rst"
        text = "\n\n".join([*head, *self.parts, *tail, method]) + "\n"
        path.write_text(text, encoding="utf-8")
        print(f"Written: docs/results/{path.name}")


def spread(values: Iterable[float], form: str = ".3g") -> str:
    """Median, and the least and greatest value in brackets."""
    numbers = [float(value) for value in values]
    least, greatest = min(numbers), max(numbers)
    return f"{np.median(numbers):{form}} ({least:{form}} – {greatest:{form}})"


def shown(values: Sequence[float], form: str = ".3g") -> str:
    """The same without a range, where there is none."""
    return f"{values[0]:{form}}" if len(set(values)) == 1 else spread(values, form)


def surroundings() -> str:
    """Machine and versions, as a sentence."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"Measured with Python {platform.python_version()}, {packages} on "
        f"{joblib.cpu_count()} cores ({platform.system()}, {platform.machine()})."
    )


def _wrapped(text: str, indent: int = 0) -> str:
    lines = [""]
    for word in text.split():
        if lines[-1].strip() and len(lines[-1]) + 1 + len(word) > _WIDTH:
            lines.append(" " * indent + word)
        else:
            lines[-1] += f" {word}" if lines[-1].strip() else word
    return "\n".join(lines)


def _list_table(rows: Sequence[Sequence[str]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", "   :stub-columns: 1", ""]
    for row in rows:
        lines += [f"   {'*' if not i else ' '} - {cell}" for i, cell in enumerate(row)]
    return "\n".join(line.rstrip() for line in lines)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
