"""Claim: transport is solved faster than by POT, GeomLoss and OTT-JAX, at lower error.

Distances, gradients and Gromov–Wasserstein distances of the same pairs of clouds by
skwass and by its peers, taking turns, against exact values; and the memory that a full
table of distances takes. GeomLoss and OTT-JAX are left out if they are not installed.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import _clouds
import _peers
import numpy as np
import torch
from _contest import (
    LOOP,
    THREADS,
    Contest,
    compete,
    correlation,
    cosine,
    error,
    largest_error,
    mean_ratio,
    memory_growth,
    no_worse,
    ours,
    own_gradient,
)
from _peers import Contestant, Draw
from _report import Report, options, spread
from numpy.typing import NDArray

from skwass import PointClouds

_ROUNDS = 5
_BATCH = 16
_METRICS = ("sinkhorn", "sliced", "max_sliced", "bures", "linear")

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bench:
    """What all sections share."""

    report: Report
    data_home: Path | None
    quick: bool

    def some(self, number: int) -> int:
        """So many points, or an eighth of them if it must be quick."""
        return number // 8 if self.quick else number

    def stored(self, name: str) -> bool:
        return _clouds.stored(self.data_home, name)

    def contest(
        self,
        contestants: dict[str, Contestant],
        clouds: PointClouds,
        n_pairs: int,
        jitter: float = 0.0,
    ) -> Contest:
        """Let all have their turn with the pairs of each round."""
        n_pairs = min(n_pairs, 3) if self.quick else n_pairs
        pairs = [
            _clouds.draw_pairs(len(clouds), n_pairs, seed)
            for seed in range(1 if self.quick else _ROUNDS)
        ]
        return compete(contestants, [Draw(clouds, drawn, jitter) for drawn in pairs])

    def images(self) -> PointClouds:
        """Clouds of about a hundred weighted points in the plane."""
        if self.stored(_clouds.MNIST):
            return _clouds.of_sizes(_clouds.mnist(self.data_home), 80, 110)
        return _clouds.of_sizes(_clouds.enlarged_digits(), 80, 110)


def main() -> None:
    arguments = options(__doc__, data=True)
    torch.set_num_threads(THREADS)
    report = Report(
        "transport",
        "Transport between clouds",
        "Distances, gradients and Gromov–Wasserstein distances of the same pairs of "
        "clouds by skwass and by its peers. Speeds are how many times faster than a "
        "loop over POT's exact solver a contestant was, errors are mean relative "
        "errors of squared distances against exact :math:`W_2^2`.",
        f"Median and range over {_ROUNDS} rounds, each with pairs of a seed of its "
        "own, in which the contestants took turns. All of them had "
        f"{THREADS} threads; POT's solver uses one. Compiling and padding were not "
        f"timed. Peers: POT{_peers.versions()}.",
    )
    bench = Bench(report, arguments.data_home, arguments.quick)
    for section in _SECTIONS:
        section(bench)
    report.write(arguments.quick)


def _exact(bench: Bench) -> None:
    cohorts = [
        ("digits, 8 × 8", _clouds.digits(), 3200),
        ("Gaussian, 256 points in 3-D", _clouds.gaussian(100, 256), 320),
        (_image_name(bench), bench.images(), 1280),
    ]
    contestants = {
        LOOP: _peers.pot_loop,
        "one": ours(solver="exact", n_jobs=1),
        "two": ours(solver="exact"),
    }
    rows, differences = [], []
    for name, clouds, n_pairs in cohorts:
        contest = bench.contest(contestants, clouds, n_pairs)
        speeds = [contest.faster(threads) for threads in ("one", "two")]
        differences.append(max(contest.compare("two", largest_error)))
        rows.append([name, *map(spread, speeds), f"{differences[-1]:.1e}"])
    bench.report.note(
        "**Exact distances**, against a loop of ``ot.emd2(a, b, ot.dist(x, y))``; the "
        "difference is the largest relative one between squared distances."
    )
    header = ["", "one thread", "two threads", "difference"]
    bench.report.table(header, rows)
    bench.report.target("Exact, difference", [max(differences)], "<= 1e-9")
    bench.report.target(f"Exact, {name}", speeds[1], ">= 2")


def _large(bench: Bench) -> None:
    contestants = {LOOP: _peers.pot_loop} | {
        f"skwass, {solver}": ours(solver=solver) for solver in ("auto", "annealed")
    }
    rows, targets = [], []
    for size, n_pairs in ((256, 128), (512, 64), (1024, 32)):
        n_points = bench.some(size)
        cohorts = {"Gaussian": _clouds.gaussian(40, n_points)}
        if bench.stored(_clouds.LIDAR):
            cohorts["lidar"] = _clouds.lidar(bench.data_home, n_points)
        for name, clouds in cohorts.items():
            contest = bench.contest(contestants, clouds, n_pairs)
            rows += _rows(contest, prefix=f"{name}, {n_points}: ")
            if size >= 512:
                targets.append((f"{name} with {n_points} points", contest))
    bench.report.note("**Larger clouds** in 3-D, of equal weights.")
    bench.report.table(["", "speed", "error"], rows)
    for solver, (name, contest) in product(("auto", "annealed"), targets):
        own = f"skwass, {solver}"
        bench.report.target(f"Speed, {solver}, {name}", contest.faster(own), ">= 5")
        bench.report.target(f"Error, {solver}, {name}", contest.errors(own), "<= .002")


def _small(bench: Bench) -> None:
    contest = bench.contest(_everyone("exact", "annealed"), bench.images(), 480)
    bench.report.note(
        f"**Small clouds**: {_image_name(bench)}, 80 to 110 points. OTT and GeomLoss "
        "compute debiased Sinkhorn divergences and ``ot.batch`` the cost of an "
        "entropic plan; those are other quantities, and their errors say how far from "
        ":math:`W_2^2` they are. ε is relative to the mean cost, blur to the extent. "
        "The slow ones solved only the first of the pairs."
    )
    bench.report.table(["", "speed", "error"], _rows(contest))
    _against(bench, contest, "OTT", 10)


def _middle(bench: Bench) -> None:
    clouds = _clouds.gaussian(40, bench.some(256))
    contest = bench.contest(_everyone("exact", "annealed"), clouds, 128)
    bench.report.note("**Gaussian clouds of 256 points** in 3-D, likewise.")
    bench.report.table(["", "speed", "error"], _rows(contest))
    _against(bench, contest, "GeomLoss", 3)


def _against(bench: Bench, contest: Contest, rivals: str, times: int) -> None:
    """What we choose, faster than each setting of a peer, and nearer to the truth."""
    own = "skwass, exact"
    for rival in contest.seconds:
        if rival.startswith(rivals):
            ratios = zip(contest.errors(own), contest.errors(rival), strict=True)
            speeds, errors = contest.faster(own, rival), [x / y for x, y in ratios]
            bench.report.target(f"Speed of {own} to {rival}", speeds, f">= {times}")
            bench.report.target(f"Error of {own} to {rival}", errors, "<= 1")


def _gradients(bench: Bench) -> None:
    contestants = {
        LOOP: _peers.pot_gradient,
        "skwass, exact": own_gradient("exact"),
        "skwass, sinkhorn": own_gradient("sinkhorn"),
        **_peers.gradients(),
    }
    contest = bench.contest(contestants, bench.images(), _BATCH, jitter=0.02)
    cosines = {name: contest.compare(name, cosine) for name in contestants}
    bench.report.note(
        f"**Gradients** of a loss between {_BATCH} pairs of clouds ("
        f"{_image_name(bench)}) with respect to the points of the second, which were "
        "moved a little, so that the optimal plan is unique; the cosine is that to the "
        "exact gradient."
    )
    rows = [
        [name, spread(contest.faster(name)), _fine(values)]
        for name, values in list(cosines.items())[1:]
    ]
    bench.report.table(["", "speed", "cosine"], rows)
    for rival in contestants:
        if rival.startswith("OTT"):
            speeds = contest.faster("skwass, exact", rival)
            bench.report.target(f"Speed of our gradient to {rival}", speeds, ">= 5")
    bench.report.target("Cosine of our gradient", cosines["skwass, exact"], ">= .999")


def _gromov(bench: Bench) -> None:
    contestants = {
        LOOP: _peers.pot_gromov,
        "one": ours(metric="gromov", n_jobs=1),
        "two": ours(metric="gromov"),
        "SLB": ours(metric="gromov_slb"),
        "TLB": ours(metric="gromov_tlb"),
    }
    rows, shares, times = [], [], []
    for size, n_pairs in ((64, 48), (128, 24), (256, 10)):
        n_points = bench.some(size)
        cohorts = {"contours": _clouds.contours(60, n_points)}
        if bench.stored(_clouds.OUTLINES):
            cohorts["MPEG-7"] = _clouds.outlines(bench.data_home, n_points)[::16]
        for name, shapes in cohorts.items():
            contest = bench.contest(contestants, shapes, n_pairs)
            shares += contest.compare("two", no_worse)
            times += contest.faster("two")
            rows.append([f"{name}, {n_points}", *_gromov_row(contest)])
    bench.report.note(
        "**Gromov–Wasserstein distances** between curves, against "
        "``ot.gromov.gromov_wasserstein2`` from its own start. Both find local minima; "
        "ours are no worse in the share of pairs shown, and the mean ratio of values "
        "is ours to POT's. The lower bounds SLB and TLB come with their correlation to "
        "the distance."
    )
    header = "one thread,two threads,no worse,values,SLB speed,SLB r,TLB speed,TLB r"
    bench.report.table(["", *header.split(",")], rows)
    bench.report.target("Gromov–Wasserstein values no worse", shares, ">= .9")
    bench.report.target("Gromov–Wasserstein speed", times, ">= 1")


def _gromov_row(contest: Contest) -> list[str]:
    columns = [contest.faster("one"), contest.faster("two")]
    columns += [contest.compare("two", measure) for measure in (no_worse, mean_ratio)]
    for bound in ("SLB", "TLB"):
        both = zip(contest.found[bound], contest.found["two"], strict=True)
        correlations = [correlation(low, value) for low, value in both]
        columns += [contest.faster(bound), correlations]
    return [spread(column) for column in columns]


def _memory(bench: Bench) -> None:
    sizes = [("exact", 2000, 8), ("annealed", 100, 256)]
    if bench.quick:
        sizes = [("exact", 60, 8), ("annealed", 6, 64)]
    rows, growths = [], []
    for solver, n_clouds, n_points in sizes:
        # a process of its own, since a peak cannot be taken back
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            growth, table = pool.submit(
                memory_growth, solver, n_clouds, n_points
            ).result()
        growths.append(growth - table)
        name = f"{solver}, {n_clouds:,} clouds of {n_points}"
        rows.append([name, f"{table:.1f}", f"{growths[-1]:.1f}"])
    bench.report.note(
        "**Memory** of a full table of distances, in MB: the table, and by how much "
        "more the peak of the process rose."
    )
    bench.report.table(["", "table", "beside it"], rows)
    bench.report.target("MB beside the table", [max(growths)], "<= 200")


def _choice(bench: Bench) -> None:
    contestants = {LOOP: _peers.pot_loop, "exact": ours(solver="exact")} | {
        metric: ours(metric=metric) for metric in _METRICS
    }
    contest = bench.contest(contestants, bench.images()[:300], 2000)
    rows = []
    for name in list(contestants)[1:]:
        speeds = contest.faster(name, "exact")
        correlations = contest.compare(name, correlation)
        errors = contest.compare(name, lambda own, true: error(own**0.5, true**0.5))
        rows.append([name, spread(speeds), _fine(correlations), spread(errors)])
    bench.report.note(
        f"**What each metric costs and says**, for clouds of {_image_name(bench)}: "
        "speed against the exact solver of skwass, correlation with "
        ":math:`W_2` and mean relative error of the distance, not squared. Metrics "
        "that do not claim to be :math:`W_2` have an error all the same."
    )
    bench.report.table(["", "speed", "correlation", "error"], rows)


def _say_what_is_missing(bench: Bench) -> None:
    files = (_clouds.MNIST, _clouds.LIDAR, _clouds.OUTLINES)
    absent = [name for name in files if not bench.stored(name)]
    if absent:
        bench.report.note(f"Skipped: no {', '.join(absent)} in --data-home.")
    if _peers.missing():
        bench.report.note(f"Skipped: no {', '.join(_peers.missing())} is installed.")


def _image_name(bench: Bench) -> str:
    return "MNIST" if bench.stored(_clouds.MNIST) else "digits, 14 × 14"


def _everyone(*solvers: str) -> dict[str, Contestant]:
    own = {f"skwass, {solver}": ours(solver=solver) for solver in solvers}
    return {LOOP: _peers.pot_loop, **own, **_peers.divergences()}


def _rows(contest: Contest, prefix: str = "") -> list[list[str]]:
    rows = []
    for name in list(contest.seconds)[1:]:  # the first is what they are compared with
        speeds, errors = contest.faster(name), contest.errors(name)
        rows.append([prefix + name, spread(speeds), spread(errors, ".2g")])
    return rows


def _fine(values: Sequence[float]) -> str:
    return spread(values, ".4f")


_SECTIONS = (
    _exact,
    _large,
    _small,
    _middle,
    _gradients,
    _gromov,
    _memory,
    _choice,
    _say_what_is_missing,
)

if __name__ == "__main__":
    # a plan that the loop does not finish would be no fair rival
    warnings.filterwarnings("error", message=".*numItermax.*")
    main()
