"""The page of `uniformity.py`, from figures of all runs so far."""

from __future__ import annotations

import math

import _uniformity_gradient as gradient
import _uniformity_page_methods as methods
import _uniformity_page_open as unanswered
import _uniformity_properties as properties
from _records import Records
from _report import Report

_HOW = (
    "Median and range over the seeds (up to {seeds}) that a row was measured with. A "
    "seed decides samples that are drawn, the split of bundled data, which labels are "
    "known and all that is random in training. Times are CPU times, and ratios are "
    "those of runs that took turns."
)
_DISTANCES = {"wasserstein": "W₂", "wang-isola": "L_U"}
_PROPERTIES = {
    "order": "largest change by another order of samples",
    "samples": "largest change by a copy of all samples",
    "features": "least increase by a copy of all features",
    "zeros": "least increase by as many features of zeros",
}
#: what counts as no change, and as an increase
_EXACT = 1e-6
_CONTESTANTS = {
    "ours": "`~skwass.nn.WassersteinUniformityLoss`",
    "ours, root": "the same, ``squared=False``",
    "svdvals": "autograd of ``torch.linalg.svdvals``",
    "svdvals, root": "its root",
    "eigh": "autograd of ``torch.linalg.eigh``",
    "wang-isola": "`~skwass.nn.WangIsolaLoss`",
}


def write(records: Records, quick: bool) -> None:
    """Print all tables and verdicts, and leave the page unless `quick`."""
    report = Report(
        "uniformity",
        "Uniformity",
        "`~skwass.metrics.wasserstein_uniformity` (W₂), "
        "`~skwass.nn.WassersteinUniformityLoss` and "
        "`~skwass.SelfSupervisedEmbedder`: whether the distance from uniform does what "
        "it should, beside Wang and Isola's measure (L_U); whether its gradient is a "
        "number wherever it is needed, and what it costs; what it brings to eight "
        "self-supervised methods; and what the paper leaves open.",
        _HOW.format(seeds=len(records.seeds())),
    )
    report.measured = " ".join(dict.fromkeys(records.measured.values()))
    for section in (_four, _law, _curve, _robust, _error, _speed, _step):
        section(report, records)
    methods.write(report, records)
    unanswered.write(report, records)
    if not records.rows:
        print("Nothing was measured, so there is nothing to write.")
        return
    report.write(quick)


def _four(report: Report, records: Records) -> None:
    row = "properties/four"
    if not records.has(row):
        return
    report.note(
        "The four properties, on six kinds of representations from uniform to nearly "
        "collapsed, with many samples and few. A distance from uniform should not "
        "change with the order of samples or a copy of all of them, and should grow "
        "with copies of features and with features of zeros."
    )
    report.table(
        ["", *_DISTANCES.values()],
        [
            [
                title,
                *(records.cell(row, f"{each} {name}", ".2g") for each in _DISTANCES),
            ]
            for name, title in _PROPERTIES.items()
        ],
    )
    for name, title in _PROPERTIES.items():
        sign = "<=" if name in ("order", "samples") else ">="
        values = records.values(row, f"wasserstein {name}")
        report.target(f"W₂, {title}", values, f"{sign} {_EXACT:g}", ".2g")
    failed = sum(
        max(records.values(row, f"wang-isola {name}")) > _EXACT
        if name in ("order", "samples")
        else min(records.values(row, f"wang-isola {name}")) < _EXACT
        for name in _PROPERTIES
    )
    report.target("Properties that L_U does not have", [failed], ">= 3", ".0f")


def _law(report: Report, records: Records) -> None:
    row = "properties/law"
    if not records.has(row):
        return
    report.note(
        f"W₂ of {properties.PER_DIMENSION} samples a dimension that are uniform but "
        "for a share of dimensions that is gone, in brackets what is expected of so "
        "few samples (the law for those that are left, with their floor). The first "
        "line is the law, of samples without end."
    )
    header = ["features", *(f"{level:.0%} gone" for level in properties.LEVELS)]
    lines = [["∞ samples", *(f"{properties.of_law(x):.4f}" for x in properties.LEVELS)]]
    gaps = []
    for width in properties.WIDTHS:
        cells = []
        for level in properties.LEVELS:
            name = f"{width} {level:g}"
            pairs = records.pairs((row, name), (row, f"{name} expected"))
            gaps += [abs(found - right) for found, right in pairs]
            right = properties.expected(properties.PER_DIMENSION * width, width, level)
            cells.append(f"{records.cell(row, name, '.4f')} [{right:.4f}]")
        lines.append([str(width), *cells])
    report.table(header, lines)
    report.target(
        "Law of collapse, largest gap between W₂ found and expected of as many samples",
        [max(gaps)],
        "<= 0.005",
        ".2g",
    )


def _curve(report: Report, records: Records) -> None:
    row = "properties/curve"
    if not records.has(row):
        return
    report.note(
        f"The published curve at {properties.CURVE_WIDTH} dimensions, by the share "
        f"that is gone, with {properties.CURVE_SAMPLES:,} samples."
    )
    levels = properties.PUBLISHED
    report.table(
        ["", *(f"{level:.0%}" for level in levels)],
        [
            ["published", *(f"{x:.4f}" for x in levels.values())],
            ["found", *(records.cell(row, f"{level:g}", ".4f") for level in levels)],
        ],
    )
    gaps = [
        abs(found - right)
        for level, right in levels.items()
        for found in records.values(row, f"{level:g}")
    ]
    report.target("Published curve, largest gap", [max(gaps)], "<= 0.01", ".2g")


def _robust(report: Report, records: Records) -> None:
    row = "gradient/robust"
    if not records.has(row):
        return
    report.note(
        "Inputs in float32 whose value or gradient is NaN or infinite, or whose "
        "decomposition fails, of so many seeds."
    )
    kinds = list(gradient.hard_inputs(0))
    report.table(
        ["", *(_CONTESTANTS[name] for name in gradient.CONTESTANTS)],
        [
            [kind]
            + [
                _count(records.values(row, f"{name} {kind}"))
                for name in gradient.CONTESTANTS
            ]
            for kind in kinds
        ],
    )
    for name in ("ours", "ours, root"):
        failed = [sum(records.values(row, f"{name} {kind}")) for kind in kinds]
        title = f"Inputs without a gradient, {_CONTESTANTS[name]}"
        report.target(title, [sum(failed)], "<= 0", ".0f")


def _count(values: list[float]) -> str:
    return f"{sum(values):.0f} of {len(values)}" if values else "–"


def _error(report: Report, records: Records) -> None:
    row = "gradient/error"
    if not records.has(row):
        return
    report.note(
        "Relative error in float32, against ``svdvals`` in float64, of uniform inputs "
        "and of inputs whose features decay by a factor of 1,000."
    )
    lines, worst = [], []
    for shape in gradient.ERROR_SHAPES:
        for kind in ("uniform", "decaying"):
            name = f"{shape[0]} {shape[1]} {kind}"
            parts = ("value", "gradient")
            worst += [
                x for part in parts for x in records.values(row, f"{name} {part}")
            ]
            cells = [records.cell(row, f"{name} {part}", ".1e") for part in parts]
            lines.append([f"{shape[0]} × {shape[1]}, {kind}", *cells])
    report.table(["", "value", "gradient"], lines)
    report.target("Relative error, the largest", [max(worst)], "<= 1e-5", ".1e")


def _speed(report: Report, records: Records) -> None:
    row = "gradient/speed"
    if not records.has(row):
        return
    report.note(
        "Value and gradient with one thread: CPU milliseconds, and in how many times "
        "as much others take."
    )
    shapes = [
        shape
        for shape in gradient.SHAPES
        if records.values(row, f"{shape[0]} {shape[1]} ours_cpu_1")
    ]
    header = [""]
    for n_samples, n_features in shapes:
        header += [f"ms, {n_samples} × {n_features}", "×"]
    lines = []
    for name, title in _CONTESTANTS.items():
        line = [title]
        for n_samples, n_features in shapes:
            prefix = f"{n_samples} {n_features} {name}"
            line.append(records.cell(row, f"{prefix}_cpu_1", ".3g"))
            line.append(records.cell(row, f"{prefix}_cpu_ratio_1", ".3g"))
        lines.append(line)
    report.table(header, lines)
    for n_samples, n_features in shapes:
        values = records.values(row, f"{n_samples} {n_features} svdvals_cpu_ratio_1")
        what = f"svdvals over ours, {n_samples} × {n_features}, one thread"
        report.target(what, values, ">= 1.3")


def _step(report: Report, records: Records) -> None:
    row = "gradient/step"
    if not records.has(row):
        return
    report.note(
        f"A step of SimSiam on {gradient.STEP_BATCH} images of 32 × 32 pixels "
        "(residual network of three blocks with 32, 64 and 128 channels, the recipe of "
        "the estimator without the drawing of views), one thread: CPU milliseconds, "
        "and the loss of both views as a share of them, for projections of the "
        "recipe's width and of the published one."
    )
    lines = [["step without", records.cell(row, "plain_cpu_1", ".4g"), ""]]
    lines.append(["step with", records.cell(row, "with_cpu_1", ".4g"), ""])
    for width in gradient.STEP_WIDTHS:
        values = records.values(row, f"loss {width}_cpu_1")
        cost = f"{2 * sum(values) / max(1, len(values)):.3g}"
        share = records.cell(row, f"share {width}", ".2%")
        lines.append([f"loss of both views, width {width}", cost, share])
    report.table(["", "ms", "share"], lines)
    for width in gradient.STEP_WIDTHS:
        values = records.values(row, f"share {width}")
        if values and not math.isnan(values[0]):
            what = f"Share of the loss in a step of SimSiam, width {width}"
            report.target(what, values, "<= 0.05")
