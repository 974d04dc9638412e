"""Read a tissue as point clouds: one for the surroundings of each cell."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import Tags, check_array, gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skwass.clouds._container import PointClouds
from skwass.clouds._output import CloudsOutMixin
from skwass.clouds._tissue import Column, Tissue, columns_of, read_tissue

if TYPE_CHECKING:
    from typing_extensions import Self

_BLOCK_BYTES = 2**26


class NicheClouds(CloudsOutMixin, BaseEstimator):
    r"""Read each cell of a tissue as the point cloud of its spatial neighbours.

    Row i of X is a cell: where it lies, and what it expresses. Cloud i is its niche:
    the cell and its nearest neighbours in space, as points in the space of expression.
    Wasserstein distances between the clouds compare surroundings, and do not depend on
    where in the tissue they lie or how they are turned. Embedding such niches is a use
    of Wasserstein Wormhole [1]_.

    Parameters
    ----------
    n_neighbors : int, default=10
        Number of neighbours, the cell itself not counted. More see farther and blur
        borders.
    spatial_features : sequence of int or str, default=(0, 1)
        The columns that hold the place of a cell, two or three as a rule, by number or
        by name if X is a data frame. Numbers below zero count from the end.
    batch_feature : int or str, default=None
        The column that says which slide or section a cell belongs to: neighbours are
        looked for within it only. In a data frame it may hold text. None means that X
        is a single section.
    include_self : bool, default=True
        Make the cell itself a point of its cloud, the first, so that clouds have
        ``n_neighbors + 1`` points. False leaves its surroundings only.
    weights : {"uniform", "gaussian"} or callable, default="uniform"
        Weights of the points. "gaussian" has them fall with the distance :math:`d` in
        space as :math:`\exp(-2 d^2 / d_k^2)`, where :math:`d_k` is the distance of the
        farthest neighbour. A callable is given the distances, of shape (n_cells,
        n_points), that of the cell itself being 0, and gives weights of the same shape,
        non-negative.
    memmap_folder : str or path-like, default=None
        A folder for points that memory has no room for. Each `transform` writes them to
        a new file there, block by block, and gives clouds that read from it; its name
        is ``clouds.points.filename``. The file is yours to delete. None keeps points in
        memory.
    n_jobs : int, default=None
        Threads that search for neighbours; None is one, -1 is all cores.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X was a data frame.

    See Also
    --------
    WormholeEmbedder : Embeds the clouds, at a cost linear in their number.

    Notes
    -----
    All columns that are neither spatial nor the batch are expression. Distances take
    them as they are, so normalise or reduce them first: a
    :class:`~sklearn.compose.ColumnTransformer` in front does that and passes the others
    through.

    A niche depends on the cells around, so nothing is learned in `fit`, and `transform`
    looks for neighbours among the cells it is given. Split clouds, not cells, for
    training and testing, or split by section: a random half of the cells is a thinner
    tissue.

    References
    ----------
    .. [1] Haviv, Kunes, Dougherty, Burdziak, Nawy, Gilbert, Pe'er. Wasserstein
       Wormhole: scalable optimal transport distance with transformers. ICML 2024,
       arXiv:2404.09411.

    Examples
    --------
    Four cells on a line, and one number that each expresses:

    >>> from skwass import NicheClouds
    >>> cells = [[0.0, 7.0], [1.0, 8.0], [3.0, 9.0], [6.0, 5.0]]
    >>> niches = NicheClouds(1, spatial_features=[0]).fit_transform(cells)
    >>> niches
    PointClouds(n_clouds=4, n_features=1, sizes=2..2)
    >>> niches[2]
    (array([[9.],
           [8.]]), array([0.5, 0.5]))
    """

    _parameter_constraints: dict = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "spatial_features": [tuple, list, np.ndarray],
        "batch_feature": [Integral, str, None],
        "include_self": ["boolean"],
        "weights": [StrOptions({"uniform", "gaussian"}), callable],
        "memmap_folder": [str, os.PathLike, None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        n_neighbors: int = 10,
        *,
        spatial_features: Sequence[Column] = (0, 1),
        batch_feature: Column | None = None,
        include_self: bool = True,
        weights: str | Callable[[NDArray[Any]], ArrayLike] = "uniform",
        memmap_folder: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.spatial_features = spatial_features
        self.batch_feature = batch_feature
        self.include_self = include_self
        self.weights = weights
        self.memmap_folder = memmap_folder
        self.n_jobs = n_jobs

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Check the cells; nothing is learned but the number and names of columns.

        Parameters
        ----------
        X : array-like or data frame of shape (n_cells, n_features)
            The cells.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer itself.

        Raises
        ------
        ValueError
            If a column that a parameter asks for is not there, no column is left for
            expression, X has NaN or infinities, a cell has no batch, a batch has no
            more cells than `n_neighbors`, or `memmap_folder` is no folder.
        """
        self._tissue(X, reset=True)
        return self

    def transform(self, X: ArrayLike) -> PointClouds:
        """Gather the niche of each cell.

        Parameters
        ----------
        X : array-like or data frame of shape (n_cells, n_features)
            The cells: whole sections, since neighbours are looked for among them.

        Returns
        -------
        clouds : PointClouds of n_cells clouds
            The niches in the order of the cells, in each the cell itself first (unless
            `include_self` is False) and then its neighbours from near to far. Points
            are expression (float32 if that is in X, else float64), weights sum to one.

        Raises
        ------
        ValueError
            As in `fit`, or if a callable in `weights` gives none.
        OSError
            If `memmap_folder` has no room.
        """
        tissue = self._tissue(X, reset=False)
        members, distances = self._neighbours(tissue)
        weights = self._weights(distances)
        offsets = np.arange(len(members) + 1) * members.shape[1]
        if self.memmap_folder is None:
            points = np.take(tissue.expression, members.ravel(), axis=0)
        else:
            points = _gather_on_disk(tissue.expression, members, self.memmap_folder)
        return PointClouds(points, weights, offsets)

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[np.object_]:
        """Names of the coordinates of the points: those of the columns of expression.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X; None takes those of `fit`, or x0, x1, ….

        Returns
        -------
        names : ndarray of str
            The names.
        """
        check_is_fitted(self, "n_features_in_")
        names = _check_feature_names_in(self, input_features)
        columns = columns_of(
            self.spatial_features, self.batch_feature, self.n_features_in_, names
        )
        return names[columns.expression]

    def _tissue(self, X: ArrayLike, *, reset: bool) -> Tissue:
        self._validate_params()
        if self.memmap_folder is not None and not Path(self.memmap_folder).is_dir():
            raise ValueError(
                f"memmap_folder={str(self.memmap_folder)!r} is no folder; make it "
                "first."
            )
        tissue = read_tissue(
            self, X, self.spatial_features, self.batch_feature, reset=reset
        )
        for name, rows in tissue.batches.items():
            if len(rows) <= self.n_neighbors:
                whose = "X" if name is None else f"The batch {name!r}"
                raise ValueError(
                    f"{whose} has too few cells (n_samples={len(rows)}) for "
                    f"n_neighbors={self.n_neighbors}: at least "
                    f"{self.n_neighbors + 1} are needed."
                )
        return tissue

    def _neighbours(
        self, tissue: Tissue
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Rows that make up each niche, and how far away they lie."""
        shape = (len(tissue.places), self.n_neighbors + 1)
        members, distances = np.zeros(shape, dtype=np.intp), np.zeros(shape)
        search = NearestNeighbors(n_neighbors=self.n_neighbors, n_jobs=self.n_jobs)
        for rows in tissue.batches.values():
            # without cells to ask about, no cell is a neighbour of its own, not even
            # where several lie at the same place
            found = search.fit(tissue.places[rows]).kneighbors()
            distances[rows, 1:] = found[0]
            members[rows, 0], members[rows, 1:] = rows, rows[found[1]]
        first = 0 if self.include_self else 1
        return members[:, first:], distances[:, first:]

    def _weights(self, distances: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Weights of all points, one niche after another; None if they are equal."""
        if isinstance(self.weights, str):
            if self.weights == "uniform":
                return None
            farthest = distances[:, -1:]
            scaled = distances / np.where(farthest > 0, farthest, 1.0)
            weights = np.exp(-2.0 * scaled**2)
        else:
            weights = check_array(
                self.weights(distances), dtype=np.float64, input_name="weights"
            )
            _check_weights(weights, distances.shape)
        return (weights / weights.sum(axis=1, keepdims=True)).ravel()


def _check_weights(weights: NDArray[np.float64], shape: tuple[int, ...]) -> None:
    if weights.shape != shape:
        raise ValueError(
            f"weights was given distances of shape {shape} and gave weights of shape "
            f"{weights.shape}; expected the same."
        )
    useless = (weights < 0).any(axis=1) | (weights.sum(axis=1) <= 0)
    if useless.any():
        cell = int(np.argmax(useless))
        raise ValueError(
            f"weights gave cell {cell} weights from {weights[cell].min():g} to "
            f"{weights[cell].max():g}; expected none below zero, and not all zero."
        )


def _gather_on_disk(
    expression: NDArray[np.floating],
    members: NDArray[np.intp],
    folder: str | os.PathLike[str],
) -> NDArray[np.floating]:
    """Points of all niches in a new file, without ever holding them in memory.

    The file is written and not mapped: a disk that is full is then an error, where
    writing to a map would kill the process.
    """
    n_cells, size = members.shape
    n_features = expression.shape[1]
    header = {
        "descr": np.lib.format.dtype_to_descr(expression.dtype),
        "fortran_order": False,
        "shape": (n_cells * size, n_features),
    }
    cells_at_once = max(1, _BLOCK_BYTES // (size * n_features * expression.itemsize))
    descriptor, name = tempfile.mkstemp(dir=folder, prefix="niches-", suffix=".npy")
    try:
        with open(descriptor, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for block in gen_batches(n_cells, cells_at_once):
                np.take(expression, members[block].ravel(), axis=0).tofile(file)
    except BaseException:
        Path(name).unlink()
        raise
    return np.load(name, mmap_mode="r")
