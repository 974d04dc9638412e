"""The part of the page of `uniformity.py` that compares methods on each data set."""

from __future__ import annotations

import numpy as np
from _records import Records
from _report import Report
from _uniformity_judging import N_DRAWS, N_LABELS, PLACES
from _uniformity_methods import BASELINES, METHODS, REGULARISERS, SETTINGS

_FIGURES = {
    "probe": ("probe, all labels", ".4f"),
    "probe_10": (f"probe, {N_LABELS} a class", ".4f"),
    "uniformity": ("W₂", ".3f"),
    "excess": ("excess", ".3f"),
    "rank": ("effective rank", ".1f"),
    "alignment": ("alignment", ".3f"),
    "encoder_excess": ("encoder, excess", ".3f"),
    "encoder_rank": ("encoder, rank", ".1f"),
    "cpu_seconds": ("CPU seconds", ".3g"),
}
#: excess from which on a method is said to collapse: a fifth of the dimensions is gone
COLLAPSED = 0.25
#: how many methods are to gain a point with few labels
_GAINING = 3
_POINTS = 100


def write(report: Report, records: Records) -> None:
    shown = [name for name in SETTINGS if _has_any(records, name)]
    if shown:
        report.note(
            "Methods with no regulariser (–), with W₂ and with L_U, whose weights and "
            "decay are the defaults of `~skwass.SelfSupervisedEmbedder` for each "
            "method, and the same for both. Probes are logistic regressions on "
            "representations of training samples, scored on held-out samples; with "
            f"{N_LABELS} labels a class they are the mean of {N_DRAWS} draws of "
            "labels. W₂, its excess over the floor, effective rank and alignment are "
            "those of projections of held-out samples, of 64 dimensions; encoder is "
            "what comes before the projector and is what the probe reads. Raw pixels "
            "are at the resolution that the encoder sees."
        )
    for name in shown:
        _table(report, records, name)
        _changes(report, records, name)
        _goals(report, records, name)
    for name in shown:
        _spectra(report, records, name)


def _has_any(records: Records, setting: str) -> bool:
    return any(
        records.has(f"methods/{setting}-{row}") for row in SETTINGS[setting].rows()
    )


def _row(setting: str, method: str, regulariser: str) -> str:
    return f"methods/{setting}-{method}-{regulariser}"


def _table(report: Report, records: Records, setting: str) -> None:
    lines = []
    for name, title in BASELINES.items():
        row = f"methods/{setting}-{name}"
        if records.has(row):
            lines.append([title, *_cells(records, row)])
    for method, title in METHODS.items():
        for regulariser, symbol in REGULARISERS.items():
            row = _row(setting, method, regulariser)
            if records.has(row):
                lines.append([f"{title}, {symbol}", *_cells(records, row)])
    report.note(f"**{SETTINGS[setting].title}**: {SETTINGS[setting].budget}.")
    report.table(["", *(title for title, _ in _FIGURES.values())], lines)


def _cells(records: Records, row: str) -> list[str]:
    return [records.cell(row, name, form) for name, (_, form) in _FIGURES.items()]


def _changes(report: Report, records: Records, setting: str) -> None:
    """What a regulariser changes, seed by seed."""
    lines = []
    for method, title in METHODS.items():
        for regulariser in ("wasserstein", "wang-isola"):
            ratios = _ratios(records, setting, method, regulariser)
            if not ratios:
                continue
            collapsed = "yes" if _collapses(records, setting, method) else "no"
            changes = [
                _gains(records, setting, method, regulariser, figure)
                for figure in ("probe", "probe_10")
            ]
            lines.append(
                [
                    f"{title}, {REGULARISERS[regulariser]}",
                    collapsed,
                    f"{np.median(ratios):.2f}",
                    *(
                        f"{np.median(gains):+.1f} ({sum(x > 0 for x in gains)}/"
                        f"{len(gains)})"
                        for gains in changes
                    ),
                ]
            )
    if not lines:
        return
    report.note(
        f"{SETTINGS[setting].title}: what is gained over the plain method with the "
        f"same seed. A plain method collapses if its excess is {COLLAPSED:g} or more. "
        "Then: excess with the regulariser over excess without, and points of the "
        "probes (with how many seeds they are gained)."
    )
    probes = [_FIGURES[name][0] for name in ("probe", "probe_10")]
    report.table(["", "collapses", "excess, ratio", *probes], lines)


def _collapses(records: Records, setting: str, method: str) -> bool:
    values = records.values(_row(setting, method, "none"), "excess")
    return bool(values) and float(np.median(values)) >= COLLAPSED


def _ratios(
    records: Records, setting: str, method: str, regulariser: str
) -> list[float]:
    pairs = records.pairs(
        (_row(setting, method, regulariser), "excess"),
        (_row(setting, method, "none"), "excess"),
    )
    return [own / plain for own, plain in pairs]


def _gains(
    records: Records, setting: str, method: str, regulariser: str, figure: str
) -> list[float]:
    """In points."""
    pairs = records.pairs(
        (_row(setting, method, regulariser), figure),
        (_row(setting, method, "none"), figure),
    )
    return [_POINTS * (own - plain) for own, plain in pairs]


def _goals(report: Report, records: Records, setting: str) -> None:
    title = SETTINGS[setting].title
    known = [m for m in METHODS if _ratios(records, setting, m, "wasserstein")]
    if not known:
        return
    collapsed = [method for method in known if _collapses(records, setting, method)]
    if collapsed:
        ratios = {
            m: _median(_ratios(records, setting, m, "wasserstein")) for m in known
        }
        losses = {m: -_median(_probe_gains(records, setting, m)) for m in known}
        worst = max(collapsed, key=lambda m: ratios[m])
        what = f"{title}, W₂: excess over that of the plain method, where it collapses"
        report.target(
            f"{what}, the largest of {len(collapsed)} ({METHODS[worst]})",
            [ratios[worst]],
            "<= 0.5",
        )
        worst = max(collapsed, key=lambda m: losses[m])
        what = f"{title}, W₂: points of the probe with all labels lost there"
        report.target(
            f"{what}, the most ({METHODS[worst]})", [losses[worst]], "<= 1", ".2f"
        )
        kept = [m for m in collapsed if ratios[m] <= 0.5 and losses[m] <= 1]
        report.note(
            f"{title}: {len(kept)} of {len(collapsed)} methods that collapse have "
            "their excess halved by W₂ at no more than a point of the probe"
            + _listed(" (", kept)
            + _listed("; not so ", [m for m in collapsed if m not in kept], end=".")
        )
    few = {m: _median(_probe_gains(records, setting, m, "probe_10")) for m in known}
    gaining = [method for method in known if few[method] >= 1]
    if len(known) >= _GAINING:
        report.target(
            f"{title}, W₂: methods of {len(known)} that gain a point or more with "
            f"{N_LABELS} labels a class",
            [len(gaining)],
            f">= {_GAINING}",
            ".0f",
        )
    report.note(
        f"{title}, {N_LABELS} labels a class: W₂ gains a point or more"
        + (_listed(" with ", gaining, end=".") if gaining else " with none.")
        + _listed(" It does not with ", [m for m in known if m not in gaining], end=".")
    )


def _listed(before: str, methods: list[str], end: str = ")") -> str:
    """Titles in a sentence, or nothing but its end."""
    if not methods:
        return "." if before.startswith(";") else ""
    return before + ", ".join(METHODS[method] for method in methods) + end


def _probe_gains(
    records: Records, setting: str, method: str, figure: str = "probe"
) -> list[float]:
    return _gains(records, setting, method, "wasserstein", figure)


def _median(values: list[float]) -> float:
    return float(np.median(values))


def _spectra(report: Report, records: Records, setting: str) -> None:
    lines = []
    for method, title in METHODS.items():
        for regulariser, symbol in REGULARISERS.items():
            row = _row(setting, method, regulariser)
            if records.has(row):
                cells = [
                    f"{_median(records.values(row, f'spectrum_{place}')):.2f}"
                    for place in PLACES
                ]
                lines.append([f"{title}, {symbol}", *cells])
    if lines:
        report.note(
            f"{SETTINGS[setting].title}: singular values of projections, with and "
            "without, in units of uniform samples: the largest, and those below which "
            "three quarters, a half, a quarter and a tenth of them lie."
        )
        report.table(["", "largest", "¾", "½", "¼", "⅒"], lines)
