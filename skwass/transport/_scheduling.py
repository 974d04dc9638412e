"""How a method is run on many pairs: in blocks, on threads, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import numpy as np
from joblib import Parallel, cpu_count, delayed, effective_n_jobs
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from skwass.clouds import PointClouds
from skwass.transport._exact import all_diracs
from skwass.transport._ground import GroundCost
from skwass.transport._scratch import release
from skwass.transport._simplex import Array

Pairs = NDArray[np.intp]
#: squared distances, and errors of the problems that were solved for them
Solved = tuple[Array, Array]

_LEAST_TASKS = 32
_ROWS_A_BLOCK = 256
_FEATURES_A_BLOCK = 2**20
_SHARE_OF_MEMORY = 0.9


class Method(Protocol):
    """A way to compare clouds.

    Attributes
    ----------
    description : str
        For the progress bar.
    dirac_cost : GroundCost or None
        What the distance between single points is a root of, if that is known.
    same_space : bool
        Whether the points of both clouds must live in the same space.
    """

    description: str
    dirac_cost: GroundCost | None
    same_space: bool


class PairMethod(Method, Protocol):
    """A method that solves a problem for each pair, `block_size` of them in a task."""

    block_size: int

    def prepare(
        self,
        clouds: PointClouds,
        others: PointClouds,
        pairs: Pairs | None,
        n_jobs: int | None,
    ) -> None:
        """Look at both cohorts before their pairs are solved; None is all pairs."""

    def solve(self, clouds: PointClouds, others: PointClouds, pairs: Pairs) -> Solved:
        """Squared distances of some pairs, in any thread or process."""
        ...

    def report(self, errors: Array) -> None:
        """Warn of what went wrong."""


@runtime_checkable
class FeatureMethod(Method, Protocol):
    """A method for which each cloud is a row of numbers."""

    def tell(
        self,
        clouds: PointClouds,
        others: PointClouds,
        n_jobs: int | None,
        verbose: int,
    ) -> Iterable[Callable[[PointClouds], NDArray[np.floating]]]:
        """Functions that give some columns of the rows of clouds.

        They are fitted on both cohorts. Squared Euclidean distances between rows add up
        to squared distances.
        """
        ...


def all_pairs(
    method: PairMethod | FeatureMethod,
    clouds: PointClouds,
    others: PointClouds | None,
    n_jobs: int | None,
    verbose: int,
) -> Array:
    """Squared distances between all clouds and all others (None: the same clouds)."""
    second = clouds if others is None else others
    shape = len(clouds), len(second)
    _refuse_too_large(*shape)
    if method.dirac_cost and all_diracs(clouds) and all_diracs(second):
        cost = method.dirac_cost
        return cost.squared(cost.matrix(clouds.points, second.points))
    squares = np.zeros(shape)
    if isinstance(method, FeatureMethod):
        for tell in method.tell(clouds, second, n_jobs, verbose):
            rows = tell(clouds)
            columns = rows if others is None else tell(second)
            for start in range(0, len(rows), _ROWS_A_BLOCK):
                some = slice(start, start + _ROWS_A_BLOCK)
                squares[some] += cdist(rows[some], columns, "sqeuclidean")
        return squares
    n_pairs = shape[0] * (shape[0] - 1) // 2 if others is None else shape[0] * shape[1]
    size = _block_size(method.block_size, n_pairs)

    def blocks() -> Iterator[Pairs]:
        return _table_blocks(*shape, symmetric=others is None, size=size)

    method.prepare(clouds, second, None, n_jobs)
    solved = _solve(method, clouds, second, blocks(), n_jobs, verbose, n_pairs)
    errors = [np.zeros(0)]
    for block, (values, found) in zip(blocks(), solved, strict=True):
        squares[block[:, 0], block[:, 1]] = values
        if others is None:
            squares[block[:, 1], block[:, 0]] = values
        errors.append(found)
    method.report(np.concatenate(errors))
    return squares


def chosen_pairs(
    method: PairMethod | FeatureMethod,
    clouds: PointClouds,
    others: PointClouds,
    pairs: Pairs,
    n_jobs: int | None,
    verbose: int,
) -> Array:
    """Squared distances between the clouds of each pair."""
    if not len(pairs):
        return np.zeros(0)
    if method.dirac_cost and all_diracs(clouds) and all_diracs(others):
        points = clouds.points[pairs[:, 0]], others.points[pairs[:, 1]]
        return method.dirac_cost.squared(method.dirac_cost.paired(*points))
    if isinstance(method, FeatureMethod):
        return _between_rows(method, clouds, others, pairs, n_jobs, verbose)
    size = _block_size(method.block_size, len(pairs))
    blocks = _blocks(pairs, size)
    method.prepare(clouds, others, pairs, n_jobs)
    solved = _solve(method, clouds, others, blocks, n_jobs, verbose, len(pairs))
    squares, errors = (np.concatenate(parts) for parts in zip(*solved, strict=True))
    method.report(errors)
    return squares


def _between_rows(
    method: FeatureMethod,
    clouds: PointClouds,
    others: PointClouds,
    pairs: Pairs,
    n_jobs: int | None,
    verbose: int,
) -> Array:
    """Squared distances of rows; only the clouds that are compared get one."""
    same = others is clouds
    used = [np.unique(pairs)] * 2 if same else [np.unique(side) for side in pairs.T]
    i, j = (np.searchsorted(u, side) for u, side in zip(used, pairs.T, strict=True))
    squares = np.zeros(len(pairs))
    for tell in method.tell(clouds, others, n_jobs, verbose):
        first = tell(clouds[used[0]])
        second = first if same else tell(others[used[1]])
        step = max(1, _FEATURES_A_BLOCK // first.shape[1])
        for start in range(0, len(pairs), step):
            some = slice(start, start + step)
            gaps = first[i[some]].astype(np.float64) - second[j[some]]
            squares[some] += np.einsum("ij,ij->i", gaps, gaps)
    return squares


def _solve(
    method: PairMethod,
    clouds: PointClouds,
    others: PointClouds,
    blocks: Iterator[Pairs],
    n_jobs: int | None,
    verbose: int,
    n_pairs: int,
) -> Iterator[Solved]:
    """Squared distances block by block, in order; the solvers let threads run."""
    solve: Callable[..., Solved] = method.solve
    with (
        _shared_cores(effective_n_jobs(n_jobs)),
        tqdm(
            total=n_pairs, desc=method.description, unit="pair", disable=not verbose
        ) as bar,
    ):
        solved = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(
            delayed(solve)(clouds, others, block) for block in blocks
        )
        try:
            for values, errors in solved:
                bar.update(len(values))
                yield values, errors
        finally:
            release()


@contextmanager
def _shared_cores(n_threads: int) -> Iterator[None]:
    """Each thread gets its share of the cores for linear algebra.

    Products of small matrices would otherwise be slower on two threads than on one.
    """
    if n_threads == 1:
        yield
        return
    with threadpool_limits(max(1, cpu_count() // n_threads), user_api="blas"):
        yield


def _block_size(largest: int, n_pairs: int) -> int:
    """Pairs a task: worth the call, and few enough to keep all threads busy.

    It is no matter of how many threads there are, since the last digits of what is
    solved in batches depend on the batch.
    """
    return max(1, min(largest, n_pairs // _LEAST_TASKS))


def _table_blocks(
    n_rows: int, n_columns: int, *, symmetric: bool, size: int
) -> Iterator[Pairs]:
    """All pairs, or those above the diagonal, some rows at a time to save memory."""
    rows_a_block = max(1, min(n_rows, _ROWS_A_BLOCK, _FEATURES_A_BLOCK // n_columns))
    for first in range(0, n_rows, rows_a_block):
        rows = np.arange(first, min(first + rows_a_block, n_rows))
        i, j = np.meshgrid(rows, np.arange(n_columns), indexing="ij")
        wanted = i < j if symmetric else np.full(i.shape, True)
        yield from _blocks(np.column_stack([i[wanted], j[wanted]]), size)


def _blocks(pairs: Pairs, size: int) -> Iterator[Pairs]:
    for start in range(0, len(pairs), size):
        yield pairs[start : start + size]


def _refuse_too_large(n_rows: int, n_columns: int) -> None:
    """The system would promise the memory, and kill the process that uses it."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return  # not known on every system
    needed = 8 * n_rows * n_columns
    if needed > _SHARE_OF_MEMORY * memory:
        raise MemoryError(
            f"Distances between {n_rows} and {n_columns} clouds take "
            f"{needed / 2**30:.3g} GiB, and this machine has {memory / 2**30:.3g}. "
            "Choose some of the pairs for sampled_wasserstein_distances."
        )
