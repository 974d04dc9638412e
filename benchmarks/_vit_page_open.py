"""The part of the page of `stochastic_vit.py` on what the paper leaves open."""

from __future__ import annotations

from _records import Records
from _report import Report, shown
from _vit_methods import METHODS, SCORES
from _vit_open import (
    AMBIGUITY,
    BATCH,
    BY_CHANCE,
    N_DRAWS,
    REGULARISERS,
    SIZES,
    TRIED,
    TWIN_AMBIGUITY,
    WEIGHTS,
)
from _vit_quality import GROUNDS
from _vit_tokens import KINDS

_FIGURES = {
    "accuracy": ("accuracy", ".4f"),
    "nll": ("NLL", ".3f"),
    "ece": ("ECE", ".4f"),
    "aurc": ("AURC", ".5f"),
}
_HEAD = [title for title, _ in _FIGURES.values()]
_DEFAULT = "wasserstein"


def write(report: Report, records: Records) -> None:
    for name in TRIED:
        _regularisers(report, records, name)
    _sizes(report, records)
    _tokens(report, records)
    _cost(report, records)
    _ambiguous(report, records)
    _chance(report, records)


def _cells(records: Records, row: str, prefix: str = "") -> list[str]:
    """Figures, and the AUROC of the score by default or the only one."""
    scores = [_DEFAULT, "max-probability"]
    auroc = [records.cell(row, f"{prefix}auroc {score}", ".3f") for score in scores]
    return [
        *(
            records.cell(row, f"{prefix}{name}", form)
            for name, (_, form) in _FIGURES.items()
        ),
        *auroc,
        records.cell(row, f"{prefix}cpu_seconds", ".3g"),
    ]


def _table(report: Report, lines: list[list[str]]) -> None:
    scores = (f"AUROC, {SCORES[each]}" for each in (_DEFAULT, "max-probability"))
    report.table(["", *_HEAD, *scores, "CPU seconds"], lines)


def _reference(
    records: Records, name: str, method: str = "stochastic"
) -> list[list[str]]:
    row = f"{name}/{method}"
    title = METHODS[method].title
    return [[f"{title}, as above", *_cells(records, row)]] if records.has(row) else []


def _regularisers(report: Report, records: Records, name: str) -> None:
    lines = []
    for row, titles in (
        (f"open/regularisers-{name}", list(REGULARISERS)),
        (f"open/weights-{name}", [f"{x:g}" for x in WEIGHTS]),
    ):
        for title in titles:
            if records.values(row, f"{title} nll"):
                shown_as = f"λ₁ = λ₂ = {title}" if row.startswith("open/w") else title
                lines.append([shown_as, *_cells(records, row, f"{title} ")])
    if not lines:
        return
    known = (
        ""
        if GROUNDS[name].padding
        else (
            " There is no augmentation here, so z⁺ is z, and the second is always zero."
        )
    )
    report.note(
        f"{GROUNDS[name].title}: the regularisers, and their weights, which by default "
        f"are 1e-4.{known}"
    )
    _table(report, _reference(records, name) + lines)


def _sizes(report: Report, records: Records) -> None:
    row = "open/sizes-digits"
    if not records.has(row):
        return
    report.note("digits: width or depth doubled, beside the twin that is matched then.")
    lines = _reference(records, "digits") + _reference(records, "digits", "matched")
    for size in SIZES:
        for method in ("stochastic", "matched"):
            title = f"{METHODS[method].title}, {size} × 2"
            lines.append([title, *_cells(records, row, f"{method} {size} ")])
    _table(report, lines)


def _tokens(report: Report, records: Records) -> None:
    row = "open/tokens-digits"
    if not records.has(row):
        return
    report.note(
        "digits: what tokens are, networks of equal width, trained by "
        "`~skwass.OTMDRClassifier` with ρ = 0, which is plain training without "
        "regularisers. Embedded as points, by default: patches become means only, and "
        "variances begin the same in all images. By distance: attention as of "
        "Gaussians, of tokens without variances. Student's t: attention falls with the "
        "distance as its density does; all else is as of Gaussians."
    )
    _table(
        report,
        [
            [title, *_cells(records, row, f"{kind} ")]
            for kind, (title, _) in KINDS.items()
        ],
    )


def _cost(report: Report, records: Records) -> None:
    kinds = {"stochastic": "stochastic", "twin": "of equal width", "matched": "matched"}
    lines = []
    for name, ground in GROUNDS.items():
        row = f"open/cost-{name}"
        if not records.has(row):
            continue
        for kind, title in kinds.items():
            cells = []
            for what in ("fit", "predict"):
                prefix = f"{what} {kind}"
                cells.append(records.cell(row, f"{prefix}_cpu_1", ".3g"))
                cells += [
                    records.cell(row, f"{prefix}_{clock}_ratio_{n}", ".2f")
                    for clock, n in (("cpu", 1), ("wall", 2))
                ]
            cells.append(_relative_bytes(records, row, kind))
            lines.append([f"{ground.title}, {title}", *cells])
    if not lines:
        return
    report.note(
        f"What it costs, networks as above on noise: an epoch of `fit` by {BATCH} "
        "images, and their prediction, CPU milliseconds with one thread, and ratios to "
        "the twin of equal width, which took turns: CPU time with one thread, and wall "
        "time with two. Memory is the most that lives at any time of a step on a batch "
        f"of {BATCH}, beyond the parameters, over the same of that twin."
    )
    times = [f"{x}, {y}" for x in ("fit", "predict") for y in ("ms", "×", "wall ×")]
    report.table(["", *times, "memory, ×"], lines)


def _relative_bytes(records: Records, row: str, kind: str) -> str:
    pairs = records.pairs((row, f"bytes {kind}"), (row, "bytes twin"))
    return shown([own / other for own, other in pairs], ".2f")


def _ambiguous(report: Report, records: Records) -> None:
    lines = []
    for name in TRIED:
        row = f"open/ambiguous-{name}"
        if not records.has(row):
            continue
        for kind, scores in (
            ("stochastic", list(AMBIGUITY)),
            ("probit", list(AMBIGUITY)),
            ("matched", list(TWIN_AMBIGUITY)),
        ):
            for score in scores:
                cells = [
                    records.cell(row, f"{kind} {what} {score}", ".3f")
                    for what in ("mixed", "wrong")
                ]
                title = f"{GROUNDS[name].title}, {METHODS[kind].title}"
                lines.append([f"{title}: {AMBIGUITY[score]}", *cells])
    if lines:
        report.note(
            "Ambiguous images: AUROC of scores that tell the mean of two held-out "
            "images of different classes from single ones, and held-out images that "
            "are classified wrongly from others."
        )
        report.table(["", "mixed", "wrong"], lines)


def _chance(report: Report, records: Records) -> None:
    lines = [
        [
            f"{ground.title}, {METHODS[kind].title}",
            *(
                records.cell(f"open/chance-{name}", f"{kind} {figure}", ".4f")
                for figure in ("ece", "ece by chance")
            ),
        ]
        for name, ground in GROUNDS.items()
        if records.has(f"open/chance-{name}")
        for kind in BY_CHANCE
    ]
    if not lines:
        return
    report.note(
        "How much of a calibration error is chance: that of networks as above, and "
        "what it would be on as many images had their probabilities been right, the "
        f"mean over {N_DRAWS} draws of labels by these probabilities."
    )
    report.table(["", "ECE", "by chance"], lines)
