"""The nearest Euclidean distances: known answers, independent solvers, bounds."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.spatial.distance import pdist, squareform
from sklearn.exceptions import ConvergenceWarning

from skwass import euclidean_embedding_bounds, nearest_euclidean_distances


def euclidean(n_samples=12, n_features=3, seed=0):
    points = np.random.default_rng(seed).normal(size=(n_samples, n_features))
    return squareform(pdist(points))


def random_distances(n_samples=12, seed=0):
    matrix = np.random.default_rng(seed).uniform(0.1, 1, (n_samples, n_samples))
    np.fill_diagonal(matrix, 0)
    return np.minimum(matrix, matrix.T)


def graph_distances(n_samples=14, seed=0):
    """One or two: a metric, far from Euclidean."""
    near = np.random.default_rng(seed).uniform(size=(n_samples, n_samples)) < 0.3
    matrix = np.where(near | near.T, 1.0, 2.0)
    np.fill_diagonal(matrix, 0)
    return matrix


def flat_excess(n_samples=10, weight=1.0):
    """Distances whose excess N has rank one and entries of equal size."""
    signs = np.where(np.arange(n_samples) % 2, 1.0, -1.0) / np.sqrt(n_samples)
    negative = np.outer(signs, signs)
    inner = 5 * (np.eye(n_samples) - 1 / n_samples - negative) - weight * negative
    diagonal = np.diag(inner) / 2
    return np.sqrt(diagonal + diagonal[:, None] - inner)


def stress(distances, embedded):
    return np.sum((np.square(embedded) - np.square(distances)) ** 2)


def gram(distances):
    """Inner products of centred points with these distances."""
    centre = np.eye(len(distances)) - 1 / len(distances)
    return -0.5 * centre @ np.square(distances) @ centre


def classical_mds(distances):
    values, vectors = np.linalg.eigh(gram(distances))
    return squareform(pdist(vectors * np.sqrt(np.maximum(values, 0))))


def dykstra(distances, n_iter):
    """Alternate projections, with a correction, in the coordinates of Householder."""
    size = len(distances)
    mirror = np.ones(size)
    mirror[-1] += np.sqrt(size)
    reflect = np.eye(size) - 2 * np.outer(mirror, mirror) / (mirror @ mirror)
    squares = np.square(distances)
    correction = np.zeros_like(squares)
    for _ in range(n_iter):
        rotated = reflect @ (squares + correction) @ reflect
        values, vectors = np.linalg.eigh(rotated[:-1, :-1])
        rotated[:-1, :-1] = (vectors * np.minimum(values, 0)) @ vectors.T
        in_cone = reflect @ rotated @ reflect
        correction += squares - in_cone
        squares = in_cone - np.diag(np.diag(in_cone))
    return np.sqrt(np.maximum(squares, 0))


PROBLEMS = {
    "random": random_distances(),
    "graph": graph_distances(),
    "flat": flat_excess(),
    "cubed": euclidean() ** 3,
    "sum of coordinates": squareform(
        pdist(np.random.default_rng(1).normal(size=(15, 4)), "cityblock")
    ),
}
problems = pytest.mark.parametrize("D", PROBLEMS.values(), ids=PROBLEMS.keys())


# --- the nearest matrix ---------------------------------------------------------------


@pytest.mark.parametrize("n_features", [1, 3, 20])
@pytest.mark.parametrize("unit", [1e-60, 1.0, 1e60])
def test__euclidean_distances__come_back(n_features, unit):
    D = euclidean(n_features=n_features) * unit
    assert_allclose(nearest_euclidean_distances(D), D, rtol=1e-6, atol=1e-7 * unit)


def test__triangle_that_does_not_close__is_flattened_by_hand_computed_amounts():
    # squares 1, 1, 9 miss Euclid along (1, 1, -1/2): those of a flat triangle are a, a
    # and 4a, and 1 + 1 + 4 * 9 = 38 over 1 + 1 + 16 = 18 is the best a
    D = np.array([[0.0, 1, 3], [1, 0, 1], [3, 1, 0]])
    side = np.sqrt(38 / 18)
    expected = side * np.array([[0, 1, 2], [1, 0, 1], [2, 1, 0]])
    assert_allclose(nearest_euclidean_distances(D, tol=1e-12), expected, rtol=1e-6)


@problems
def test__nearest__is_what_dykstras_projections_go_to(D):
    nearest = nearest_euclidean_distances(D, tol=1e-12)
    projected = dykstra(D, 5000)
    assert_allclose(stress(D, nearest), stress(D, projected), rtol=1e-5)
    assert_allclose(nearest**2, projected**2, atol=1e-3 * np.max(D) ** 2)


@pytest.mark.parametrize("name", ["random", "graph", "sum of coordinates"])
def test__nearest__is_what_moving_points_downhill_goes_to(name):
    D = PROBLEMS[name][:8, :8]
    shape = (8, 7)

    def loss(flat):
        points = flat.reshape(shape)
        gaps = points[:, None] - points
        errors = np.sum(gaps**2, axis=-1) - D**2
        return np.sum(errors**2), 8 * np.einsum("ij,ijk->ik", errors, gaps).ravel()

    start = np.random.default_rng(0).normal(size=shape).ravel()
    options = {"maxiter": 5000, "maxfun": 10000, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    nearest = nearest_euclidean_distances(D, tol=1e-10)
    assert_allclose(stress(D, nearest), found.fun, rtol=1e-5)


@problems
def test__nearest__fulfils_the_conditions_of_an_optimum(D):
    nearest = nearest_euclidean_distances(D, tol=1e-13)
    values, vectors = np.linalg.eigh(gram(nearest))
    error = nearest**2 - D**2
    # the pulls on each sample cancel
    laplacian = np.diag(error.sum(axis=1)) - error
    points = vectors * np.sqrt(np.maximum(values, 0))
    scale = np.abs(error).sum() * np.abs(points).max()
    assert_allclose(laplacian @ points, 0, atol=1e-5 * scale)
    # and none of them gains by leaving into a new dimension
    assert np.linalg.eigvalsh(laplacian).min() > -1e-5 * np.abs(laplacian).max()


@problems
def test__result__is_euclidean_symmetric_and_hollow(D):
    nearest = nearest_euclidean_distances(D)
    assert_array_equal(nearest, nearest.T)
    assert_array_equal(np.diag(nearest), 0)
    assert (nearest >= 0).all()
    values = np.linalg.eigvalsh(gram(nearest))
    assert values.min() > -1e-12 * values.max()


def test__nearest_of_the_nearest__is_itself():
    once = nearest_euclidean_distances(random_distances())
    assert_allclose(nearest_euclidean_distances(once), once, rtol=1e-6, atol=1e-7)


def test__order_of_samples__does_not_matter():
    D = random_distances(20)
    order = np.random.default_rng(1).permutation(20)
    moved = nearest_euclidean_distances(D[np.ix_(order, order)], tol=1e-12)
    nearest = nearest_euclidean_distances(D, tol=1e-12)
    assert_allclose(moved, nearest[np.ix_(order, order)], atol=1e-5)


def test__unit__scales_the_result():
    D = random_distances()
    assert_allclose(
        nearest_euclidean_distances(1e50 * D), 1e50 * nearest_euclidean_distances(D)
    )


def test__squared__reads_and_gives_squares():
    D = random_distances()
    assert_allclose(
        nearest_euclidean_distances(D**2, squared=True),
        nearest_euclidean_distances(D) ** 2,
        atol=1e-9,
    )
    assert euclidean_embedding_bounds(D**2, squared=True) == pytest.approx(
        euclidean_embedding_bounds(D)
    )


def test__identical_samples__stay_together():
    assert_array_equal(nearest_euclidean_distances(np.zeros((5, 5))), 0)
    assert euclidean_embedding_bounds(np.zeros((5, 5))) == (0, 0)


def test__input__is_left_alone():
    D = random_distances()
    before = D.copy()
    nearest_euclidean_distances(D, squared=True)
    assert_array_equal(D, before)


def test__large_hard_problem__takes_few_iterations():
    D = random_distances(150) ** 2
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        nearest_euclidean_distances(D, max_iter=12, tol=1e-8)


def test__too_few_iterations__warn_and_give_something_euclidean():
    D = random_distances()
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        early = nearest_euclidean_distances(D, max_iter=2, tol=1e-12)
    assert np.linalg.eigvalsh(gram(early)).min() > -1e-12
    assert stress(D, early) >= stress(D, nearest_euclidean_distances(D))


def test__one_iteration__is_classical_mds():
    D = random_distances()
    with pytest.warns(ConvergenceWarning):
        first = nearest_euclidean_distances(D, max_iter=1)
    assert_allclose(first, classical_mds(D), atol=1e-7)


# --- bounds ---------------------------------------------------------------------------


@problems
def test__least_stress__lies_between_the_bounds(D):
    lower, upper = euclidean_embedding_bounds(D)
    least = stress(D, nearest_euclidean_distances(D, tol=1e-10))
    assert 0 < lower < least <= upper * (1 + 1e-9)
    assert upper <= stress(D, classical_mds(D)) * (1 + 1e-9)


@problems
def test__constants_of_the_documentation__are_right(D):
    centre = np.eye(len(D)) - 1 / len(D)
    values, vectors = np.linalg.eigh(centre @ D**2 @ centre)
    excess = (vectors * np.maximum(values, 0)) @ vectors.T
    diagonal = np.diag(excess)
    lower, upper = euclidean_embedding_bounds(D)
    assert_allclose(lower, np.sum(excess**2))
    mds = classical_mds(D)
    both = diagonal + diagonal[:, None]
    assert_allclose(mds**2, D**2 + both / 2 - excess, atol=1e-9 * np.max(D) ** 2)
    second = np.sum(both**2) / 4
    assert_allclose(stress(D, mds), lower + second)
    trace, size = diagonal.sum(), len(D)
    assert_allclose(second, trace**2 / 2 + size / 2 * np.sum(diagonal**2))
    factors = np.linspace(0, 1.5, 3001)
    best = min(stress(D, np.sqrt(factor) * mds) for factor in factors)
    assert_allclose(upper, best, rtol=1e-3)


def test__second_term_of_classical_mds__is_no_bound_of_the_least_stress():
    D = flat_excess(100)
    lower, _ = euclidean_embedding_bounds(D)
    second = stress(D, classical_mds(D)) - lower
    assert second < 0.995 * stress(D, nearest_euclidean_distances(D))


def test__bounds_of_euclidean_distances__are_zero():
    assert_allclose(euclidean_embedding_bounds(euclidean()), 0, atol=1e-24)


def test__bounds__grow_with_the_fourth_power_of_the_unit():
    D = random_distances()
    large = euclidean_embedding_bounds(10 * D)
    assert_allclose(large, 1e4 * np.array(euclidean_embedding_bounds(D)))


# --- bad input ------------------------------------------------------------------------

BAD = {
    "not square": (np.ones((4, 3)), r"D must be a square matrix.*shape \(4, 3\)"),
    "not symmetric": (np.triu(np.ones((4, 4)), 1), r"symmetric.*D\[0, 1\] = 1"),
    "diagonal": (np.ones((4, 4)), r"zeros on the diagonal.*D\[0, 0\] = 1"),
    "NaN": (np.full((4, 4), np.nan), "D contains NaN"),
    "infinite": (np.full((4, 4), np.inf), "D contains infinity"),
    "negative": (-np.ones((4, 4)), "D must hold distances; its least value is -1"),
    "one sample": (np.zeros((1, 1)), "minimum of 2"),
    "no matrix": (np.zeros(4), "Expected 2D array"),
}


@pytest.mark.parametrize(
    "function", [nearest_euclidean_distances, euclidean_embedding_bounds]
)
@pytest.mark.parametrize(("D", "message"), BAD.values(), ids=BAD.keys())
def test__bad_distances__raise(function, D, message):
    with pytest.raises(ValueError, match=message):
        function(D)


@pytest.mark.parametrize(
    "parameters", [{"max_iter": 0}, {"tol": 0.0}, {"tol": -1.0}, {"squared": "yes"}]
)
def test__bad_parameters__are_named(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        nearest_euclidean_distances(random_distances(), **parameters)


@pytest.mark.parametrize("unit", [1e-170, 1e-90, 1e120, 1e160])
def test__the_unit_of_distances__does_not_matter(unit):
    D = squareform(np.random.default_rng(0).uniform(1, 2, 15))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = nearest_euclidean_distances(unit * D)
    assert_allclose(found, unit * nearest_euclidean_distances(D), rtol=1e-6)


def test__bounds_that_are_no_numbers__raise():
    D = squareform(np.random.default_rng(0).uniform(1, 2, 15))
    with pytest.raises(ValueError, match="rescale D"):
        euclidean_embedding_bounds(1e80 * D)
