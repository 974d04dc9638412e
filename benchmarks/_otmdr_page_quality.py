"""The part of the page of `otmdr.py` that compares methods on each problem."""

from __future__ import annotations

import numpy as np
from _otmdr_methods import METHODS, NOISE, RADII
from _otmdr_quality import N_FIRST, SETTINGS
from _paired import difference, gains, p_of
from _records import Records
from _report import Report

_FIGURES = {
    "accuracy": ("accuracy", ".4f"),
    "nll": ("NLL", ".3f"),
    "ece": ("ECE", ".4f"),
    "brier": ("Brier", ".4f"),
    "aurc": ("AURC", ".5f"),
    "cpu_seconds": ("CPU seconds", ".3g"),
}
#: who is compared with whom, and what both have in common
_PAIRS = (
    ("otmdr-1", "sgd-x2"),
    ("otmdr-1", "sgd"),
    ("otmdr-1", "sgd-short"),
    ("otmdr-1", "sgd-stopped"),
    ("sam", "sgd-x2"),
    ("otmdr-1", "sam"),
    ("otmdr-2", "sgd-x3"),
    ("otmdr-4", "sgd-x5"),
    ("otmdr-1", "temperature"),
    ("otmdr-1", "dropout"),
    ("recipe", "sgd-x2"),
    ("recipe", "sgd-searched"),
    ("otmdr-ensemble", "ensemble"),
    ("otmdr-ensemble", "ensemble-x2"),
    ("otmdr-bnn", "sgvb"),
)
#: where the first of these is to be significantly better than the second
_GOAL = ("otmdr-1", "sgd-x2")
_GOAL_SETTINGS = ("digits", "digits-noisy", "cifar-noisy")
_LEVEL = 0.025
_ENSEMBLES = ("otmdr-ensemble", "ensemble")


def write(report: Report, records: Records) -> None:
    for name in SETTINGS:
        _table(report, records, name)
        _comparisons(report, records, name)
        _goals(report, records, name)
    _goal_of_ensembles(report, records)
    _diversity(report, records)
    _recipe(report, records)


def _table(report: Report, records: Records, setting: str) -> None:
    ground = SETTINGS[setting].ground
    methods = SETTINGS[setting].methods()
    lines = [
        [
            method.titled(ground),
            method.budget(ground),
            *_cells(records, f"{setting}/{name}"),
        ]
        for name, method in methods.items()
        if records.has(f"{setting}/{name}")
    ]
    if not lines:
        return
    if ground.n_members > N_FIRST and records.has(f"{setting}/ensemble"):
        cells = _cells(records, f"{setting}/ensemble", "first_")
        lines.append([f"deep ensemble of {N_FIRST}", str(N_FIRST), *cells])
    report.note(
        f"**{SETTINGS[setting].title}**, ρ = {ground.rho:g} unless it is searched, "
        f"noise {NOISE:g} where there are particles, {ground.settings['max_iter']} "
        f"epochs of batches of {ground.settings['batch_size']} at a learning rate of "
        f"{ground.settings['lr']:g}{ground.why}. "
        "Gradients are those "
        "of a run, in units of plain training. "
        "Bayesian networks learn by Adam, and weigh the divergence by samples over "
        "weights."
    )
    if SETTINGS[setting].noisy:
        report.note(
            "The labels that methods are judged by are all right. What a method holds "
            "out of its training samples is as wrong as they are: a temperature, a "
            "radius and an epoch to stop at that are right for wrong labels make "
            "probabilities too low for right ones. Shorter training is a remedy too, "
            "so more epochs of plain training are not its best."
        )
    header = [title for title, _ in _FIGURES.values()]
    report.table(["", "gradients", *header], lines)


def _cells(records: Records, row: str, prefix: str = "") -> list[str]:
    return [
        records.cell(row, f"{prefix}{name}", form)
        for name, (_, form) in _FIGURES.items()
    ]


def _comparisons(report: Report, records: Records, setting: str) -> None:
    """Differences within seeds: the median, in how many the first is better, and p."""
    names = [name for name in _FIGURES if name != "cpu_seconds"]
    ground = SETTINGS[setting].ground
    lines = []
    for first, second in _PAIRS:
        rows = f"{setting}/{first}", f"{setting}/{second}"
        if not gains(records, *rows, "nll"):
            continue
        cells = [difference(records, *rows, name) for name in names]
        titles = (METHODS[name].titled(ground) for name in (first, second))
        lines.append([" – ".join(titles), *cells])
    if not lines:
        return
    report.note(
        f"{SETTINGS[setting].title}: differences of two methods with the same seed: "
        "the median, with how many seeds the first is better, and the one-sided p of a "
        "paired t-test that it is."
    )
    report.table(["", *(_FIGURES[name][0] for name in names)], lines)


def _goals(report: Report, records: Records, setting: str) -> None:
    if setting not in _GOAL_SETTINGS:
        return
    for figure in ("nll", "ece"):
        rows = (f"{setting}/{method}" for method in _GOAL)
        p = p_of(gains(records, *rows, figure))
        if not np.isnan(p):
            what = (
                f"{SETTINGS[setting].title}, {METHODS[_GOAL[0]].title} better than "
                f"{METHODS[_GOAL[1]].title} in {_FIGURES[figure][0]}, one-sided p"
            )
            report.target(what, [p], f"<= {_LEVEL}", ".2g")


def _goal_of_ensembles(report: Report, records: Records) -> None:
    """On how many problems the median gain in NLL is above zero."""
    found = [
        gains(records, *(f"{setting}/{method}" for method in _ENSEMBLES), "nll")
        for setting in SETTINGS
    ]
    known = [each for each in found if each]
    if known:
        better = sum(float(np.median(each)) > 0 for each in known)
        ours, deep = (METHODS[name].title for name in _ENSEMBLES)
        what = (
            f"{ours} better than {deep}, which takes half of the gradients, in NLL, "
            f"problems of the {len(known)} measured"
        )
        report.target(what, [better], ">= 2", ".0f")


def _diversity(report: Report, records: Records) -> None:
    lines = [
        [
            setting.title,
            METHODS[method].titled(setting.ground),
            records.cell(f"{name}/{method}", "disagreement", ".2%"),
            records.cell(f"{name}/{method}", "divergence", ".4f"),
        ]
        for name, setting in SETTINGS.items()
        for method in _ENSEMBLES
        if records.values(f"{name}/{method}", "disagreement")
    ]
    if not lines:
        return
    report.note(
        "How much members of an ensemble differ: on how many held-out samples two of "
        "them give different labels, and the mutual information of prediction and "
        "member in nats."
    )
    report.table(["", "", "disagreement", "divergence"], lines)


def _recipe(report: Report, records: Records) -> None:
    lines = []
    for name, setting in SETTINGS.items():
        row = f"{name}/recipe"
        if records.has(row):
            chosen = records.cell(row, "rho", "g")
            fixed = records.cell(f"{name}/sam", "nll", ".3f")
            plain = records.cell(f"{name}/sgd-x2", "nll", ".3f")
            found = records.cell(row, "nll", ".3f")
            lines.append([setting.title, chosen, found, fixed, plain])
    if not lines:
        return
    grid = ", ".join(f"{rho:g}" for rho in RADII)
    report.note(
        "How to choose ρ: `GridSearchCV` with scoring ``neg_log_loss`` over "
        f"{grid}, on the training samples alone, one particle without noise. The NLL "
        "of what it finds, of SAM with the fixed ρ of the tables above, and of plain "
        "training of twice as many epochs."
    )
    report.table(
        ["", "ρ found", "NLL with it", "with the fixed ρ", "plain, 2 × epochs"], lines
    )
