"""The page of `stochastic_vit.py`, from figures of all runs so far."""

from __future__ import annotations

import _vit_page_open as unanswered
import _vit_page_quality as quality
import _vit_page_semi as semi
import _vit_page_speed as speed
import _vit_whole as whole
from _records import Records
from _report import Report
from _vit_quality import GROUNDS

_HOW = (
    "Median and range over the seeds (up to {seeds}) that a row was measured with. A "
    "seed decides which images are drawn or held out of bundled data, which labels are "
    "known and all that is random in training. Times are CPU times of all threads "
    "together unless they are said to be wall times, and ratios are those of runs that "
    "took turns."
)
_FIGURES = {
    "accuracy": ("accuracy", ".4f"),
    "nll": ("NLL", ".3f"),
    "ece": ("ECE", ".4f"),
    "auroc wasserstein": ("AUROC", ".3f"),
    "corruption_error": ("error when spoilt", ".3f"),
    "minutes": ("minutes", ".3g"),
    "threads": ("threads", ".0f"),
    "parameters": ("parameters", ",.0f"),
}


def write(records: Records, quick: bool) -> None:
    """Print all tables and verdicts, and leave the page unless `quick`."""
    report = Report(
        "stochastic_vit",
        "Stochastic vision transformers",
        "`~skwass.StochasticViTClassifier` and what is under it: what Wasserstein "
        "attention costs, and how even it is before training; accuracy, negative "
        "log-likelihood (NLL), expected calibration error (ECE), Brier score and the "
        "area under the risk–coverage curve (AURC) of held-out images; what is said of "
        "images of unknown classes and of spoilt ones; few labels; and what the paper "
        "leaves open.",
        _HOW.format(seeds=len(records.seeds())),
    )
    report.measured = " ".join(dict.fromkeys(records.measured.values()))
    speed.write(report, records)
    _entropy(report, records)
    quality.write(report, records)
    _whole(report, records)
    semi.write(report, records)
    unanswered.write(report, records)
    if not records.rows:
        print("Nothing was measured, so there is nothing to write.")
        return
    report.write(quick)


def _entropy(report: Report, records: Records) -> None:
    row = "entropy/initial"
    if not records.has(row):
        return
    report.note(
        "Entropy of attention before training, networks as below: the mean over rows, "
        "heads and blocks as a share of that of even attention; its ratio to that of "
        "dot products, and the least and the largest ratio of a block."
    )
    figures = ("wasserstein", "dot", "ratio", "least ratio", "largest ratio")
    known = [name for name in GROUNDS if records.values(row, f"{name} ratio")]
    report.table(
        ["", "Wasserstein", "dot products", *figures[2:]],
        [
            [GROUNDS[name].title]
            + [records.cell(row, f"{name} {figure}", ".3f") for figure in figures]
            for name in known
        ],
    )
    gaps = [abs(x - 1) for name in known for x in records.values(row, f"{name} ratio")]
    what = "Entropy of attention before training, largest gap of the ratio from one"
    report.target(what, [max(gaps)], "<= 0.1", ".2g")


def _whole(report: Report, records: Records) -> None:
    row = "cifar/whole"
    if not records.has(row):
        return
    settings = whole.SETTINGS
    report.note(
        "**CIFAR-10 from scratch**: all 10,000 photographs, 2,000 held out, patches "
        f"of {settings['patch_size']} pixels, width {settings['width']}, "
        f"{settings['depth']} blocks of {settings['n_heads']} heads, "
        f"{settings['max_iter']} epochs of batches of {settings['batch_size']}, no "
        "regularisers, and else the defaults, which shift and mirror photographs. "
        "AUROC is that of the score by default for 1,000 of other classes."
    )
    report.table(
        [title for title, _ in _FIGURES.values()],
        [[records.cell(row, name, form) for name, (_, form) in _FIGURES.items()]],
    )
    accuracy, minutes = (records.values(row, name) for name in ("accuracy", "minutes"))
    report.target("CIFAR-10 from scratch, accuracy", accuracy, ">= 0.62", ".4f")
    what = "CIFAR-10 from scratch, minutes by the clock"
    report.target(what, minutes, f"<= {whole.MINUTES}")
