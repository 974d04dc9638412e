"""Whatever `wasserstein_distances` can measure, an embedding can learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import ortho_group

from skwass import WormholeEmbedder, as_point_clouds, wasserstein_distances
from skwass.manifold import _cohorts
from skwass.manifold._cohorts import CloudCohort, Metric
from skwass.metrics import distance_correlation


def ellipses(n_clouds, seed=0, spread=2.0):
    """Clouds of different places, widths, directions and sizes."""
    rng = np.random.default_rng(seed)
    clouds = []
    for _ in range(n_clouds):
        width = np.diag(rng.uniform(0.2, 2, 2))
        turn = ortho_group.rvs(2, random_state=rng.integers(2**31))
        points = rng.normal(size=(rng.integers(5, 9), 2)) @ width @ turn
        clouds.append(points + spread * rng.normal(size=2))
    return clouds


def quick(**parameters):
    return WormholeEmbedder(
        **{
            "n_components": 8,
            "n_reference": 12,
            "hidden_layer_sizes": (64,),
            "max_iter": 30,
            "decoder": False,
            "random_state": 0,
            **parameters,
        }
    )


def manhattan(a, b):
    return np.abs(a - b).sum()


TRAINING, HELD_OUT = ellipses(100), ellipses(30, seed=1)


@pytest.mark.parametrize(
    ("parameters", "floor"),
    [
        ({"metric": "sinkhorn"}, 0.99),
        ({"metric": "sinkhorn", "reg": 0.5, "metric_params": {"tol": 1e-2}}, 0.99),
        ({"order": 1}, 0.99),
        ({"order": 4}, 0.97),
        ({"metric": "cityblock", "order": 1}, 0.97),
        ({"metric": "minkowski", "metric_params": {"p": 3}}, 0.97),
        ({"metric": "sliced"}, 0.99),
        ({"metric": "bures"}, 0.98),
        ({"metric": "max_sliced", "n_pairs": 400}, 0.95),
        ({"metric": "fused_gromov", "n_pairs": 1000}, 0.95),
    ],
)
def test__any_metric__is_learnt_for_clouds_not_seen(parameters, floor):
    embedder = quick(**parameters).fit(TRAINING)
    assert embedder.score(HELD_OUT) > floor


def test__callable__is_as_good_as_its_name():
    few = TRAINING[:25]
    by_name = quick(metric="cityblock", max_iter=3).fit(few)
    called = quick(metric=manhattan, max_iter=3).fit(few)
    assert_allclose(called.embedding_, by_name.embedding_, atol=1e-3)


def test__order__is_the_one_that_is_matched():
    clouds = [np.array([[x], [x + gap]]) for x in range(6) for gap in (0.0, 2.0, 4.0)]
    for order in (1, 4):
        matrix = quick(order=order, max_iter=1).fit(clouds).dissimilarity_matrix_
        assert_allclose(matrix, wasserstein_distances(clouds, order=order), atol=1e-6)


# -- Gromov–Wasserstein ----------------------------------------------------------------


def moved(clouds, seed=0):
    """Each cloud turned or mirrored, shifted, and its points in another order."""
    rng = np.random.default_rng(seed)
    return [
        rng.permutation(cloud) @ ortho_group.rvs(2, random_state=rng.integers(2**31))
        + rng.normal(size=2) * 9
        for cloud in clouds
    ]


@pytest.mark.parametrize("metric", ["gromov", "gromov_slb", "gromov_tlb"])
def test__gromov__does_not_see_the_pose(metric):
    embedder = quick(metric=metric, max_iter=5).fit(TRAINING[:40])
    poses = [embedder.transform(moved(HELD_OUT, seed)) for seed in range(2)]
    spread = np.linalg.norm(poses[0] - poses[0].mean(axis=0), axis=1).mean()
    assert_allclose(poses[0], poses[1], atol=1e-3 * spread)
    assert spread > 0.1


@pytest.mark.parametrize(("metric", "floor"), [("gromov", 0.9), ("gromov_slb", 0.97)])
def test__gromov__is_learnt_for_clouds_not_seen(metric, floor):
    embedder = quick(metric=metric, n_pairs=1500).fit(moved(TRAINING))
    assert embedder.score(moved(HELD_OUT)) > floor


def test__other_metrics__see_the_pose():
    embedder = quick(max_iter=5).fit(TRAINING)
    gap = embedder.transform(moved(HELD_OUT)) - embedder.transform(HELD_OUT)
    assert np.linalg.norm(gap, axis=1).min() > 0.5


# -- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"order": 0.5}, "order"),
        ({"order": np.inf}, "order"),
        ({"order": 1, "metric": "sinkhorn"}, "order=2 only"),
        ({"order": 3, "metric": "gromov"}, "order=2 only"),
        ({"reg": 0.1}, "reg"),
        ({"reg": 0.1, "metric": "gromov"}, "no regularisation"),
        ({"reg": 0.0, "metric": "sinkhorn"}, "reg"),
        ({"reg": -1.0, "metric": "sinkhorn"}, "reg"),
        ({"metric": "manhatten"}, "manhatten"),
        ({"metric": "sliced", "metric_params": {"n_lines": 3}}, "n_lines"),
        ({"metric": "sliced", "metric_params": {"n_projections": 0}}, "n_projections"),
        ({"metric_params": {"p": 3}}, "p"),
    ],
)
def test__wrong_metric__raises_before_anything_is_solved(
    parameters, message, monkeypatch
):
    monkeypatch.setattr(CloudCohort, "featurise", lambda *_: pytest.fail("worked"))
    with pytest.raises((ValueError, TypeError), match=message):
        quick(**parameters).fit(TRAINING)


def test__metric_that_fails__loses_nothing_that_was_fitted():
    embedder = quick(max_iter=1).fit(TRAINING)
    before = embedder.embedding_
    with pytest.raises(ValueError, match=r"ground|negative|distance"):
        embedder.set_params(metric=lambda a, b: -1.0).fit(TRAINING)
    assert embedder.embedding_ is before


def test__linear_transport__is_left_to_the_linear_embedder():
    with pytest.raises(ValueError, match="LinearOTEmbedder"):
        quick(metric="linear").fit(TRAINING)


def test__sinkhorn__measures_alike_whatever_clouds_come_together():
    """The regularisation is that of the fit, not of the clouds at hand."""
    embedder = quick(metric="sinkhorn", max_iter=2).fit(TRAINING[:30])
    few, far = TRAINING[:6], TRAINING[0] + 50
    cohort = embedder._cohort_of(as_point_clouds(few))
    with_far = embedder._cohort_of(as_point_clouds([*few, far]))
    assert_allclose(cohort.matrix(), with_far.matrix()[:6, :6], rtol=1e-4, atol=1e-4)
    fitted = embedder.dissimilarity_matrix_[:6, :6]
    assert_allclose(cohort.matrix(), fitted, rtol=1e-4, atol=1e-4)
    embedder.partial_fit(TRAINING[30:40])
    assert_allclose(
        embedder._cohort_of(as_point_clouds(few)).matrix(), cohort.matrix(), rtol=1e-9
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"metric": "gromov"}, "metric='wasserstein'; got 'gromov'"),
        ({"metric": "cityblock"}, "metric='wasserstein'; got 'cityblock'"),
        ({"order": 1}, "order=2; got 1"),
    ],
)
def test__partial_fit__with_another_metric__raises(change, match):
    embedder = quick(max_iter=1).fit(TRAINING[:10])
    with pytest.raises(ValueError, match=match):
        embedder.set_params(**change).partial_fit(TRAINING[10:])


def test__partial_fit__of_clouds_after_distances__raises():
    distances = wasserstein_distances(TRAINING[:5])
    embedder = quick(metric="precomputed", max_iter=1).fit(distances)
    with pytest.raises(ValueError, match="precomputed"):
        embedder.set_params(metric="wasserstein").partial_fit(TRAINING)


# -- distances in blocks ---------------------------------------------------------------


@pytest.mark.parametrize(
    "metric",
    [
        Metric(),
        Metric("sinkhorn"),
        Metric("sinkhorn", reg=5.0),
        Metric("linear"),
        Metric("sliced"),
        Metric("gromov"),
    ],
    ids=lambda metric: f"{metric.metric},{metric.reg}",
)
def test__blocks__measure_with_the_same_measure(metric, monkeypatch):
    """What is chosen by the extent of the cohort must not differ between blocks."""
    near, far = ellipses(10, spread=0.1), [9 + 5 * c for c in ellipses(10, seed=1)]
    cohort = CloudCohort(as_point_clouds(near + far), metric)
    pairs = np.stack(np.triu_indices(20, 1), axis=1)
    monkeypatch.setattr(_cohorts, "_PAIRS_A_BLOCK", 1)
    expected = cohort.matrix()[pairs[:, 0], pairs[:, 1]]
    assert_allclose(cohort.distances(pairs), expected, rtol=1e-3, atol=1e-3)
    assert sum(map(len, cohort.blocks_of_distances(pairs))) == len(pairs)


def test__no_pairs__have_no_distances():
    cohort = CloudCohort(as_point_clouds(TRAINING))
    assert_array_equal(cohort.distances(np.empty((0, 2), dtype=np.intp)), [])


def test__score__is_in_the_metric_of_the_fit():
    embedder = quick(order=1).fit(TRAINING)
    exact = wasserstein_distances(HELD_OUT, order=1)[np.triu_indices(30, 1)]
    embedding = embedder.transform(HELD_OUT).astype(float)
    embedded = np.linalg.norm(embedding[:, None] - embedding, axis=2)
    expected = distance_correlation(exact, embedded[np.triu_indices(30, 1)])
    assert embedder.score(HELD_OUT) == pytest.approx(expected)
