"""The part of the page of `stochastic_vit.py` on few labels."""

from __future__ import annotations

from _paired import difference, gains
from _records import Records
from _report import Report
from _vit_quality import GROUNDS
from _vit_semi import EPOCHS, N_STEPS, SHARES, WAYS

_FIGURES = {
    "accuracy": ("accuracy", ".4f"),
    "nll": ("NLL", ".3f"),
    "ece": ("ECE", ".4f"),
    "aurc": ("AURC", ".5f"),
}
_HEAD = [title for title, _ in _FIGURES.values()]
_DEFAULT = "wasserstein"
#: after pre-training, and from scratch
_PAIRS = {
    "stochastic": ("pretrained", "plain"),
    "matched twin": ("matched-pretrained", "matched"),
}
_POINTS = 100


def write(report: Report, records: Records) -> None:
    lines, known = [], {}
    for name, ground in GROUNDS.items():
        for share in SHARES:
            for way, title in WAYS.items():
                row = f"semi/{name}-{share}-{way}"
                if records.has(row):
                    known[name] = ground.title
                    labels = records.cell(row, "labels", ".0f")
                    what = f"{ground.title}, {share} % ({labels}): {title}"
                    lines.append([what, *_cells(records, row)])
    if not lines:
        return
    epochs = ", ".join(f"{title} {EPOCHS[name]}" for name, title in known.items())
    report.note(
        "Few labels: a share of those of the training images above, and one of each "
        "class at least, in brackets how many. Pre-training by "
        "`~skwass.StochasticViTPretrainer` sees all training images, without labels "
        f"(epochs: {epochs}). Then, or from scratch, the classifier takes about "
        f"{N_STEPS} steps on those with labels. AUROC is that of the score by default; "
        "the error rate is the mean over the kinds and severities above."
    )
    head = [*_HEAD, "AUROC", "error when spoilt", "CPU seconds"]
    report.table(["", *head], lines)
    _changes(report, records)


def _cells(records: Records, row: str) -> list[str]:
    return [
        *(records.cell(row, name, form) for name, (_, form) in _FIGURES.items()),
        records.cell(row, f"auroc {_DEFAULT}", ".3f"),
        records.cell(row, "corruption_error", ".3f"),
        records.cell(row, "cpu_seconds", ".3g"),
    ]


def _changes(report: Report, records: Records) -> None:
    """What it changes, seed by seed; and the goal."""
    figures = ("accuracy", "nll", "ece", f"auroc {_DEFAULT}", "corruption_error")
    lines = []
    for name, ground in GROUNDS.items():
        for share in SHARES:
            for title, ways in _PAIRS.items():
                first, second = (f"semi/{name}-{share}-{way}" for way in ways)
                if gains(records, first, second, "accuracy"):
                    cells = [difference(records, first, second, x) for x in figures]
                    lines.append([f"{ground.title}, {share} %: {title}", *cells])
    if lines:
        report.note(
            "What pre-training changes with the same seed: the median difference, with "
            "how many seeds it is better, and the one-sided p of a paired t-test."
        )
        head = ["accuracy", "NLL", "ECE", "AUROC", "error when spoilt"]
        report.table(["", *head], lines)
    least = SHARES[0]
    for name, ground in GROUNDS.items():
        rows = (f"semi/{name}-{least}-{way}" for way in ("pretrained", "plain"))
        points = [_POINTS * gain for gain in gains(records, *rows, "accuracy")]
        if points:
            what = (
                f"{ground.title}, {least} % of labels: points that pre-training gains"
            )
            report.target(what, points, ">= 5", "+.1f")
