"""Cells of a tissue as clouds of their neighbours."""

import io
import pickle
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skwass import (
    NicheClouds,
    PointClouds,
    SlicedWassersteinEmbedder,
    wasserstein_distances,
)
from skwass.clouds import _niches

# five cells on a line, who each express their own number
LINE = np.array([[0.0, 10.0], [1.0, 11.0], [3.0, 12.0], [7.0, 13.0], [15.0, 14.0]])
on_a_line = partial(NicheClouds, spatial_features=[0])


def tissue(n_cells=40, seed=0, dtype=np.float64):
    """Two spatial columns, then three of expression."""
    return np.random.default_rng(seed).normal(size=(n_cells, 5)).astype(dtype)


def nearest(places, k):
    """Rows of the k nearest others, from near to far, by looking at all."""
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    return np.argsort(gaps, axis=1)[:, :k]


def assert_same(first, second):
    assert_array_equal(first.offsets, second.offsets)
    assert_array_equal(first.points, second.points)
    assert_array_equal(first.weights, second.weights)


# --- what comes out ---------------------------------------------------------------


def test_a_niche_is_the_cell_and_then_its_neighbours_from_near_to_far():
    niches = on_a_line(2).fit_transform(LINE)
    assert isinstance(niches, PointClouds)
    assert_array_equal(niches.sizes, [3] * 5)
    expected = [
        [10, 11, 12],
        [11, 10, 12],
        [12, 11, 10],
        [13, 12, 11],
        [14, 13, 12],
    ]
    assert_array_equal(niches.points.reshape(5, 3), expected)
    assert_allclose(niches.weights, 1 / 3)


def test_without_itself_a_niche_is_the_neighbours_only():
    niches = on_a_line(2, include_self=False).fit_transform(LINE)
    expected = [[11, 12], [10, 12], [11, 10], [12, 11], [13, 12]]
    assert_array_equal(niches.points.reshape(5, 2), expected)
    assert_allclose(niches.weights, 1 / 2)


@pytest.mark.parametrize("n_spatial", [1, 2, 3])
@pytest.mark.parametrize("n_neighbors", [1, 7, 39])
def test_neighbours_are_those_that_a_search_through_all_cells_finds(
    n_neighbors, n_spatial
):
    cells = tissue()
    transformer = NicheClouds(n_neighbors, spatial_features=np.arange(n_spatial))
    niches = transformer.fit_transform(cells)
    places, expression = cells[:, :n_spatial], cells[:, n_spatial:]
    members = np.column_stack([np.arange(40), nearest(places, n_neighbors)])
    assert_array_equal(niches.points, expression[members.ravel()])


def test_cells_at_the_same_place_are_neighbours_and_none_is_its_own():
    pile = np.column_stack([np.zeros(4), np.arange(4.0)])
    niches = on_a_line(3).fit_transform(pile)
    for cell, (points, _) in enumerate(niches):
        assert points[0, 0] == cell
        assert_array_equal(np.sort(points[:, 0]), np.arange(4))


def test_turning_and_moving_the_tissue_changes_nothing():
    cells = tissue()
    turned = cells.copy()
    turned[:, :2] = cells[:, :2] @ [[0.0, 2.0], [-2.0, 0.0]] + [5.0, -3.0]
    first, second = (
        NicheClouds(5, weights="gaussian").transform(X) for X in (cells, turned)
    )
    assert_array_equal(first.points, second.points)
    assert_allclose(first.weights, second.weights)


def test_the_order_of_the_cells_is_the_order_of_the_niches():
    cells, order = tissue(), np.random.default_rng(1).permutation(40)
    niches = NicheClouds(5).fit_transform(cells)
    assert_same(NicheClouds(5).fit_transform(cells[order]), niches[order])


def test_the_distance_of_equal_surroundings_is_zero():
    # a stripe pattern that repeats: cells one period apart have the same niche
    place = np.arange(24.0) + 1e-3 * (np.arange(24) % 4)
    cells = np.column_stack([place, np.arange(24) % 4])
    niches = on_a_line(2).fit_transform(cells)
    distances = wasserstein_distances(niches[4:20])
    assert_allclose(distances[0, [4, 8, 12]], 0, atol=1e-12)
    assert distances[0, 1] > 0.1


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("f4", "f4"), ("f8", "f8"), ("f2", "f8"), ("i4", "f8"), ("O", "f8")],
)
def test_float32_is_kept_and_all_else_becomes_float64(dtype, expected):
    niches = on_a_line(2).fit_transform(LINE.astype(dtype))
    assert niches.dtype == expected
    assert niches.weights.dtype == np.float64


def test_the_type_of_the_places_does_not_decide_that_of_the_points():
    cells = pd.DataFrame(tissue(dtype=np.float32), columns=list("xyabc"))
    cells = cells.astype({"x": np.float64, "y": np.float64})
    assert NicheClouds().fit_transform(cells).dtype == np.float32


# --- weights ----------------------------------------------------------------------


def test_gaussian_weights_fall_with_the_distance_in_space():
    niches = on_a_line(2, weights="gaussian").fit_transform(LINE)
    raw = np.exp(-2 * (np.array([0.0, 1.0, 3.0]) / 3.0) ** 2)
    assert_allclose(niches[0][1], raw / raw.sum())
    alone = on_a_line(2, weights="gaussian", include_self=False).fit_transform(LINE)
    assert_allclose(alone[0][1], raw[1:] / raw[1:].sum())


def test_gaussian_weights_of_cells_at_the_same_place_are_equal():
    pile = np.column_stack([np.zeros(4), np.arange(4.0)])
    niches = on_a_line(3, weights="gaussian").fit_transform(pile)
    assert_allclose(niches.weights, 1 / 4)


def test_gaussian_weights_do_not_depend_on_the_unit_of_space():
    metres = LINE * [1e-6, 1.0]
    first, second = (
        on_a_line(2, weights="gaussian").fit_transform(X) for X in (LINE, metres)
    )
    assert_allclose(first.weights, second.weights)


def test_a_callable_turns_distances_into_weights():
    niches = on_a_line(2, weights=lambda distances: 1 + distances).fit_transform(LINE)
    assert_allclose(niches[0][1], np.array([1, 2, 4]) / 7)
    assert_allclose(niches[3][1], np.array([1, 5, 7]) / 13)


# --- columns ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "spatial_features", [(0, 1), [0, 1], np.array([1, 0]), (-5, -4), (np.int8(0), 1)]
)
def test_spatial_columns_have_numbers(spatial_features):
    expected = NicheClouds(3).fit_transform(tissue())
    niches = NicheClouds(3, spatial_features=spatial_features).fit_transform(tissue())
    assert_same(niches, expected)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_of_a_data_frame_have_names_and_their_order_is_free(frame):
    cells = tissue()
    expected = NicheClouds(3).fit_transform(cells)
    columns = {"a": 2, "y": 1, "b": 3, "x": 0, "c": 4}
    X = frame({name: cells[:, column] for name, column in columns.items()})
    niches = NicheClouds(3, spatial_features=("x", "y")).fit_transform(X)
    assert_same(niches, expected)


def test_names_of_the_fit_hold_for_an_array():
    frame = pd.DataFrame(tissue(), columns=list("abcxy"))
    transformer = NicheClouds(3, spatial_features=("x", "y")).fit(frame)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        niches = transformer.transform(frame.to_numpy())
    assert_same(niches, transformer.transform(frame))


def test_names_of_the_points_are_those_of_the_columns_of_expression():
    frame = pd.DataFrame(tissue(), columns=["x", "y", "CD4", "slide", "CD8"])
    frame["slide"] = "A"
    transformer = NicheClouds(spatial_features=("x", "y"), batch_feature="slide")
    assert list(transformer.fit(frame).get_feature_names_out()) == ["CD4", "CD8"]
    assert list(NicheClouds().fit(tissue()).get_feature_names_out()) == [
        "x2",
        "x3",
        "x4",
    ]


def test_names_of_a_data_frame_are_kept_and_checked():
    frame = pd.DataFrame(tissue(), columns=list("xyabc"))
    transformer = NicheClouds().fit(frame)
    assert list(transformer.feature_names_in_) == list("xyabc")
    assert transformer.n_features_in_ == 5
    with pytest.raises(ValueError, match="feature names should match"):
        transformer.transform(frame[list("yxabc")])


# --- batches ----------------------------------------------------------------------


def two_sections():
    """The same section twice, at the same places, its cells in turn."""
    cells = np.repeat(tissue(20), 2, axis=0)
    cells[1::2, 2:] += 100.0
    batch = np.tile([3.0, 1.0], 20)
    return np.column_stack([cells, batch])


def test_neighbours_are_of_the_same_batch():
    cells = two_sections()
    niches = NicheClouds(4, batch_feature=-1).fit_transform(cells)
    alone = NicheClouds(4).fit_transform(cells[::2, :5])
    assert_same(niches[::2], alone)
    assert_array_equal(niches[1::2].points, alone.points + 100.0)


@pytest.mark.parametrize(
    "names",
    [
        ["slide A", "slide B"],
        [0, 1],
        [True, False],
        pd.Categorical(["slide B", "slide A"]),
        pd.array(["a", "b"], dtype="string"),
    ],
    ids=str,
)
def test_batches_of_a_data_frame_may_have_any_names(names):
    cells = two_sections()
    expected = NicheClouds(4, batch_feature=5).fit_transform(cells)
    frame = pd.DataFrame(cells[:, :5], columns=list("xyabc"))
    frame.insert(1, "slide", pd.Series(names).take(np.tile([0, 1], 20)).to_numpy())
    transformer = NicheClouds(4, spatial_features=("x", "y"), batch_feature="slide")
    assert_same(transformer.fit_transform(frame), expected)
    assert_same(clone(transformer).transform(frame), expected)


def test_batches_of_a_polars_frame_may_have_names():
    cells = two_sections()
    expected = NicheClouds(4, batch_feature=5).fit_transform(cells)
    frame = pl.DataFrame(cells[:, :5], schema=list("xyabc"))
    frame = frame.with_columns(slide=pl.Series(["A", "B"] * 20))
    niches = NicheClouds(4, batch_feature="slide").fit_transform(frame)
    assert_same(niches, expected)


@pytest.mark.parametrize("make", [np.ndarray.tolist, np.asarray])
def test_batches_of_a_list_or_an_array_of_objects_may_have_names(make):
    cells = two_sections()
    expected = NicheClouds(4, batch_feature=5).fit_transform(cells)
    named = cells.astype(object)
    named[:, 5] = ["A", "B"] * 20
    assert_same(NicheClouds(4, batch_feature=5).fit_transform(make(named)), expected)


# --- on disk ----------------------------------------------------------------------


@pytest.mark.parametrize("block_bytes", [1, 1000, 2**26])
def test_points_on_disk_are_those_in_memory(tmp_path, monkeypatch, block_bytes):
    monkeypatch.setattr(_niches, "_BLOCK_BYTES", block_bytes)
    cells = tissue(dtype=np.float32)
    niches = NicheClouds(6, memmap_folder=tmp_path).fit_transform(cells)
    assert isinstance(niches.points, np.memmap)
    assert_same(niches, NicheClouds(6).fit_transform(cells))
    assert niches.dtype == np.float32
    assert [niches.points.filename] == [str(path) for path in tmp_path.iterdir()]
    assert_array_equal(np.load(niches.points.filename), niches.points)


def test_blocks_are_small_whatever_the_tissue(tmp_path, monkeypatch):
    taken = []
    take = np.take
    monkeypatch.setattr(_niches, "_BLOCK_BYTES", 10_000)
    monkeypatch.setattr(
        _niches.np, "take", lambda *a, **k: taken.append(take(*a, **k)) or taken[-1]
    )
    NicheClouds(10, memmap_folder=tmp_path).transform(tissue(2000))
    # the columns of the tissue are taken first, once
    assert max(block.nbytes for block in taken[2:]) <= 10_000
    assert sum(block.nbytes for block in taken[2:]) == 2000 * 11 * 3 * 8


def test_each_call_writes_a_file_of_its_own(tmp_path):
    transformer = NicheClouds(6, memmap_folder=str(tmp_path))
    first = transformer.fit_transform(tissue())
    before = np.array(first.points)
    second = transformer.transform(tissue(seed=1))
    assert len(list(tmp_path.iterdir())) == 2
    assert_array_equal(first.points, before)
    assert not np.array_equal(second.points, before)


def test_a_file_that_could_not_be_written_is_removed(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(_niches.np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(OSError, match="No space left"):
        NicheClouds(6, memmap_folder=tmp_path).fit_transform(tissue())
    assert list(tmp_path.iterdir()) == []


# --- as a transformer -------------------------------------------------------------


def test_transform_needs_no_fit_and_learns_nothing():
    transformer = NicheClouds(3)
    assert_same(transformer.transform(tissue()), NicheClouds(3).fit_transform(tissue()))
    assert not [name for name in vars(transformer) if name.endswith("_")]
    # what was seen in fit is no neighbour of what comes later
    fitted = NicheClouds(3).fit(tissue(seed=1))
    assert_same(fitted.transform(tissue()), transformer.transform(tissue()))


def test_the_input_is_not_changed():
    cells = tissue()
    cells.flags.writeable = False
    NicheClouds(weights="gaussian").fit_transform(cells)
    assert_array_equal(cells, tissue())


def test_threads_change_nothing():
    assert_same(
        NicheClouds(5, n_jobs=2).transform(tissue(200)),
        NicheClouds(5).transform(tissue(200)),
    )


def test_pickles_and_clones_do_the_same():
    transformer = NicheClouds(3, spatial_features=(0, 1), weights="gaussian")
    expected = transformer.fit_transform(tissue())
    again = pickle.load(io.BytesIO(pickle.dumps(transformer)))
    assert_same(again.transform(tissue()), expected)
    assert clone(transformer).get_params() == transformer.get_params()


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_a_pipeline_from_cells_to_vectors(output):
    cells = pd.DataFrame(tissue(), columns=list("xyabc"))
    model = make_pipeline(
        make_column_transformer(
            (StandardScaler(), ["a", "b", "c"]),
            remainder="passthrough",
            verbose_feature_names_out=False,
        ).set_output(transform="pandas"),
        NicheClouds(5, spatial_features=["x", "y"]),
        SlicedWassersteinEmbedder(8, n_quantiles=4, random_state=0),
    )
    model[-1].set_output(transform=output)
    assert model.fit_transform(cells).shape == (40, 32)
    assert list(model[1].get_feature_names_out()) == ["a", "b", "c"]


def test_the_global_output_setting_passes_by():
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(NicheClouds().fit_transform(tissue()), PointClouds)
    setting = NicheClouds()
    assert setting.set_output(transform="pandas") is setting


# --- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"spatial_features": (0, 5)}, "spatial_features asks for column 5; X has n_f"),
        ({"spatial_features": (-6,)}, "spatial_features asks for column -6"),
        ({"spatial_features": ()}, "spatial_features is empty"),
        ({"spatial_features": (0, 0)}, "must be different columns"),
        ({"spatial_features": (0, -5)}, "must be different columns"),
        ({"batch_feature": 1}, "must be different columns"),
        ({"batch_feature": 7}, "batch_feature asks for column 7"),
        ({"spatial_features": (0.0, 1.0)}, "numbers or names of columns; got 0.0"),
        ({"spatial_features": (True, False)}, "numbers or names of columns; got True"),
        ({"spatial_features": ("x", "y")}, "the column 'x', and the columns of X have"),
        ({"batch_feature": "slide"}, "batch_feature asks for the column 'slide', and"),
        ({"spatial_features": {0, 1}}, "'spatial_features' parameter"),
        ({"spatial_features": [0, 1, 2, 3, 4]}, "n_features=5 columns, all of them"),
        ({"spatial_features": "xy"}, "'spatial_features' parameter"),
        ({"n_neighbors": 0}, "'n_neighbors' parameter"),
        ({"weights": "distance"}, "'weights' parameter"),
        ({"memmap_folder": "no/such/place"}, "'no/such/place' is no folder"),
    ],
    ids=str,
)
def test_a_parameter_that_makes_no_sense_raises_in_fit(params, message):
    transformer = NicheClouds(3).set_params(**params)
    with pytest.raises(ValueError, match=message):
        transformer.fit(tissue())
    with pytest.raises(ValueError, match=message):
        transformer.transform(tissue())


def test_a_name_that_a_data_frame_does_not_have_raises():
    frame = pd.DataFrame(tissue(), columns=list("xyabc"))
    with pytest.raises(ValueError, match="asks for the column 'z'; X has none"):
        NicheClouds(spatial_features=("x", "z")).fit(frame)


@pytest.mark.parametrize("n_cells", [1, 5, 10])
def test_fewer_cells_than_neighbours_raise(n_cells):
    message = rf"X has too few cells \(n_samples={n_cells}\) for n_neighbors=10: .* 11"
    with pytest.raises(ValueError, match=message):
        NicheClouds().fit(tissue(n_cells))
    with pytest.raises(ValueError, match=message):
        NicheClouds().fit(tissue()).transform(tissue(n_cells))


def test_a_batch_of_too_few_cells_is_named():
    frame = pd.DataFrame(tissue(), columns=list("xyabc"))
    frame["slide"] = ["big"] * 32 + ["small"] * 8
    message = r"The batch 'small' has too few cells \(n_samples=8\) for n_neighbors=8"
    with pytest.raises(ValueError, match=message):
        NicheClouds(8, batch_feature="slide").fit(frame)
    assert len(NicheClouds(7, batch_feature="slide").fit_transform(frame)) == 40


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_cell_without_a_batch_is_named(missing):
    frame = pd.DataFrame(tissue(), columns=list("xyabc"))
    frame["slide"] = ["A"] * 20 + [missing] + ["A"] * 18 + [missing]
    with pytest.raises(ValueError, match=r"X\[20\] has no batch"):
        NicheClouds(batch_feature="slide").fit(frame)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("column", [0, 2, 4])
@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame])
def test_values_that_are_not_finite_raise(form, column, bad):
    cells = tissue()
    cells[7, column] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        NicheClouds().fit(form(cells))


def test_text_in_expression_raises():
    frame = pd.DataFrame(tissue(), columns=list("xyabc")).astype({"b": str})
    frame.loc[3, "b"] = "high"
    with pytest.raises(ValueError, match="high"):
        NicheClouds().fit(frame)


def test_sparse_cells_raise():
    with pytest.raises(TypeError, match="Sparse"):
        NicheClouds().fit(csr_array(tissue()))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda d: d[:, :2], r"shape \(40, 2\); expected the same"),
        (
            lambda d: d - 1,
            "gave cell 0 weights from -1 to -0.25.*; expected none below",
        ),
        (lambda d: 0 * d, "gave cell 0 weights from 0 to 0; expected"),
        (
            lambda d: 1 / np.where(d > 0, d, 0 * d + np.nan),
            "Input weights contains NaN",
        ),
    ],
    ids=["shape", "negative", "zero", "nan"],
)
def test_weights_that_are_none_raise(weights, message):
    with pytest.raises(ValueError, match=message):
        NicheClouds(weights=weights).transform(tissue())


def test_another_number_of_columns_at_transform_raises():
    transformer = NicheClouds().fit(tissue())
    with pytest.raises(ValueError, match="X has 4 features, but NicheClouds"):
        transformer.transform(tissue()[:, :4])
