"""The linear probe: fair, and the same every time."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skwass import linear_probe_score

X, X_TEST, Y, Y_TEST = train_test_split(
    *load_digits(return_X_y=True), train_size=500, test_size=300, random_state=0
)


def test__separable_classes__are_told_apart():
    z = np.random.default_rng(0).normal(size=(200, 3))
    y = np.where(z[:, 0] > 0, "right", "left")
    z[:, 0] += np.sign(z[:, 0])
    assert linear_probe_score(None, z[:100], y[:100], z[100:], y[100:]) == 1.0


def test__random_labels__are_guessed():
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(2000, 4)), rng.integers(0, 2, 2000)
    score = linear_probe_score(None, z[:1000], y[:1000], z[1000:], y[1000:])
    assert 0.45 < score < 0.55


def test__columns_of_any_scale__score_alike():
    scales = np.logspace(-8, 8, 64)
    scores = [
        linear_probe_score(None, X * s, Y, X_TEST * s, Y_TEST, random_state=0)
        for s in (1.0, scales)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.01)


def test__a_transformer__is_asked_and_not_fitted():
    pca = PCA(10).fit(X)
    components = pca.components_.copy()
    found = linear_probe_score(pca, X, Y, X_TEST, Y_TEST, random_state=0)
    rows = linear_probe_score(
        None, pca.transform(X), Y, pca.transform(X_TEST), Y_TEST, random_state=0
    )
    assert found == rows
    assert np.array_equal(pca.components_, components)


def test__test_samples__do_not_change_what_is_said_of_each_other():
    z = np.concatenate([X_TEST[:150], 1e3 * X_TEST[150:]])
    whole = linear_probe_score(None, X, Y, z, Y_TEST, random_state=0)
    halves = [
        linear_probe_score(None, X, Y, z[part], Y_TEST[part], random_state=0)
        for part in (slice(150), slice(150, None))
    ]
    assert whole == pytest.approx(np.mean(halves))


def test__fewer_labels__are_drawn_by_the_seed_and_score_less():
    options = {"n_labels_per_class": 2}
    first, again, other = (
        linear_probe_score(None, X, Y, X_TEST, Y_TEST, random_state=seed, **options)
        for seed in (0, 0, 1)
    )
    assert first == again != other
    assert first < linear_probe_score(None, X, Y, X_TEST, Y_TEST, random_state=0)


def test__one_label_per_class__is_enough():
    score = linear_probe_score(
        None, X, Y, X_TEST, Y_TEST, n_labels_per_class=1, random_state=0
    )
    assert score > 0.3


@pytest.mark.parametrize(
    ("labels", "n_labels", "message"),
    [
        (Y, 1000, "n_labels_per_class=1000, but class"),
        (Y, 0, "n_labels_per_class must be a positive integer"),
        (Y, 2.5, "n_labels_per_class must be a positive integer"),
        (np.zeros(500), None, "y_train must have two classes"),
        (Y[:7], None, "inconsistent numbers of samples"),
        (Y.astype(str), None, "Mix of label input types"),
        (Y + 0.5, None, "Unknown label type"),
    ],
)
def test__labels__that_do_not_fit__raise(labels, n_labels, message):
    with pytest.raises(ValueError, match=message):
        linear_probe_score(None, X, labels, X_TEST, Y_TEST, n_labels_per_class=n_labels)
