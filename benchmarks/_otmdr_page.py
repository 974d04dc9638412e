"""The page of `otmdr.py`, from figures of all runs so far."""

from __future__ import annotations

import _otmdr_exact as exact
import _otmdr_memory as memory
import _otmdr_page_open as unanswered
import _otmdr_page_quality as quality
import _otmdr_sharpness as sharpness
import _otmdr_speed as speed
import _otmdr_tables as tables
import numpy as np
from _records import Records
from _report import Report, shown

_HOW = (
    "Median and range over the seeds (up to {seeds}) that a row was measured with. A "
    "seed decides the split, the wrong labels and all that is random in training. "
    "Times are CPU times of all threads together unless they are said to be wall "
    "times, and ratios are those of runs that took turns; each seed is the median of "
    "several rounds."
)
_NAMES = {
    "plain": "OTMDRClassifier, plain (ρ = 0)",
    "sam": "OTMDRClassifier, SAM",
    "k2": "OTMDRClassifier, K = 2",
    "k4": "OTMDRClassifier, K = 4",
    "bare": "bare loop, torch's SGD",
    "bare_textbook": "bare loop, textbook SAM",
    "bare_sam": "bare loop, OTMDR as SAM",
    "bare_k4": "bare loop, OTMDR, K = 4",
    "described_k4": "bare loop, the authors' step as described, K = 4",
}
_LESS = {
    "sam": ("SAM", {"mlp": "<= 2.2", "cnn": "<= 2.05"}),
    "k2": ("K = 2", {"cnn": "<= 3.1"}),
    "k4": ("K = 4", {"mlp": "<= 4.5"}),
}
_NETWORKS = {
    "mlp": "digits MLP (64-128-128-10, batches of 50)",
    "cnn": "small CNN (batches of 64 images of 32 × 32)",
}


def write(records: Records, quick: bool) -> None:
    """Print all tables and verdicts, and leave the page unless `quick`."""
    report = Report(
        "otmdr",
        "Sharpness-aware training",
        "`~skwass.OTMDRClassifier` and the optimiser under it, `~skwass.OTMDR`: "
        "whether its steps are what the mathematics says, what they cost, and what "
        "they bring: accuracy, negative log-likelihood (NLL), expected calibration "
        "error (ECE), Brier score and the area under the risk–coverage curve (AURC) of "
        "held-out samples, whose labels are all right.",
        _HOW.format(seeds=len(records.seeds())),
    )
    report.measured = " ".join(dict.fromkeys(records.measured.values()))
    for section in (_exact, _speed, _ensembles, _memory):
        section(report, records)
    quality.write(report, records)
    _small_tables(report, records)
    _sharpness(report, records)
    unanswered.write(report, records)
    if not records.rows:
        print("Nothing was measured, so there is nothing to write.")
        return
    report.write(quick)


def _exact(report: Report, records: Records) -> None:
    row = "exact/steps"
    if not records.has(row):
        return
    report.note(
        f"Textbook SAM and `~skwass.OTMDR` after {exact.N_STEPS} steps of a digits "
        "MLP: the largest difference of a parameter. The mean gradient of particles "
        "that follow the Gibbs density of a loss in one dimension, against quadrature "
        "of that density: relative error, by inverse temperature λ. These are drawn by "
        "a sampler made for this check; `~skwass.OTMDR` takes a few normalised steps "
        "instead, which have no temperature. The largest "
        "distance of a particle from the parameters, over ρ, in the norms 1, 2 and ∞ "
        "with three noisy steps of ascent."
    )
    kinds = [("SAM, single precision", "sam_float32", "<= 1e-6")]
    kinds += [("SAM, double precision", "sam_float64", "<= 1e-6")]
    kinds += [
        (f"gradient of the sampler at λ = {each:g}", f"gibbs_{each:g}", "<= 0.01")
        for each in exact.TEMPERATURES
    ]
    kinds += [("largest distance over ρ", "ball", "<= 1")]
    report.table(
        ["", "found"],
        [[title, records.cell(row, name, ".2g")] for title, name, _ in kinds],
    )
    for title, name, limit in kinds:
        form = ".7g" if name == "ball" else ".2g"
        report.target(f"Exactness, {title}", records.values(row, name), limit, form)


def _speed(report: Report, records: Records) -> None:
    for network, words in _NETWORKS.items():
        row = f"speed/{network}"
        if not records.has(row):
            continue
        report.note(
            f"A step of a {words}: CPU milliseconds, and how many times those of plain "
            "training by the same estimator. Estimators are timed by whole fits, all "
            "that a fit does besides steps included."
        )
        header = [""]
        for n in speed.THREADS:
            header += [f"ms, {_threads(n)}", f"× plain, {_threads(n)}"]
        names = [name for name in _NAMES if records.values(row, f"{name}_cpu_1")]
        cells = [(f"cpu_{n}", f"cpu_ratio_{n}") for n in speed.THREADS]
        report.table(
            header,
            [
                [_NAMES[name]]
                + [
                    records.cell(row, f"{name}_{each}", ".3g")
                    for pair in cells
                    for each in pair
                ]
                for name in names
            ],
        )
        for name, (title, limits) in _LESS.items():
            for n in speed.THREADS if network in limits else ():
                values = records.values(row, f"{name}_cpu_ratio_{n}")
                what = f"{title} over plain training, {words}, {_threads(n)}"
                report.target(what, values, limits[network])
    _against_description(report, records)


def _against_description(report: Report, records: Records) -> None:
    row = "speed/mlp"
    if not records.has(row):
        return
    report.note(
        "The authors' code is not run here. *As described* is a step written anew that "
        "does what theirs does: one particle after the other, each with three passes, "
        "over both halves of the batch and over all of it, parameter by parameter, "
        "with six copies of the parameters for each."
    )
    for own in ("k4", "bare_k4"):
        for n in speed.THREADS:
            pairs = records.pairs(
                (row, f"described_k4_cpu_{n}"), (row, f"{own}_cpu_{n}")
            )
            what = f"Step as described over {_NAMES[own]}, {_threads(n)}"
            report.target(what, [other / ours for other, ours in pairs], ">= 4")


def _ensembles(report: Report, records: Records) -> None:
    row = "speed/ensemble"
    if not records.has(row):
        return
    report.note("Five digits MLPs: five fits, over one ensemble trained side by side.")
    lines = []
    for kind, title in (("plain", "plain training"), ("sam", "SAM")):
        line = [title]
        for n in speed.THREADS:
            for clock in ("cpu", "wall"):
                ratios = _ratios(records, kind, clock, n)
                line.append(shown(ratios, ".3g") if ratios else "–")
        lines.append(line)
    header = [
        f"{'CPU' if clock == 'cpu' else clock}, {_threads(n)}"
        for n in speed.THREADS
        for clock in ("cpu", "wall")
    ]
    report.table(["", *header], lines)
    for kind, title in (("plain", "plain training"), ("sam", "SAM")):
        for clock, n in (("cpu", 1), ("wall", 2)):
            clock_name = "CPU" if clock == "cpu" else "wall"
            what = (
                f"Five fits over an ensemble of five, {title}, {clock_name} time, "
                f"{_threads(n)}"
            )
            report.target(what, _ratios(records, kind, clock, n), ">= 2")


def _ratios(records: Records, kind: str, clock: str, n: int) -> list[float]:
    row = "speed/ensemble"
    pairs = records.pairs(
        (row, f"{kind}_five_{clock}_{n}"), (row, f"{kind}_together_{clock}_{n}")
    )
    return [five / together for five, together in pairs]


def _memory(report: Report, records: Records) -> None:
    row = "speed/memory"
    if not records.has(row):
        return
    report.note(
        "Copies of the parameters that a step holds besides parameters, one gradient "
        "and the base's state: at most at any time outside of the loss, and while the "
        "loss is computed, when its activations need memory too."
    )
    lines = [
        [
            f"{title}, K = {n}",
            records.cell(row, f"{prefix}peak_{n}", ".3g"),
            records.cell(row, f"{prefix}held_{n}", ".3g"),
        ]
        for title, prefix, numbers in (
            ("OTMDR", "", memory.PARTICLES),
            ("as described", "their_", memory.THEIR_PARTICLES),
        )
        for n in numbers
    ]
    report.table(["", "at most", "during the loss"], lines)
    for kind, words in (("peak", "at most"), ("held", "during the loss")):
        most = [max(records.values(row, f"{kind}_{n}")) for n in memory.PARTICLES]
        # limits are compared with medians, and this one holds for each K
        # and not with a number or two that are no copy
        copies = round(max(most), 2)
        report.target(f"Copies of the parameters, {words}", [copies], "<= 3")


def _small_tables(report: Report, records: Records) -> None:
    row = "tables/small"
    if not records.has(row):
        return
    report.note(
        "Log-loss in five folds, by classifiers with their defaults; those of "
        "scikit-learn come after `StandardScaler`. The last line is the mean rank."
    )
    lines = [
        [
            table.replace("_", " "),
            *(
                records.cell(row, f"{table} {name}", ".3f")
                for name in tables.CLASSIFIERS
            ),
        ]
        for table in tables.TABLES
    ]
    ranks = [records.cell(row, f"rank {name}", ".2f") for name in tables.CLASSIFIERS]
    report.table(["", *tables.CLASSIFIERS], [*lines, ["mean rank", *ranks]])
    own, *others = tables.CLASSIFIERS
    for other in others:
        pairs = records.pairs((row, f"rank {own}"), (row, f"rank {other}"))
        differences = [ours - theirs for ours, theirs in pairs]
        what = f"Mean rank of {own} less that of {other}"
        report.target(what, [float(np.median(differences))], "<= 0", ".2f")


def _sharpness(report: Report, records: Records) -> None:
    row = "sharpness/digits"
    if not records.has(row):
        return
    report.note(
        f"How sharp the minimum is that training by {sharpness.N_TRAIN} digits ends "
        "in: accuracy of those digits and of the others, the rise of the loss within "
        f"{sharpness.RADIUS:g} by `~skwass.loss_sharpness`, and "
        "`~skwass.top_hessian_eigenvalue`."
    )
    kinds = {
        "known": "training accuracy",
        "accuracy": "accuracy",
        "rise": "rise",
        "curvature": "largest curvature",
    }
    lines = [
        [
            f"ρ = {rho:g}",
            *(records.cell(row, f"{kind} {rho:g}", ".3g") for kind in kinds),
        ]
        for rho in sharpness.RADII
    ]
    report.table(["", *kinds.values()], lines)


def _threads(n: int) -> str:
    return "1 thread" if n == 1 else f"{n} threads"
