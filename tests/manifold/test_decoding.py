"""Back to clouds: decoding, barycentres, interpolation, with known answers."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from skwass import (
    PointClouds,
    WormholeEmbedder,
    as_point_clouds,
    paired_wasserstein_distances,
    wasserstein_distances,
)

METHODS = ("inverse_transform", "barycenter", "interpolate")
SHAPE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0], [1.0, 2.0]])


def translates(shifts):
    """One shape, pushed about: transport between them is a translation."""
    return [SHAPE + shift for shift in np.atleast_2d(shifts)]


def quick(**parameters):
    return WormholeEmbedder(
        **{
            "n_components": 4,
            "n_reference": 48,
            "hidden_layer_sizes": (),
            "max_iter": 30,
            "decoder_max_iter": 0,
            "random_state": 0,
            **parameters,
        }
    )


@pytest.fixture(scope="module")
def fitted():
    shifts = np.random.default_rng(0).uniform(-5, 5, (60, 2))
    return quick().fit(translates(shifts))


@pytest.fixture(scope="module")
def table():
    return quick(max_iter=60).fit(np.random.default_rng(0).normal(size=(60, 3)))


def gap(clouds, others):
    """The largest distance between clouds of the same place."""
    return paired_wasserstein_distances(clouds, others).max()


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test__frames_as_output__change_no_cloud(fitted, output):
    pytest.importorskip(output)
    clouds = translates([[1.0, 2.0], [-3.0, 0.5], [0.0, 0.0]])
    framed = copy.deepcopy(fitted).set_output(transform=output)
    assert not isinstance(framed.transform(clouds), np.ndarray)
    for found, expected in (
        (framed.barycenter(clouds), fitted.barycenter(clouds)),
        (
            framed.interpolate(clouds[0], clouds[1], [0, 0.5, 1]),
            fitted.interpolate(clouds[0], clouds[1], [0, 0.5, 1]),
        ),
    ):
        assert_array_equal(found.points, expected.points)


# -- inverse_transform -----------------------------------------------------------------


def test__inverse_transform__gives_the_clouds_back(fitted):
    clouds = translates([[1.0, 2.0], [-3.0, 0.5]])
    decoded = fitted.inverse_transform(fitted.transform(clouds))
    assert_array_equal(decoded.sizes, [48, 48])
    assert gap(decoded, clouds) < 0.2


@pytest.mark.parametrize("n_points", [1, 2, 4])
def test__n_points__gives_so_many_of_equal_weight(fitted, n_points):
    decoded = fitted.inverse_transform(fitted.embedding_[:3], n_points=n_points)
    assert_array_equal(decoded.sizes, [n_points] * 3)
    assert_allclose(decoded.weights, 1 / n_points)


def test__n_points__keeps_the_mean_and_comes_close(fitted):
    whole = fitted.inverse_transform(fitted.embedding_[:3])
    one = fitted.inverse_transform(fitted.embedding_[:3], n_points=1)
    means = [np.average(points, axis=0, weights=w) for points, w in whole]
    assert_allclose(one.points, means, atol=1e-4)
    gaps = [
        gap(fitted.inverse_transform(fitted.embedding_[:3], n_points=k), whole)
        for k in (1, 3, 6)
    ]
    assert gaps[0] > gaps[1] > gaps[2]


def test__n_points__of_a_large_cloud__warns_of_nothing():
    rng = np.random.default_rng(0)
    clouds = [rng.normal(size=(80, 2)) * scale for scale in (1, 2, 3, 4)]
    embedder = quick(n_reference=60, max_iter=2).fit(clouds)
    decoded = embedder.inverse_transform(embedder.embedding_, n_points=20)
    assert_array_equal(decoded.sizes, [20] * 4)


@pytest.mark.parametrize("n_points", [0, -1, 1.5, "two"])
def test__n_points__that_is_no_count__raises(fitted, n_points):
    with pytest.raises((ValueError, TypeError), match="n_points"):
        fitted.inverse_transform(fitted.embedding_[:1], n_points=n_points)


@pytest.mark.parametrize(
    "X", [np.ones((2, 3)), np.ones(4), np.full((1, 4), np.nan), np.ones((0, 4)), "no"]
)
def test__inverse_transform__of_no_embedding__raises(fitted, X):
    with pytest.raises(ValueError, match=r"X|array|sample|string"):
        fitted.inverse_transform(X)


def test__decoding__is_in_the_unit_and_place_of_x():
    shifts = np.random.default_rng(0).uniform(-5, 5, (40, 2))
    far = [1e4 + 1e-2 * cloud for cloud in translates(shifts)]
    embedder = quick(decoder_max_iter=1).fit(far)
    assert gap(embedder.inverse_transform(embedder.embedding_), far) < 5e-3


def test__exact_transport__makes_the_decoder_better():
    rng = np.random.default_rng(0)
    clouds = [rng.normal(size=(9, 2)) * rng.uniform(0.5, 2, 2) for _ in range(50)]

    def error(epochs):
        embedder = quick(n_components=2, n_reference=9, decoder_max_iter=epochs)
        embedder.set_params(hidden_layer_sizes=(32,)).fit(clouds)
        decoded = embedder.inverse_transform(embedder.embedding_)
        return np.square(paired_wasserstein_distances(decoded, clouds)).mean()

    assert error(20) < 0.97 * error(0)


def test__decoder_epochs__leave_the_embedding_alone(fitted):
    clouds = translates(np.random.default_rng(0).uniform(-5, 5, (60, 2)))
    assert_array_equal(
        quick(decoder_max_iter=3).fit(clouds).embedding_, fitted.embedding_
    )


# -- barycenter ------------------------------------------------------------------------


def test__barycenter__of_one_cloud__is_its_decoding(fitted):
    cloud = translates([1.0, 2.0])
    found = fitted.barycenter(cloud)
    assert len(found) == 1
    expected = fitted.inverse_transform(fitted.transform(cloud))
    assert_allclose(found.points, expected.points, atol=1e-5)


def test__barycenter__of_translates__is_the_middle_one(fitted):
    shifts = np.array([[-4.0, 0.0], [2.0, 3.0], [2.0, -3.0]])
    assert gap(fitted.barycenter(translates(shifts)), translates([0.0, 0.0])) < 0.2


def test__weights__pull_the_barycenter(fitted):
    shifts = np.array([[-4.0, 0.0], [4.0, 0.0]])
    weights = np.array([[1.0, 0.0], [3.0, 1.0], [1e300, 1e300], [0.0, 1e-300]])
    found = fitted.barycenter(translates(shifts), weights)
    expected = translates([[-4.0, 0.0], [-2.0, 0.0], [0.0, 0.0], [4.0, 0.0]])
    assert gap(found, expected) < 0.2


def test__scale_of_weights__does_not_matter(fitted):
    clouds = translates([[-4.0, 0.0], [4.0, 1.0]])
    one, other = (fitted.barycenter(clouds, w) for w in ([1, 3], [0.5, 1.5]))
    assert_allclose(one.points, other.points, atol=1e-5)


def test__barycenter__of_embeddings__is_that_of_their_clouds(fitted):
    clouds = translates([[-4.0, 0.0], [4.0, 1.0]])
    embedded = fitted.barycenter(fitted.transform(clouds), embedded=True)
    assert_allclose(embedded.points, fitted.barycenter(clouds).points, atol=1e-5)


def test__barycenter__has_so_many_points(fitted):
    found = fitted.barycenter(translates([[1.0, 0.0], [0.0, 1.0]]), n_points=3)
    assert_array_equal(found.sizes, [3])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -1.0], "negative"),
        ([1.0, np.nan], "NaN"),
        ([1.0, np.inf], "infinity"),
        ([0.0, 0.0], "positive"),
        ([[1.0, 1.0], [0.0, 0.0]], "positive"),
        ([1.0, 1.0, 1.0], r"shape \(2,\)"),
        ([[1.0], [1.0]], r"shape \(2,\)"),
        (np.ones((1, 1, 2)), "dim 3"),
        (1.0, r"shape \(2,\)"),
        (["a", "b"], "must be numbers"),
    ],
)
def test__wrong_weights__raise(fitted, weights, message):
    with pytest.raises(ValueError, match=message):
        fitted.barycenter(translates([[1.0, 0.0], [0.0, 1.0]]), weights)


def test__barycenter__of_another_dimension__raises(fitted):
    with pytest.raises(ValueError, match="3 features"):
        fitted.barycenter([np.ones((4, 3))])
    with pytest.raises(ValueError, match="X has 3 columns"):
        fitted.barycenter(np.ones((4, 3)), embedded=True)


def test__barycenter__is_near_the_true_one():
    """In one dimension the true one is the mean of quantile functions."""
    rng = np.random.default_rng(0)
    clouds = [
        np.sort(rng.uniform(-1, 1) + rng.uniform(0.5, 2) * rng.normal(size=(20, 1)), 0)
        for _ in range(50)
    ]
    embedder = quick(max_iter=60, n_components=8).fit(clouds)
    found = embedder.barycenter(clouds[:10])
    true = [np.mean(clouds[:10], axis=0)]
    spread = wasserstein_distances(true, clouds[:10]).mean()
    assert gap(found, true) < 0.25 * spread


# -- interpolate -----------------------------------------------------------------------


def test__interpolate__ends_at_the_two_clouds(fitted):
    a, b = translates([[-4.0, 1.0], [3.0, -2.0]])
    path = fitted.interpolate(a, b, [0, 1])
    ends = fitted.inverse_transform(fitted.transform([a, b]))
    assert_allclose(path.points, ends.points, atol=1e-5)


def test__interpolate__between_translates__translates(fitted):
    a, b = translates([[-4.0, 1.0], [3.0, -2.0]])
    times = [0, 0.25, 0.5, 1, 1.2]
    shifts = [np.array([-4.0, 1.0]) + t * np.array([7.0, -3.0]) for t in times]
    assert gap(fitted.interpolate(a, b, times), translates(shifts)) < 0.3


def test__interpolate__by_default_is_half_way(fitted):
    a, b = translates([[-4.0, 1.0], [3.0, -2.0]])
    middle = fitted.interpolate(a, b)
    assert len(middle) == 1
    assert_array_equal(middle.points, fitted.interpolate(a, b, [0.5]).points)


def test__interpolate__takes_embeddings_and_weighted_clouds(fitted):
    a, b = translates([[-4.0, 1.0], [3.0, -2.0]])
    expected = fitted.interpolate(a, b).points
    embedded = fitted.interpolate(*fitted.transform([a, b]), embedded=True)
    assert_allclose(embedded.points, expected, atol=1e-5)
    weighted = fitted.interpolate((a, np.ones(5)), (b, np.ones(5)))
    assert_allclose(weighted.points, expected, atol=1e-5)
    assert_array_equal(fitted.interpolate(a, b, n_points=2).sizes, [2])


@pytest.mark.parametrize("t", [np.nan, [0.0, np.inf], [[0.5]], [], "half", None])
def test__times_that_are_no_numbers__raise(fitted, t):
    with pytest.raises(ValueError, match=r"\bt\b|array|string"):
        fitted.interpolate(*translates([[0.0, 0.0], [1.0, 0.0]]), t)


def test__interpolate__between_embeddings_of_other_widths__raises(fitted):
    with pytest.raises(ValueError, match="a has 3 columns"):
        fitted.interpolate(np.ones(3), np.ones(4), embedded=True)
    with pytest.raises(ValueError, match="b has 1 columns"):
        fitted.interpolate(np.ones(4), np.ones(1), embedded=True)


def test__interpolate__between_clouds_of_another_dimension__raises(fitted):
    with pytest.raises(ValueError, match="3 features"):
        fitted.interpolate(np.ones((4, 3)), np.ones((4, 3)))


# -- tables ----------------------------------------------------------------------------


def test__table__gives_points(table):
    X = np.random.default_rng(1).normal(size=(5, 3))
    decoded = table.inverse_transform(table.transform(X))
    assert isinstance(decoded, np.ndarray)
    assert decoded.shape == (5, 3)
    assert_allclose(decoded, X, atol=0.3)


def test__barycenter_of_a_table__is_the_weighted_mean(table):
    X = np.random.default_rng(1).normal(size=(5, 3))
    weights = [1, 2, 3, 4, 5]
    found = table.barycenter(X, weights)
    assert found.shape == (1, 3)
    assert_allclose(found[0], np.average(X, axis=0, weights=weights), atol=0.2)


def test__interpolate__between_points__is_a_line(table):
    a, b = np.array([[1.0, 0.0, -1.0]]), np.array([[-1.0, 1.0, 0.0]])
    path = table.interpolate(a, b, [0, 0.5, 1])
    assert path.shape == (3, 3)
    assert_allclose(path, [a[0], (a + b)[0] / 2, b[0]], atol=0.3)
    assert_array_equal(table.interpolate(a[0], b[0], [0, 0.5, 1]), path)


# -- when there is nothing to decode with ----------------------------------------------


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    "parameters",
    [{"decoder": False}, {"metric": "precomputed"}, {"metric": "gromov"}],
    ids=["no decoder", "precomputed", "gromov"],
)
def test__without_a_decoder__there_is_no_such_method(name, parameters):
    embedder = quick(**parameters)
    assert not hasattr(embedder, name)
    with pytest.raises(AttributeError, match=name) as caught:
        getattr(embedder, name)
    assert "Fit with decoder=True" in str(caught.value.__cause__)


@pytest.mark.parametrize("name", METHODS)
def test__decoder__is_that_of_the_fit(name):
    embedder = quick(max_iter=1).fit(translates([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]))
    assert hasattr(embedder.set_params(decoder=False), name)
    embedder.fit(translates([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]))
    assert not hasattr(embedder.set_params(decoder=True), name)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("inverse_transform", (np.ones((1, 4)),)),
        ("barycenter", ([SHAPE],)),
        ("interpolate", (SHAPE, SHAPE)),
    ],
)
def test__before_fit__raises(name, arguments):
    with pytest.raises(NotFittedError):
        getattr(quick(), name)(*arguments)


def test__decoded_clouds__are_clouds_to_go_on_with(fitted):
    decoded = fitted.inverse_transform(fitted.embedding_)
    assert isinstance(as_point_clouds(decoded), PointClouds)
    assert_allclose(fitted.transform(decoded), fitted.embedding_, atol=0.3)


@pytest.mark.parametrize("t", ["a", [], [[0.1]], np.nan, [0, np.inf], 1j, None])
def test__times_that_mean_nothing__raise(fitted, t):
    a, b = translates([[0.0, 0.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match="t must"):
        fitted.interpolate(a, b, t)


def test__weights_that_are_no_numbers__raise(fitted):
    with pytest.raises(ValueError, match="weights must be numbers"):
        fitted.barycenter(translates([[0.0, 0.0]]), weights="uniform")
