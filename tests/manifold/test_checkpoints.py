"""A fit that is killed anywhere goes on to the bits that it would have had."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.spatial.distance import cityblock
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skwass import WormholeEmbedder
from skwass.manifold import _cohorts
from skwass.manifold._cohorts import CloudCohort
from skwass.training import Checkpoint

RNG = np.random.default_rng(0)
CLOUDS = [RNG.normal(size=(RNG.integers(3, 7), 2)) + i % 5 for i in range(24)]


class Kill(BaseException):
    """What nothing catches, as nothing catches SIGKILL."""


def embedder(**parameters):
    return WormholeEmbedder(
        **{
            "n_reference": 6,
            "hidden_layer_sizes": (8,),
            "max_iter": 3,
            "n_init": 2,
            "decoder_max_iter": 2,
            "checkpoint_interval": 0,
            "random_state": 0,
            **parameters,
        }
    )


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(_cohorts, "_PAIRS_A_BLOCK", 90)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.pt"


def killed_at(monkeypatch, fit, n_writes):
    """Run `fit`, and kill it behind a write. Tells whether it got so far."""
    write, writes = Checkpoint._write, []

    def count(self, path):
        write(self, path)
        writes.append(sorted(self._stages))
        if len(writes) == n_writes:
            raise Kill

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "_write", count)
        try:
            fit()
        except Kill:
            return True
    return False


def assert_same_fit(one, other):
    assert_array_equal(one.embedding_, other.embedding_)
    assert one.history_ == other.history_
    assert one.stress_ == other.stress_
    assert one.n_iter_ == other.n_iter_
    assert hasattr(one, "inverse_transform") == hasattr(other, "inverse_transform")
    if hasattr(one, "inverse_transform"):
        decoded = (e.inverse_transform(e.embedding_[:3]) for e in (one, other))
        assert_array_equal(*(np.asarray(getattr(d, "points", d)) for d in decoded))


SETTINGS = {
    "all pairs": {},
    "cliques, held out": {
        "n_pairs": 200,
        "early_stopping": True,
        "validation_fraction": 0.2,
        "n_iter_no_change": 1,
        "tol": 0.2,
        "max_iter": 6,
    },
    "no decoder": {"decoder": False, "init": "random"},
    "sinkhorn": {"metric": "sinkhorn", "n_init": 1, "max_iter": 2},
}


@pytest.mark.parametrize("name", SETTINGS)
def test__killed_after_any_write__goes_on_to_the_same_bits(name, path, monkeypatch):
    through = embedder(checkpoint=path, **SETTINGS[name]).fit(CLOUDS)
    n_writes = 0
    while True:
        n_writes += 1 if name == "all pairs" else 3
        first = embedder(checkpoint=path, **SETTINGS[name])
        if not killed_at(monkeypatch, partial(first.fit, CLOUDS), n_writes):
            break
        assert path.exists()
        assert not hasattr(first, "embedding_")
        again = embedder(checkpoint=path, **SETTINGS[name]).fit(CLOUDS)
        assert_same_fit(again, through)
        assert not list(path.parent.iterdir())
    assert n_writes > 6


def test__checkpoint__does_not_change_the_result(path):
    assert_same_fit(
        embedder(checkpoint=path).fit(CLOUDS), embedder(checkpoint=None).fit(CLOUDS)
    )


def test__table_and_distances__go_on_too(path, monkeypatch):
    table = np.random.default_rng(0).normal(size=(20, 3))
    distances = np.linalg.norm(table[:, None] - table, axis=2)
    for X, parameters in ((table, {}), (distances, {"metric": "precomputed"})):
        model = embedder(checkpoint=path, **parameters)
        assert killed_at(monkeypatch, partial(model.fit, X), 3)
        assert_same_fit(model.fit(X), embedder(**parameters).fit(X))
        assert not path.exists()


def solved_pairs(monkeypatch, fit):
    counted, blocks = [], CloudCohort.blocks_of_distances

    def count(self, pairs):
        counted.append(len(pairs))
        return blocks(self, pairs)

    with monkeypatch.context() as patch:
        patch.setattr(CloudCohort, "blocks_of_distances", count)
        fit()
    return sum(counted)


@pytest.mark.parametrize("n_pairs", ["auto", 200])
def test__distances__are_not_solved_again(n_pairs, path, monkeypatch):
    model = embedder(checkpoint=path, n_pairs=n_pairs)
    all_of_them = solved_pairs(monkeypatch, partial(clone(model).fit, CLOUDS))
    assert killed_at(monkeypatch, partial(model.fit, CLOUDS), 1)
    rest = solved_pairs(monkeypatch, partial(model.fit, CLOUDS))
    assert rest == all_of_them - 90  # one block had been kept
    assert killed_at(monkeypatch, partial(model.fit, CLOUDS), 6)
    assert solved_pairs(monkeypatch, partial(model.fit, CLOUDS)) == 0


def test__without_random_state__goes_on_with_its_seed(path, monkeypatch):
    seeds, seed_of = [], WormholeEmbedder._open_checkpoint

    def remember(self, *arguments):
        checkpoint = seed_of(self, *arguments)
        seeds.append(checkpoint.seed)
        return checkpoint

    monkeypatch.setattr(WormholeEmbedder, "_open_checkpoint", remember)
    model = embedder(checkpoint=path, random_state=None)
    assert killed_at(monkeypatch, partial(model.fit, CLOUDS), 5)
    model.fit(CLOUDS)
    assert seeds[0] == seeds[1]
    # the seed of the whole fit, drawn as from a RandomState that gives it
    whole = embedder(checkpoint=None)
    monkeypatch.setattr("skwass.manifold._learning.draw_seed", lambda _: seeds[0])
    assert_same_fit(model, whole.fit(CLOUDS))


def test__n_jobs_verbose_and_interval__may_change(path, monkeypatch, capsys):
    first = embedder(checkpoint=path)
    assert killed_at(monkeypatch, partial(first.fit, CLOUDS), 6)
    other = embedder(checkpoint=path, n_jobs=2, verbose=1, checkpoint_interval=60)
    assert_same_fit(other.fit(CLOUDS), embedder().fit(CLOUDS))
    assert "training" in capsys.readouterr().err


def test__unfinished_file__does_no_harm(path):
    path.with_name("fit.pt.part").write_bytes(b"half of a file")
    assert_same_fit(embedder(checkpoint=path).fit(CLOUDS), embedder().fit(CLOUDS))


# -- what is refused -------------------------------------------------------------------


@pytest.fixture
def begun(path, monkeypatch):
    """The file of a fit that was killed."""
    model = embedder(checkpoint=path)
    assert killed_at(monkeypatch, partial(model.fit, CLOUDS), 5)
    return path


@pytest.mark.parametrize(
    ("changed", "X", "message"),
    [
        ({"n_components": 3}, CLOUDS, "n_components is 2 there and 3 here"),
        ({"max_iter": 9}, CLOUDS, "max_iter is 3 there and 9 here"),
        ({"random_state": 1}, CLOUDS, "random_state is 0 there and 1 here"),
        ({"metric": "cityblock"}, CLOUDS, "metric is 'wasserstein' there"),
        ({}, CLOUDS[::-1], "X is .* there and .* here"),
        ({}, CLOUDS[1:], "X is .* there and .* here"),
    ],
)
def test__file_of_another_fit__raises_and_stays(begun, changed, X, message):
    before = begun.read_bytes()
    with pytest.raises(ValueError, match=message):
        embedder(checkpoint=begun, **changed).fit(X)
    assert begun.read_bytes() == before


class OtherEmbedder(WormholeEmbedder):
    pass


def test__file_of_another_estimator__raises(begun):
    parameters = embedder(checkpoint=begun).get_params()
    with pytest.raises(ValueError, match="estimator is WormholeEmbedder there"):
        OtherEmbedder(**parameters).fit(CLOUDS)


@pytest.mark.parametrize("content", [b"", b"rubbish", "half", "nowhere"])
def test__file_that_cannot_be_read__raises_and_keeps_the_old_fit(path, content, begun):
    model = embedder(checkpoint=None).fit(CLOUDS)
    before = model.embedding_.copy()
    if content == "half":
        begun.write_bytes(begun.read_bytes()[:-300])
    elif isinstance(content, bytes):
        begun.write_bytes(content)
    else:
        path = path / "nowhere" / "file"
    with pytest.raises(ValueError, match="checkpoint="):
        model.set_params(checkpoint=path, n_components=2).fit(CLOUDS)
    assert_array_equal(model.transform(CLOUDS), before)


def test__refusal__comes_before_any_work(begun, monkeypatch):
    monkeypatch.setattr(CloudCohort, "featurise", lambda *_: pytest.fail("worked"))
    with pytest.raises(ValueError, match="another fit"):
        embedder(checkpoint=begun, lr=1.0).fit(CLOUDS)


# -- warm starts, searches, names ------------------------------------------------------


def test__warm_start__is_another_fit_than_a_cold_one(path, monkeypatch):
    """Or what one has kept would be put under the features of the other."""
    warm = embedder(checkpoint=path, warm_start=True).fit(CLOUDS)
    other = [cloud + 1 for cloud in CLOUDS]
    through = embedder(warm_start=True).fit(CLOUDS).fit(other)
    assert killed_at(monkeypatch, partial(warm.fit, other), 4)
    with pytest.raises(ValueError, match="earlier fit is"):
        embedder(checkpoint=path, warm_start=True).fit(other)
    assert_same_fit(warm.fit(other), through)


def test__search__gives_the_file_to_one_fit_after_the_other(path):
    search = GridSearchCV(
        embedder(checkpoint=path, n_init=1), {"n_components": [1, 2]}, cv=2
    )
    search.fit(CLOUDS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert not path.exists()


def test__killed_search__goes_on_from_a_folder(tmp_path, monkeypatch):
    search = GridSearchCV(
        embedder(checkpoint=tmp_path, n_init=1), {"n_components": [1, 2]}, cv=2
    )
    assert killed_at(monkeypatch, partial(search.fit, CLOUDS), 9)
    assert list(tmp_path.iterdir())
    search.fit(CLOUDS)
    assert not list(tmp_path.iterdir())


def test__clone__keeps_the_path(path):
    assert clone(embedder(checkpoint=path)).checkpoint == path


def test__callable_metric__is_known_in_another_process(path, monkeypatch):
    for metric in (cityblock, partial(cityblock, w=None)):
        model = embedder(checkpoint=path, metric=metric, order=1, n_init=1)
        assert killed_at(monkeypatch, partial(model.fit, CLOUDS), 5)
        fresh = partial(metric) if isinstance(metric, partial) else metric
        model.set_params(metric=fresh).fit(CLOUDS)
        assert not path.exists()


# -- real kills ------------------------------------------------------------------------

_PROGRAM = """
import os, pickle, signal, sys
import numpy as np, torch
torch.set_num_threads(1)
from skwass import WormholeEmbedder
from skwass.manifold import _cohorts
from skwass.training import Checkpoint

_cohorts._PAIRS_A_BLOCK = 90
clouds, parameters, path = pickle.load(sys.stdin.buffer)
write = Checkpoint._write

def child(n_writes, where):
    written = []
    def dying(self, path):
        written.append(path)
        last = len(written) == n_writes
        if last and where == "before":
            os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        write(self, path)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
    Checkpoint._write = dying
    WormholeEmbedder(checkpoint=path, **parameters).fit(clouds)
    os._exit(0)

results = []
for n_writes, where in [(2, "after"), (5, "before"), (9, "after"), (12, "before")]:
    pid = os.fork()
    if pid == 0:
        child(n_writes, where)
    status = os.waitpid(pid, 0)[1]
    left = sorted(os.listdir(os.path.dirname(path)))
    fit = WormholeEmbedder(checkpoint=path, **parameters).fit(clouds)
    decoded = fit.inverse_transform(fit.embedding_[:3]).points
    results.append((os.WTERMSIG(status), left, fit.embedding_, decoded, fit.history_))
sys.stdout.buffer.write(pickle.dumps(results))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test__sigkill__is_survived_at_every_stage(path):
    parameters = embedder().get_params()
    del parameters["checkpoint"]
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(_PROGRAM)],
        input=pickle.dumps((CLOUDS, parameters, str(path))),
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr.decode()
    through = embedder().fit(CLOUDS)
    decoded = through.inverse_transform(through.embedding_[:3]).points
    for death, left, embedding, points, history in pickle.loads(run.stdout):
        assert death == signal.SIGKILL
        assert left
        assert_array_equal(embedding, through.embedding_)
        assert_array_equal(points, decoded)
        assert history == through.history_
    assert not path.exists()
