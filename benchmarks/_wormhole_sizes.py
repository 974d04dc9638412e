"""Cohorts of 1,000 to 60,000 clouds, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from _clouds import MNIST, Array, Split
from _contest import peak_memory
from _records import Figures
from _wormhole_cases import Scope
from _wormhole_judging import Fitted, Judge
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from skwass import ImageToCloud, PointClouds, WormholeEmbedder

SIZES = (1_000, 4_000, 16_000, 60_000)
PAIRS_A_CLOUD = 20
EPOCHS = 10
_DIMENSIONS = 128
_HELD_OUT = 2_000
#: of images that are drawn again: at most so far, in radians and pixels
_TURN = 0.2
_SHIFT = 1.5
_PARTS = ("points", "weights", "offsets")


def measure(size: int, scope: Scope) -> Figures:
    """Fit clouds that lie on a disk, judge, and see how much memory it took."""
    size = size if scope.limit is None else max(60, size * scope.limit // SIZES[-1])
    n_held_out = _HELD_OUT if scope.limit is None else 60
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _store(folder, size + n_held_out, scope)
        # nothing but the fit shall count, so not what the parent holds
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as alone:
            return alone.submit(_measure_stored, folder, size, scope.seed).result()


def _measure_stored(folder: Path, size: int, seed: int) -> Figures:
    clouds = PointClouds(*(np.load(folder / f"{x}.npy", mmap_mode="r") for x in _PARTS))
    judge = Judge.of(clouds[size:], seed)
    before = peak_memory()
    embedder = WormholeEmbedder(
        _DIMENSIONS, n_pairs=PAIRS_A_CLOUD * size, max_iter=EPOCHS
    )
    nothing = np.zeros(0, dtype=np.intp)  # in place of labels
    split = Split(clouds[:size], clouds[size:], nothing, nothing)
    fitted = Fitted.on(embedder, split, seed)
    correlation, error = judge.quality(fitted.held_out)
    return {
        "clouds": float(size),
        "correlation": correlation,
        "error": error,
        "fit_seconds": fitted.fit_seconds,
        "milliseconds_a_cloud": 1e3 * fitted.fit_seconds / size,
        "start_gigabytes": before * 2**20 / 1e9,
        "peak_gigabytes": peak_memory() * 2**20 / 1e9,
    }


def _store(folder: Path, n_clouds: int, scope: Scope) -> None:
    """Write digits, drawn as often as needed, each turned and shifted a little.

    The held-out ones, at the end, come from other images than the rest.
    """
    random_state = np.random.RandomState(scope.seed)
    training, held_out = _digits(scope.data_home)
    n_held_out = _HELD_OUT if scope.limit is None else 60
    drawn = [
        (source, place)
        for source, number in (
            (training, n_clouds - n_held_out),
            (held_out, n_held_out),
        )
        for place in _draw(len(source), number, random_state)
    ]
    sizes = [source.sizes[place] for source, place in drawn]
    offsets = np.cumsum([0, *sizes])
    np.save(folder / "offsets.npy", offsets)
    paths, n_points = [folder / f"{name}.npy" for name in _PARTS], int(offsets[-1])
    points = open_memmap(paths[0], "w+", np.float32, (n_points, 2))
    weights = open_memmap(paths[1], "w+", np.float64, (n_points,))
    for start, (source, place) in zip(offsets, drawn, strict=False):
        cloud, mass = source[int(place)]
        points[start : start + len(cloud)] = _moved(cloud, random_state)
        weights[start : start + len(cloud)] = mass
    points.flush()
    weights.flush()


def _digits(data_home: Path) -> tuple[PointClouds, PointClouds]:
    with np.load(data_home / MNIST) as data:
        images = np.concatenate([data["X_train"], data["X_test"]])
    clouds = ImageToCloud().fit_transform(images)
    return clouds[:-_HELD_OUT], clouds[-_HELD_OUT:]


def _draw(
    n_clouds: int, number: int, random_state: np.random.RandomState
) -> NDArray[np.intp]:
    """So many places, each about equally often."""
    decks = [random_state.permutation(n_clouds) for _ in range(-(-number // n_clouds))]
    return np.concatenate(decks)[:number]


def _moved(cloud: Array, random_state: np.random.RandomState) -> Array:
    """Turned about its middle, and shifted."""
    turn = random_state.uniform(-_TURN, _TURN)
    cosine, sine = np.cos(turn), np.sin(turn)
    middle = cloud.mean(axis=0)
    shift = random_state.uniform(-_SHIFT, _SHIFT, size=2)
    return (
        (cloud - middle) @ np.array([[cosine, -sine], [sine, cosine]]) + middle + shift
    )
