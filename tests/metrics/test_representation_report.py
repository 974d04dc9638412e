"""The report says what the functions say."""

import math

import numpy as np
import pandas
import pytest

from skwass import metrics
from skwass.metrics import representation_report
from skwass.metrics._representation_report import wang_isola_of_uniform


def normal(n_samples=200, n_features=10, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, n_features))


def test__figures__are_those_of_the_functions():
    Z, other = normal(), normal(seed=1)
    report = representation_report(Z, other)
    assert report.n_samples, report.n_features == Z.shape
    assert report.wasserstein_uniformity == metrics.wasserstein_uniformity(Z)
    assert report.excess == metrics.wasserstein_uniformity(Z, corrected=True)
    assert report.floor == metrics.uniformity_floor(*Z.shape)
    found = metrics.wang_isola_uniformity(Z)
    assert report.wang_isola_uniformity == pytest.approx(found)
    assert report.effective_rank == metrics.effective_rank(Z)
    assert report.alignment == metrics.alignment(Z, other)
    np.testing.assert_array_equal(report.spectrum, metrics.singular_spectrum(Z))


@pytest.mark.parametrize("share", [0, 0.25, 0.5, 0.9])
def test__collapsed_share__is_the_share_that_collapsed(share):
    Z = normal(5000, 40)
    Z[:, round(40 * (1 - share)) :] = 0
    report = representation_report(Z)
    assert report.collapsed_share == pytest.approx(share, abs=0.01)


def test__constant__is_all_collapsed():
    report = representation_report(np.ones((20, 4)))
    assert report.collapsed_share == 1
    assert report.excess == pytest.approx(1)
    assert report.effective_rank == 0
    assert "100.0%" in str(report)


@pytest.mark.parametrize("n_features", [2, 3, 50])
def test__wang_isola_of_uniform__is_what_uniform_samples_have(n_features):
    found = metrics.wang_isola_uniformity(normal(2000, n_features))
    assert found == pytest.approx(wang_isola_of_uniform(n_features), abs=0.01)
    # in three dimensions the cosine itself is uniform
    expected = math.log((1 - math.exp(-8)) / 8)
    assert wang_isola_of_uniform(3) == pytest.approx(expected)


def test__print__has_every_figure():
    report = representation_report(normal(), normal(seed=1), name="encoder")
    text = str(report)
    assert text.startswith("encoder: 200 samples, 10 features\n")
    for value in (
        report.wasserstein_uniformity,
        report.floor,
        report.excess,
        report.wang_isola_uniformity,
        report.alignment,
    ):
        assert f"{value:.3f}" in text
    assert max(map(len, text.splitlines())) <= 84
    assert "alignment" not in str(representation_report(normal()))


def test__frames__can_be_put_together():
    reports = [
        representation_report(normal(), name="one"),
        representation_report(normal(seed=1), normal(), name="two"),
    ]
    frame = pandas.concat([report.to_frame() for report in reports])
    assert list(frame.index) == ["one", "two"]
    assert frame.loc["two", "effective_rank"] == reports[1].effective_rank
    assert frame["alignment"].isna().tolist() == [True, False]
    assert frame.dtypes.map(lambda kind: kind.kind).isin(["i", "f"]).all()
    assert list(representation_report(normal()).to_frame().index) == [0]


def test__views__that_do_not_fit__raise():
    with pytest.raises(ValueError, match=r"got \(200, 10\) and \(200, 9\)"):
        representation_report(normal(), normal(200, 9))
    with pytest.raises(ValueError, match="row of zeros"):
        representation_report(np.zeros((3, 4)))
