"""The part of the page of `uniformity.py` on what the paper leaves open."""

from __future__ import annotations

from collections.abc import Sequence

from _records import Records
from _report import Report
from _uniformity_data import TABLES
from _uniformity_distances import MEASURES, N_SLICES, PENALTIES, RIDGE
from _uniformity_methods import METHODS
from _uniformity_open import (
    BATCH_WIDTH,
    BATCHES,
    COST_SHAPE,
    LEVELS,
    N_CLOUDS,
    SWEPT,
    SWEPT_METHODS,
    TABLE_METHODS,
    WEIGHTS,
)
from _uniformity_training import BASES, N_EPOCHS

_FIGURES = {
    "probe": ("probe, all labels", ".4f"),
    "probe_10": ("probe, 10 a class", ".4f"),
    "uniformity": ("W₂", ".3f"),
    "excess": ("excess", ".3f"),
    "rank": ("effective rank", ".1f"),
    "alignment": ("alignment", ".3f"),
}
_HEAD = [title for title, _ in _FIGURES.values()]
_PROPERTIES = {
    "order": "another order of samples",
    "samples": "a copy of samples",
    "features": "a copy of features",
    "zeros": "features of zeros",
}


def write(report: Report, records: Records) -> None:
    _distances(report, records)
    for base in BASES:
        _penalties(report, records, base)
    _tables(report, records)
    _clouds(report, records)
    _batches(report, records)
    _weights(report, records)


def _distances(report: Report, records: Records) -> None:
    row = "open/distances"
    if not records.has(row):
        return
    report.note(
        "Other distances from the same target. Kullback–Leibler and Bhattacharyya are "
        "infinite where a dimension is gone, so "
        f"{RIDGE:g} of the target's variance is added to each; they are divided by the "
        f"number of dimensions. Sliced W₂ takes {N_SLICES} lines and is in units of "
        "the target's deviation. What the four changes of the first table make of "
        "each: the largest change for the first two, which should be none, and the "
        "least increase for the others."
    )
    report.table(
        ["", *_PROPERTIES.values()],
        [
            [each.title]
            + [records.cell(row, f"{name} {figure}", ".2g") for figure in _PROPERTIES]
            for name, each in MEASURES.items()
        ],
    )
    report.note(
        "The same by the share of dimensions that is gone, of 2,048 samples with 64 "
        "features; at the end, all are one point. The last columns are CPU "
        f"milliseconds for value and gradient of {COST_SHAPE[0]} × {COST_SHAPE[1]} "
        "with one thread, and how many times those of W₂."
    )
    report.table(
        ["", *(f"{level:.0%}" for level in LEVELS), "ms", "×"],
        [
            [each.title]
            + [records.cell(row, f"{name} at {level:g}", ".3g") for level in LEVELS]
            + [
                records.cell(row, f"time {name}_{figure}", ".3g")
                for figure in ("cpu_1", "cpu_ratio_1")
            ]
            for name, each in MEASURES.items()
        ],
    )


def _penalties(report: Report, records: Records, base: str) -> None:
    row = f"open/penalties-{base}"
    if not records.has(row):
        return
    report.note(
        f"Digits as a table, {BASES[base]} in a bare loop of {N_EPOCHS} epochs, with "
        "one of the distances or regularisers of dimension added, each with some "
        "constant weights. Figures are those of the tables of methods."
    )
    lines = [["none", *_cells(records, row, "none")]]
    for name, (title, _) in PENALTIES.items():
        for weight in WEIGHTS:
            prefix = f"{name} {weight:g}"
            if records.values(row, f"{prefix} probe"):
                cells = _cells(records, row, prefix)
                lines.append([f"{title}, weight {weight:g}", *cells])
    report.table(["", *_HEAD], lines)


def _cells(records: Records, row: str, prefix: str) -> list[str]:
    return [
        records.cell(row, f"{prefix} {name}", form)
        for name, (_, form) in _FIGURES.items()
    ]


def _tables(report: Report, records: Records) -> None:
    lines = []
    for table in TABLES:
        row = f"open/table-{table}"
        if records.has(row):
            title = table.replace("_", " ")
            lines.append([f"{title}: its columns", *_cells(records, row, "raw")])
            lines += _with_and_without(records, row, title, TABLE_METHODS)
    if lines:
        report.note(
            "Tables that are no pictures: two of scikit-learn, two thirds of the rows "
            "to learn from, perceptrons with 64 units in each layer, projections of 64 "
            "dimensions, 100 epochs of batches of 64."
        )
        report.table(["", *_HEAD], lines)


def _with_and_without(
    records: Records, row: str, title: str, methods: Sequence[str]
) -> list[list[str]]:
    return [
        [
            f"{title}: {METHODS[method]}, {symbol}",
            *_cells(records, row, f"{method} {name}"),
        ]
        for method in methods
        for name, symbol in (("none", "–"), ("wasserstein", "W₂"))
    ]


def _clouds(report: Report, records: Records) -> None:
    lines = []
    for kind, title in (("digits", "ink of digits"), ("words", "words of Reuters")):
        row = f"open/clouds-{kind}"
        if records.has(row):
            # there is no projector: the figures are of the embedding itself
            own = [
                records.cell(row, f"wormhole {name}", form)
                for name, form in (
                    ("probe", ".4f"),
                    ("probe_10", ".4f"),
                    ("encoder_uniformity", ".3f"),
                    ("encoder_excess", ".3f"),
                    ("encoder_rank", ".1f"),
                )
            ]
            lines.append([f"{title}: embedding", *own, "–"])
            lines += _with_and_without(records, row, title, ("simsiam",))
    if lines:
        report.note(
            f"Clouds: {N_CLOUDS} images of digits, or documents of Reuters as many of "
            "each class as there are, through `~skwass.WormholeEmbedder` with 32 "
            "dimensions; then SimSiam on the embeddings as on the tables above."
        )
        report.table(["", *_HEAD], lines)


def _batches(report: Report, records: Records) -> None:
    row = "open/batches"
    if not records.has(row):
        return
    report.note(
        f"The estimate from batches of one population with {BATCH_WIDTH} dimensions: "
        "mean ± deviation over 20 batches. Populations are uniform, uniform with half "
        "of the dimensions gone, and projections of all digits by SimSiam without a "
        "regulariser."
    )
    titles = {"uniform": "uniform", "half": "half gone", "digits": "digits"}
    figures = {
        "wasserstein_uniformity": "W₂",
        "excess": "excess over the floor",
        "collapsed_share": "share as if gone",
    }
    lines = [
        [f"{titles[kind]}, {title}"]
        + [_mean_and_deviation(records, row, f"{kind} {n} {name}") for n in BATCHES]
        for kind in titles
        for name, title in figures.items()
    ]
    report.table(["", *(f"n = {n}" for n in BATCHES)], lines)


def _mean_and_deviation(records: Records, row: str, name: str) -> str:
    means, deviations = (
        records.values(row, f"{name}{suffix}") for suffix in ("", " deviation")
    )
    if not means:
        return "–"
    return f"{sum(means) / len(means):.3f} ± {sum(deviations) / len(deviations):.3f}"


def _weights(report: Report, records: Records) -> None:
    lines = []
    for method in SWEPT_METHODS:
        row = f"open/weights-{method}"
        for weight in SWEPT:
            if records.values(row, f"{weight:g} probe"):
                cells = _cells(records, row, f"{weight:g}")
                lines.append([f"{METHODS[method]}, α = {weight:g}", *cells])
    if lines:
        report.note(
            "A sweep of the weight of W₂, digits as a table, 60 epochs; it decays to "
            "zero for SimSiam and is constant for the others, as published."
        )
        report.table(["", *_HEAD], lines)
