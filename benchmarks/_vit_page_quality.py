"""The part of the page of `stochastic_vit.py` that compares methods."""

from __future__ import annotations

import numpy as np
from _paired import difference, gains
from _records import Records
from _report import Report, shown
from _vit_data import KINDS, N_CORRUPTED, N_UNKNOWN, SEVERITIES
from _vit_methods import DROPOUT, METHODS, N_MASKS, NOISE, RHO, SCORES
from _vit_quality import GROUNDS

from skwass.metrics import mean_corruption_error

_FIGURES = {
    "accuracy": ("accuracy", ".4f"),
    "nll": ("NLL", ".3f"),
    "ece": ("ECE", ".4f"),
    "brier": ("Brier", ".4f"),
    "aurc": ("AURC", ".5f"),
    "parameters": ("parameters", ",.0f"),
    "cpu_seconds": ("CPU seconds", ".3g"),
}
_COMPARED = {
    **{name: title for name, (title, _) in list(_FIGURES.items())[:5]},
    "corruption_error": "error when spoilt",
    "corruption_ece": "ECE when spoilt",
}
_OURS, _TWIN = "stochastic", "matched"
_POINTS = 100


def write(report: Report, records: Records) -> None:
    known = [name for name in GROUNDS if _methods(records, name)]
    if known:
        report.note(
            "Methods. Stochastic is `~skwass.StochasticViTClassifier` with its "
            "defaults but for the size of the network and the epochs; "
            '``head="probit"`` gives variances a say in probabilities; with '
            '``variance_embedding="patch"`` they begin with what patches show, as '
            "published, and not with their positions alone. A twin is the "
            'same code with ``attention="dot"``: of equal width, or wider so that it '
            "has as many parameters (matched). All learn with AdamW at the rate that "
            "the classifier chooses for their width, and for as many epochs. "
            "Temperature scaling holds out a tenth of the training samples. "
            f"Monte-Carlo dropout leaves out {DROPOUT:.0%} in training, and in the "
            f"{N_MASKS} passes of prediction. OT-MDR is `~skwass.OTMDRClassifier` with "
            f"that network, ρ = {RHO:g} and noise {NOISE:g}, whose steps take two "
            "gradients; it has neither regulariser nor warm-up."
        )
    for name in known:
        _table(report, records, name)
        _comparisons(report, records, name)
        _corruption(report, records, name)
        _unknown(report, records, name)
    _best_scores(report, records, known)
    for name in known:
        _goals(report, records, name)
    _goal_of_scores(report, records, known)


def _methods(records: Records, name: str) -> list[str]:
    return [method for method in METHODS if records.has(f"{name}/{method}")]


def _table(report: Report, records: Records, name: str) -> None:
    ground = GROUNDS[name]
    report.note(f"**{ground.title}**: {ground.words}.")
    lines = [
        [
            METHODS[method].title,
            *(
                records.cell(f"{name}/{method}", figure, form)
                for figure, (_, form) in _FIGURES.items()
            ),
        ]
        for method in _methods(records, name)
    ]
    report.table(["", *(title for title, _ in _FIGURES.values())], lines)


def _comparisons(report: Report, records: Records, name: str) -> None:
    """Differences within seeds: the median, in how many the method is better, and p."""
    twin = f"{name}/{_TWIN}"
    lines = [
        [
            METHODS[method].title,
            *(difference(records, f"{name}/{method}", twin, x) for x in _COMPARED),
        ]
        for method in _methods(records, name)
        if method != _TWIN and gains(records, f"{name}/{method}", twin, "nll")
    ]
    if not lines:
        return
    report.note(
        f"{GROUNDS[name].title}: differences from the {METHODS[_TWIN].title} with the "
        "same seed: the median, with how many seeds the method is better, and the "
        "one-sided p of a paired t-test that it is."
    )
    report.table(["", *_COMPARED.values()], lines)


def _corruption(report: Report, records: Records, name: str) -> None:
    severities = ", ".join(map(str, SEVERITIES[:-1])) + f" and {SEVERITIES[-1]}"
    report.note(
        f"{GROUNDS[name].title}: error rates when the first {N_CORRUPTED} held-out "
        f"images are spoilt by `~skwass.datasets.corrupt_images`, means over "
        f"severities {severities}; the mean over kinds; mCE, which is that of errors "
        f"over the {METHODS[_TWIN].title}'s; and the mean ECE."
    )
    lines = [
        [METHODS[method].title, *_corruption_cells(records, name, method)]
        for method in _methods(records, name)
    ]
    kinds = (kind.replace("_", " ") for kind in KINDS)
    report.table(["", *kinds, "mean", "mCE", "ECE"], lines)


def _corruption_cells(records: Records, name: str, method: str) -> list[str]:
    row = f"{name}/{method}"
    by_kind = [
        np.mean([records.values(row, f"error {kind} {x}") for x in SEVERITIES], axis=0)
        for kind in KINDS
    ]
    relative = _relative_errors(records, row, f"{name}/{_TWIN}")
    return [
        *(shown(list(values), ".3f") for values in by_kind),
        records.cell(row, "corruption_error", ".3f"),
        shown(relative, ".3f") if relative else "–",
        records.cell(row, "corruption_ece", ".3f"),
    ]


def _relative_errors(records: Records, row: str, baseline: str) -> list[float]:
    """The mean corruption error over that of a baseline, seed by seed."""
    pairs = np.array(
        [
            [
                records.pairs(
                    (row, f"error {kind} {severity}"),
                    (baseline, f"error {kind} {severity}"),
                )
                for severity in SEVERITIES
            ]
            for kind in KINDS
        ]
    )
    if not pairs.size:
        return []
    own, other = np.moveaxis(pairs, (2, 3), (1, 0))
    return [mean_corruption_error(*both) for both in zip(own, other, strict=True)]


def _unknown(report: Report, records: Records, name: str) -> None:
    report.note(
        f"{GROUNDS[name].title}: how well scores tell images of unknown classes from "
        f"held-out ones, up to {N_UNKNOWN:,} of each: AUROC, and below it the share of "
        "held-out ones that are taken for unknown when 95 % of the unknown are found."
    )
    lines = [
        [
            f"{METHODS[method].title}, {title}",
            *(
                records.cell(f"{name}/{method}", f"{figure} {score}", ".3f")
                for score in SCORES
            ),
        ]
        for figure, title in (("auroc", "AUROC"), ("fpr95", "FPR at 95 %"))
        for method in _methods(records, name)
    ]
    report.table(["", *SCORES.values()], lines)


def _best_scores(report: Report, records: Records, known: list[str]) -> None:
    lines = []
    for name in known:
        ours, twin = (best_score(records, f"{name}/{each}") for each in (_OURS, _TWIN))
        if ours and twin:
            rows = f"{name}/{_OURS}", f"{name}/{_TWIN}"
            lines.append(
                [
                    GROUNDS[name].title,
                    f"{SCORES[ours]}: {records.cell(rows[0], f'auroc {ours}', '.3f')}",
                    f"{SCORES[twin]}: {records.cell(rows[1], f'auroc {twin}', '.3f')}",
                    difference(records, *rows, f"auroc {ours}", f"auroc {twin}"),
                    difference(records, *rows, "auroc wasserstein"),
                ]
            )
    if not lines:
        return
    report.note(
        "The score of the largest median AUROC, which is chosen by the very images it "
        "is judged by, of five scores of stochastic networks and four of the matched "
        "twin; their difference; and that of the scores by default (Wasserstein)."
    )
    report.table(["", "stochastic", "matched twin", "difference", "by default"], lines)


def best_score(records: Records, row: str) -> str:
    """That of the largest median AUROC; none if none was measured."""
    medians = {
        score: float(np.median(records.values(row, f"auroc {score}")))
        for score in SCORES
        if records.values(row, f"auroc {score}")
    }
    return max(medians, key=lambda score: medians[score], default="")


def _goals(report: Report, records: Records, name: str) -> None:
    ours, twin = f"{name}/{_OURS}", f"{name}/{_TWIN}"
    gained = gains(records, ours, twin, "accuracy")
    if not gained:
        return
    beside = f"{GROUNDS[name].title}, stochastic beside the matched twin"
    points = [_POINTS * gain for gain in gained]
    report.target(f"{beside}: points of accuracy gained", points, ">= -0.5", "+.2f")
    pairs = records.pairs((ours, "ece"), (twin, "ece"))
    ratios = [own / other for own, other in pairs]
    report.target(f"{beside}: ECE, ratio", ratios, "<= 0.7", ".2f")
    lost = [-gain for gain in gains(records, ours, twin, "nll")]
    report.target(f"{beside}: NLL, difference", lost, "<= 0", "+.3f")


def _goal_of_scores(report: Report, records: Records, known: list[str]) -> None:
    """On how many kinds of images the best score is as good as the twin's best."""
    medians = []
    for name in known:
        rows = [f"{name}/{method}" for method in (_OURS, _TWIN)]
        best = [best_score(records, row) for row in rows]
        if all(best):
            values = (
                records.values(row, f"auroc {score}")
                for row, score in zip(rows, best, strict=True)
            )
            medians.append([float(np.median(each)) for each in values])
    if medians:
        good = sum(own >= other for own, other in medians)
        what = (
            "AUROC of the best score at least that of the matched twin's best, kinds "
            f"of images of the {len(medians)} measured"
        )
        report.target(what, [good], ">= 3", ".0f")
