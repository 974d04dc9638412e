"""The part of the page of `otmdr.py` on what the paper leaves open."""

from __future__ import annotations

import numpy as np
from _otmdr_open import NOISES, NORMS, PARTICLES, RADII, TRIED, WIDTHS
from _otmdr_quality import N_FIRST, SETTINGS
from _records import Records
from _report import Report

_FORMS = {"nll": ".3f", "ece": ".4f", "accuracy": ".4f"}
_HEAD = ["NLL", "ECE", "accuracy"]


def write(report: Report, records: Records) -> None:
    for setting in TRIED:
        _norms(report, records, setting)
        _particles(report, records, setting)
        _noise(report, records, setting)
    _growth(report, records)
    _first_experiments(report, records)


def _cells(records: Records, row: str, prefix: str) -> list[str]:
    return [
        records.cell(row, f"{prefix} {name}", form) for name, form in _FORMS.items()
    ]


def _norms(report: Report, records: Records, setting: str) -> None:
    row = f"open/norms-{setting}"
    if not records.has(row):
        return
    report.note(
        f"{SETTINGS[setting].title}: the distance between networks. SAM in balls of "
        "the norms 2, 1 and ∞; the radii are not comparable between norms."
    )
    lines = []
    for norm, radii in NORMS.items():
        for rho in radii:
            title = f"norm {'∞' if np.isinf(norm) else f'{norm:g}'}, ρ = {rho:g}"
            lines.append([title, *_cells(records, row, f"{norm:g} {rho:g}")])
    report.table(["", *_HEAD], lines)


def _particles(report: Report, records: Records, setting: str) -> None:
    row = f"open/particles-{setting}"
    if not records.has(row):
        return
    report.note(
        f"{SETTINGS[setting].title}: how many particles. K of them take 1 + K "
        "gradients a step; beside them plain training and SAM with as many epochs more."
    )
    ways = {"otmdr": "OT-MDR", "sgd": "SGD", "sam": "SAM"}
    lines = [
        [
            f"{title}, budget of K = {n}",
            *_cells(records, row, f"{way} {n}"),
            records.cell(row, f"{way} {n} cpu_seconds", ".3g"),
        ]
        for n in PARTICLES
        for way, title in ways.items()
    ]
    report.table(["", *_HEAD, "CPU seconds"], lines)


def _noise(report: Report, records: Records, setting: str) -> None:
    row = f"open/noise-{setting}"
    if not records.has(row):
        return
    report.note(
        f"{SETTINGS[setting].title}: noise, which is temperature, against ρ; NLL with "
        "two particles (of noise zero, one)."
    )
    lines = [
        [f"noise {level:g}"]
        + [records.cell(row, f"{level:g} {rho:g} nll", ".3f") for rho in RADII]
        for level in NOISES
    ]
    report.table(["", *(f"ρ = {rho:g}" for rho in RADII)], lines)


def _growth(report: Report, records: Records) -> None:
    row = "open/growth"
    if not records.has(row):
        return
    report.note(
        "What a step costs as the network grows, in bare loops with one thread: CPU "
        "milliseconds of SGD, and how many times as much others take. Textbooks say 2 "
        "for SAM and 1 + K for K particles."
    )
    ways = {"sam": "SAM", "k1": "K = 1, noise", "k2": "K = 2", "k4": "K = 4"}
    lines = [
        [
            records.cell(row, f"weights {power}", ",.0f"),
            records.cell(row, f"sgd_cpu_1 {power}", ".3g"),
            *(records.cell(row, f"{way}_cpu_ratio_1 {power}", ".3g") for way in ways),
        ]
        for power in WIDTHS
    ]
    header = ["weights", "SGD, ms", *(f"{each}, ×" for each in ways.values())]
    report.table(header, lines)


def _first_experiments(report: Report, records: Records) -> None:
    """What readers of the paper would try first."""
    questions = (
        ("one particle with noise, against SAM", "otmdr-1", "sam", ""),
        (
            f"ensemble of {N_FIRST} with K = 2, against a deep ensemble of {N_FIRST} "
            "for a third of the gradients",
            "otmdr-three",
            "ensemble",
            "first_",
        ),
        (
            "OT-MDR-BNN, against SGVB for half of the gradients",
            "otmdr-bnn",
            "sgvb",
            "",
        ),
    )
    lines = []
    for title, first, second, prefix in questions:
        for name, setting in SETTINGS.items():
            mine, other = f"{name}/{first}", f"{name}/{second}"
            if not records.pairs((mine, "nll"), (other, f"{prefix}nll")):
                continue
            line = [f"{setting.title}: {title}"]
            for figure, form in _FORMS.items():
                own = records.cell(mine, figure, form)
                theirs = records.cell(other, f"{prefix}{figure}", form)
                line.append(f"{own} against {theirs}")
            lines.append(line)
    if lines:
        report.note("The experiments that readers of the paper would try first.")
        report.table(["", *_HEAD], lines)
