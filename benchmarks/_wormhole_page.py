"""The page of `wormhole.py`, from figures of all runs so far."""

from __future__ import annotations

from collections.abc import Callable

import _wormhole_peer as peer
import _wormhole_sizes as sizes
from _records import Records
from _report import Report, shown, spread
from _wormhole_cases import CASES
from _wormhole_judging import N_PAIRS

#: of rows of the first table: figure, what it is called, limit
_GOALS: dict[str, list[tuple[str, str, str]]] = {
    "mnist": [
        ("correlation", "Pearson d²", ">= .9992"),
        ("error", "error of W₂", "<= .008"),
        ("minutes", "minutes to fit and to embed the 2,000", "<= 10"),
        ("whole_seconds", "seconds to embed 10,000", "<= 12"),
        ("mlp", "labels that an MLP gets right", ">= .975"),
    ],
    "mnist-network": [
        ("correlation", "Pearson d²", ">= .995"),
        ("error", "error of W₂", "<= .02"),
        ("whole_speed", "clouds a second", ">= 2000"),
    ],
    "fashion": [
        ("correlation", "Pearson d²", ">= .9999"),
        ("error", "error of W₂", "<= .01"),
        ("minutes", "minutes to fit and to embed the 2,000", "<= 20"),
    ],
    "outlines": [("correlation", "Pearson d²", ">= .98")],
}
#: rows that are to pass linear transport in both figures
_RIVALS = ("lidar", "speech", "documents")
_LEFT_OUT = {"mnist": "mnist-without-4", "fashion": "fashion-without-bags"}
_FORMS = {"correlation": ".5f", "error": ".2%", "mlp": ".4f"}
_HOW = (
    "Median and range over the seeds (up to {seeds}) that a row was measured with, "
    f"each of which decides the {N_PAIRS:,} pairs and all that is random in training; "
    "the clouds are the same. All seconds are those of one process with all cores."
)


def write(records: Records, quick: bool) -> None:
    """Print all tables and verdicts, and leave the page unless `quick`."""
    report = Report(
        "wormhole",
        "Wormhole",
        "`~skwass.WormholeEmbedder` against exact transport between clouds that were "
        "held out: correlation of squared distances, and mean relative error of "
        ":math:`W_2`. Beside it linear optimal transport of equal size "
        "(`~skwass.LinearOTEmbedder` with as many principal components), fitted in the "
        "same run, also after all its distances are multiplied by the one factor that "
        "suits these pairs best. The minutes are those of all that a fit does, the "
        "decoder and the exact distances of so many pairs included, and of embedding "
        "what was held out, at so many clouds a second.",
        _HOW.format(seeds=len(records.seeds())),
    )
    report.measured = _measured(records)
    for section in (_quality, _unseen, _decoder, _labels, _sizes, _peer):
        section(report, records)
    report.write(quick)


def _measured(records: Records) -> str:
    """Where: once, if it was the same for all rows; one says it by itself."""
    others = {
        name: text for name, text in records.measured.items() if name != "authors"
    }
    return " ".join(dict.fromkeys(others.values()))


def _quality(report: Report, records: Records) -> None:
    measured = [name for name in CASES if records.has(name)]
    if not measured:
        return
    figures: list[tuple[str, str]] = [
        ("correlation", ".5f"),
        ("error", ".2%"),
        ("linear_correlation", ".5f"),
        ("linear_error", ".2%"),
        ("linear_rescaled_error", ".2%"),
        ("minutes", ".1f"),
        ("speed", ".0f"),
        ("components", ".0f"),
        ("n_pairs", ",.0f"),
        ("max_iter", ".0f"),
    ]
    header = ["", "Pearson d²", "error", "linear: Pearson d²", "error", "rescaled"]
    report.table(
        [*header, "minutes in all", "clouds/s", "numbers", "pairs", "epochs"],
        [
            [CASES[name].title, *(records.cell(name, *each) for each in figures)]
            for name in measured
        ],
    )
    for name in measured:
        for figure, words, limit in _GOALS.get(name, []):
            form = _FORMS.get(figure, ".3g")
            _target(report, records, name, figure, words, limit, form)
        if name in _RIVALS:
            _against_linear(report, records, name)


def _target(
    report: Report,
    records: Records,
    row: str,
    figure: str,
    words: str,
    limit: str,
    form: str = ".3g",
) -> None:
    values = records.values(row, figure)
    if values:
        report.target(f"{CASES[row].title}, {words}", values, limit, form)


def _against_linear(report: Report, records: Records, row: str) -> None:
    title = CASES[row].title
    goals: list[tuple[str, str, Callable[[float, float], float], str]] = [
        ("correlation", "Pearson d² less that of linear", _less, ">= 0"),
        ("error", "error over that of linear", _over, "<= 1"),
    ]
    for figure, words, compare, limit in goals:
        pairs = records.pairs((row, figure), (row, f"linear_{figure}"))
        if pairs:
            values = [compare(*pair) for pair in pairs]
            report.target(f"{title}, {words}", values, limit)


def _unseen(report: Report, records: Records) -> None:
    """A class that was not learnt from."""
    rows = []
    for whole, part in _LEFT_OUT.items():
        if not records.has(part):
            continue
        for figure, words in (
            ("correlation", "all held-out clouds"),
            ("class_correlation", "those of that class"),
        ):
            both = records.pairs((whole, figure), (part, figure))
            losses = [first - second for first, second in both]
            seen = records.cell(whole, figure, ".5f")
            unseen = records.cell(part, figure, ".5f")
            lost = spread(losses, ".5f") if losses else "–"
            rows.append([f"{CASES[part].title}: {words}", seen, unseen, lost])
            if losses:
                what = f"{CASES[part].title}, loss in Pearson d² among {words}"
                report.target(what, losses, "<= .001", ".5f")
    if rows:
        report.note(
            "A class that nothing was learnt from: Pearson d² of an embedder that "
            "learnt from all classes, and of one that learnt without it."
        )
        report.table(["", "learnt with it", "without it", "loss"], rows)


def _decoder(report: Report, records: Records) -> None:
    names = ("decoded", "objective", "barycentre", "halfway")
    if not records.values("mnist", names[0]):
        return
    report.note(
        "Decoded clouds of MNIST, in exact :math:`W_2`: from a held-out cloud to what "
        "is made of its embedding, over the median between two of them; the objective "
        "of decoded barycentres of five clouds of one class, over that of the "
        "free-support barycentre with as many points; the distance between the two "
        "barycentres, over the mean distance of the true one to the five; the distance "
        "of decoded midpoints to those of the exact plan, over the distance of "
        "the ends. Medians over clouds, sets and pairs."
    )
    report.table(
        ["", "decoded", "objective", "barycentre", "midpoint"],
        [
            [title, *(records.cell("mnist", prefix + name, ".3f") for name in names)]
            for title, prefix in (("Wormhole", ""), ("linear", "linear_"))
        ],
    )


def _labels(report: Report, records: Records) -> None:
    pairs = records.pairs(("outlines", "neighbour"), ("outlines", "exact_neighbour"))
    if pairs:
        found, exact = zip(*pairs, strict=True)
        report.note(
            "The nearest neighbour gets "
            f"{shown(found, '.3f')} of the outlines right by the embedding, and "
            f"{shown(exact, '.3f')} by exact Gromov–Wasserstein distances."
        )
        lost = [100 * (best - own) for own, best in pairs]
        report.target("Outlines, points of accuracy lost", lost, "<= 2")


def _sizes(report: Report, records: Records) -> None:
    measured = [size for size in sizes.SIZES if records.has(f"size-{size}")]
    if not measured:
        return
    report.note(
        "Cohorts of digits, turned and shifted at random and read from a memory map, "
        f"with {sizes.PAIRS_A_CLOUD} solved pairs a cloud and {sizes.EPOCHS} epochs; "
        "the peak is that of the whole process, torch and all else included."
    )
    figures = [
        ("fit_seconds", ".0f"),
        ("milliseconds_a_cloud", ".1f"),
        ("correlation", ".5f"),
        ("error", ".2%"),
        ("peak_gigabytes", ".2f"),
    ]
    report.table(
        ["clouds", "seconds to fit", "ms a cloud", "Pearson d²", "error", "peak, GB"],
        [
            [f"{size:,}", *(records.cell(f"size-{size}", *each) for each in figures)]
            for size in measured
        ],
    )
    if len(measured) > 1:
        first, last = measured[1 if len(measured) > 2 else 0], measured[-1]
        both = records.pairs(
            (f"size-{last}", "milliseconds_a_cloud"),
            (f"size-{first}", "milliseconds_a_cloud"),
        )
        if both:
            what = f"Time a cloud of {last:,} clouds over that of {first:,}"
            report.target(what, [_over(*pair) for pair in both], "<= 1.2")
    largest = f"size-{sizes.SIZES[-1]}"
    if records.has(largest):
        peaks = records.values(largest, "peak_gigabytes")
        report.target(f"Peak memory of {sizes.SIZES[-1]:,} clouds, GB", peaks, "<= 3")


def _peer(report: Report, records: Records) -> None:
    if not records.has("authors"):
        report.note(
            f"The authors' package, {peer.PACKAGE}, was not installed and is not "
            "compared."
        )
        return

    def cell(name: str, form: str) -> str:
        return records.cell("authors", name, form)

    report.note(
        "The authors' package on the same MNIST clouds, in coordinates from -1 to 1, "
        "with its defaults. Measured: its training was stopped after the time that is "
        "shown, preparation and compilation included; errors are those after the best "
        "single factor. Ours is the sum of all attempts, each with more pairs and "
        "epochs, until one had passed."
    )
    report.table(
        ["", "seconds", "Pearson d²", "rescaled error"],
        [
            [
                f"theirs, after {cell('steps', '.0f')} steps",
                cell("theirs_seconds", ".0f"),
                cell("theirs_correlation", ".4f"),
                cell("theirs_error", ".2%"),
            ],
            [
                f"ours, past theirs; past {peer.PUBLISHED:.2f}",
                f"{cell('seconds_to_theirs', '.0f')}; "
                f"{cell('seconds_to_published', '.0f')}",
                cell("ours_correlation", ".4f"),
                cell("ours_error", ".2%"),
            ],
        ],
    )
    report.note(
        f"One of its steps takes {cell('seconds_a_step', '.2f')} s once compiled, and "
        f"it encodes {cell('theirs_speed', '.0f')} clouds a second. Extrapolated, not "
        f"measured: its default {cell('default_steps', '.0f')} steps take "
        f"{cell('default_hours', '.1f')} hours, after which its paper reports "
        f"{peer.PUBLISHED:.2f} (against entropic distances; whether these steps reach "
        f"that against exact ones was not tried). {records.measured['authors']}"
    )
    both = records.pairs(
        ("authors", "default_hours"), ("authors", "seconds_to_published")
    )
    if both:
        ratios = [3600 * hours / seconds for hours, seconds in both]
        what = f"Extrapolated default run over our time past {peer.PUBLISHED:.2f}"
        report.target(what, ratios, ">= 100")


def _less(own: float, other: float) -> float:
    return own - other


def _over(own: float, other: float) -> float:
    return own / other
