"""Claim: ``import skwass`` takes little longer than importing torch and scikit-learn.

Each import is timed inside a fresh interpreter, whose own start does not count. The two
take turns, so that a busy moment of the machine hits both.
"""

from __future__ import annotations

import subprocess
import sys

from _report import Report, options, spread

_REPEATS = 15
_RIVAL = "import torch, sklearn"
_OURS = "import skwass"


def main() -> None:
    arguments = options(__doc__)
    repeats = 2 if arguments.quick else _REPEATS
    for statement in (_RIVAL, _OURS):
        _seconds(statement)  # files in the cache of the system, modules compiled
    rival, ours = [], []
    for _ in range(repeats):
        rival.append(_seconds(_RIVAL))
        ours.append(_seconds(_OURS))
    ratios = [own / other for own, other in zip(ours, rival, strict=True)]
    report = Report(
        "imports",
        "Time of import",
        "How much longer ``import skwass`` takes than ``import torch, sklearn``, which "
        "every user of it pays in any case.",
        f"Median and range of the ratio over {repeats} pairs of fresh interpreters "
        "that took turns.",
    )
    report.table(["", "time / time"], [["skwass / (torch, sklearn)", spread(ratios)]])
    report.target("Ratio of import times", ratios, "<= 1.2")
    report.write(arguments.quick)


def _seconds(statement: str) -> float:
    code = (
        "import time; start = time.perf_counter()\n"
        f"{statement}\n"
        "print(time.perf_counter() - start)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


if __name__ == "__main__":
    main()
