"""The part of the page of `stochastic_vit.py` on what attention costs."""

from __future__ import annotations

from _records import Records
from _report import Report
from _vit_speed import (
    BLOCK_LENGTHS,
    LENGTHS,
    LONG,
    MLP_RATIOS,
    N_HEADS,
    PAIRS_LENGTH,
    WIDTH,
)

ROW = "speed/attention"
#: how many times as long as dot products attention may take at most, by length
_LIMITS = {
    "linear": {1025: "<= 2"},
    "squared": {65: "<= 3.5", 197: "<= 3.5", 1025: "<= 3.5"},
}
_BLOCK_LIMITS = {"full": "<= 2.1", "light": "<= 1.75"}


def write(report: Report, records: Records) -> None:
    if not records.has(ROW):
        return
    _attention(report, records)
    _blocks(report, records)
    _memory(report, records)


def _attention(report: Report, records: Records) -> None:
    report.note(
        f"Attention, {N_HEADS} heads of width {WIDTH}, forward and backward with one "
        "thread: CPU milliseconds of torch's own, "
        "``scaled_dot_product_attention``, on "
        + ", ".join(f"{n} × {length:,}" for length, n in LENGTHS.items())
        + " tokens, and in how many times as much `~skwass.nn.wasserstein_attention` "
        "does it with variances added up by weights (linear) or by their squares, and "
        "the form of STOSA, which makes matrices of all distances; its ratio to the "
        "squared form of ours. Differences pair by pair, as the formula is written, "
        f"take {records.cell(ROW, f'pairs to squared {PAIRS_LENGTH}', '.3g')} times as "
        f"much as that at {PAIRS_LENGTH} tokens."
    )
    header = ["tokens", "ms", "linear, ×", "squared, ×", "STOSA, ×", "STOSA to squared"]
    names = ("dot milliseconds", "linear", "squared", "stosa", "stosa to squared")
    report.table(
        header,
        [
            [f"{length:,}"]
            + [records.cell(ROW, f"{name} {length}", ".3g") for name in names]
            for length in LENGTHS
        ],
    )
    for form, limits in _LIMITS.items():
        for length, limit in limits.items():
            what = f"Attention, {form}, over dot products at {length:,} tokens"
            _target(report, records, what, f"{form} {length}", limit)
    for length in LENGTHS:
        what = f"STOSA's form over ours at {length:,} tokens"
        _target(report, records, what, f"stosa to squared {length}", ">= 1.5")
    what = f"Differences pair by pair over ours at {PAIRS_LENGTH} tokens"
    _target(report, records, what, f"pairs to squared {PAIRS_LENGTH}", ">= 30")


def _blocks(report: Report, records: Records) -> None:
    report.note(
        f"Whole blocks of width {N_HEADS * WIDTH} in the same way, in units of a block "
        "of dot products without variances: perceptrons of variances as wide as those "
        "of means, or light. A perceptron's ratio is that of its hidden layer to the "
        "width."
    )
    report.table(
        ["", *(f"{kind}, ×" for kind in _BLOCK_LIMITS)],
        [
            [f"{length} tokens, perceptrons of ratio {ratio}"]
            + [
                records.cell(ROW, f"{kind} block {length} mlp {ratio}", ".3g")
                for kind in _BLOCK_LIMITS
            ]
            for length in BLOCK_LENGTHS
            for ratio in MLP_RATIOS
        ],
    )
    for kind, limit in _BLOCK_LIMITS.items():
        for length in BLOCK_LENGTHS:
            for ratio in MLP_RATIOS:
                what = (
                    f"Block, {kind}, over a plain one at {length} tokens, perceptrons "
                    f"of ratio {ratio}"
                )
                name = f"{kind} block {length} mlp {ratio}"
                _target(report, records, what, name, limit)


def _memory(report: Report, records: Records) -> None:
    kinds = ("linear", "squared")
    report.note(
        "The most memory that lives at any time of a pass forward and backward of one "
        "image, beyond queries, keys and values, in MiB."
    )
    report.table(
        ["tokens", *kinds],
        [
            [f"{length:,}"]
            + [records.cell(ROW, f"{kind} MiB {length}", ".3g") for kind in kinds]
            for length in LONG
        ],
    )
    for kind in kinds:
        ends = ((ROW, f"{kind} MiB {length}") for length in (LONG[-1], LONG[0]))
        growth = LONG[-1] / LONG[0]
        values = [most / least / growth for most, least in records.pairs(*ends)]
        if values:
            what = (
                f"Memory, {kind}: its growth from {LONG[0]:,} to {LONG[-1]:,} tokens "
                "over theirs"
            )
            report.target(what, values, "<= 1.1")


def _target(report: Report, records: Records, what: str, name: str, limit: str) -> None:
    values = records.values(ROW, name)
    if values:
        report.target(what, values, limit)
