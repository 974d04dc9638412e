"""The file of a checkpoint: written as a whole, read with care, refused when wrong."""

import os

import pytest
import torch

from skwass.training import Checkpoint

IDENTITY = {"n_components": "2", "X": "abc"}


def opened(path, interval=0.0, identity=IDENTITY, seed=5):
    return Checkpoint(path, interval, identity, seed)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.pt"


@pytest.fixture
def written(path):
    state = {"tensor": torch.arange(3), "rows": [{"loss": 0.5}], "over": True}
    opened(path).keep("run 0", lambda: state)
    return path


def test__state__comes_back_from_the_file(written):
    again = opened(written)
    state = again.recall("run 0")
    assert state["tensor"].tolist() == [0, 1, 2]
    assert state["rows"] == [{"loss": 0.5}]
    assert again.recall("run 1") is None


def test__stages__are_kept_together(written):
    opened(written).keep("run 1", lambda: {"n": 1})
    assert opened(written).recall("run 0")["over"] is True
    assert opened(written).recall("run 1") == {"n": 1}


def test__seed__is_that_of_the_file(written):
    assert opened(written, seed=9).seed == 5
    assert opened(written.with_name("other"), seed=9).seed == 9


def test__without_a_path__nothing_is_computed_nor_kept():
    checkpoint = opened(None)
    checkpoint.keep("run 0", lambda: pytest.fail("not needed"), done=True)
    assert checkpoint.recall("run 0") is None
    checkpoint.remove()


def test__interval__spares_writes_but_not_the_end_of_a_stage(path):
    checkpoint = opened(path, interval=3600)
    checkpoint.keep("run 0", lambda: pytest.fail("too early"))
    assert not path.exists()
    checkpoint.keep("run 0", lambda: {"n": 1}, done=True)
    assert opened(path).recall("run 0") == {"n": 1}


def test__remove__leaves_no_file(written):
    checkpoint = opened(written)
    checkpoint.remove()
    checkpoint.remove()
    assert not list(written.parent.iterdir())


@pytest.mark.parametrize("kind", [str, os.fspath])
def test__path__may_be_text(written, kind):
    assert opened(kind(written)).recall("run 0") is not None


# -- kills while writing ---------------------------------------------------------------


def test__killed_before_the_new_file_is_whole__the_old_one_stays(written, monkeypatch):
    checkpoint = opened(written)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.keep("run 1", lambda: {"n": 1})
    again = opened(written)
    assert again.recall("run 0") is not None
    assert again.recall("run 1") is None
    again.keep("run 1", lambda: {"n": 2})
    assert [file.name for file in written.parent.iterdir()] == ["fit.pt"]


def test__rubbish_in_the_unfinished_file__does_no_harm(path):
    path.with_name("fit.pt.part").write_bytes(b"half")
    opened(path).keep("run 0", lambda: {"n": 1})
    assert opened(path).recall("run 0") == {"n": 1}


# -- files that are refused ------------------------------------------------------------


def test__truncated_at_any_place__raises(written):
    whole = written.read_bytes()
    for size in {0, 1, 3, 10, *range(20, len(whole), len(whole) // 40), len(whole) - 1}:
        written.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"fit\.pt.*truncated or no checkpoint"):
            opened(written)


@pytest.mark.parametrize(
    "content",
    [
        b"\n",
        b"hello, world",
        b"\x80\x02.",
        b"\x80\x02}q\x00.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"cos\nsystem\n(S'true'\ntR.",
        b"PK\x03\x04" + bytes(200),
        bytes(range(256)) * 9,
    ],
)
def test__garbage__raises(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read"):
        opened(path)


@pytest.mark.parametrize("content", [torch.ones(3), [1, 2], {"a": 1}, 7, None])
def test__what_torch_saved_for_another_purpose__raises(path, content):
    torch.save(content, path)
    with pytest.raises(ValueError, match="cannot be read"):
        opened(path)


def test__another_format__raises(written):
    content = torch.load(written, weights_only=True)
    torch.save(content | {"format": "skwass checkpoint 99"}, written)
    with pytest.raises(ValueError, match="another format"):
        opened(written)


def test__file_of_another_fit__names_what_differs(written):
    with pytest.raises(ValueError, match="n_components is 2 there and 8 here"):
        opened(written, identity=IDENTITY | {"n_components": "8"})
    with pytest.raises(ValueError, match="lr is unknown there and 1 here"):
        opened(written, identity=IDENTITY | {"lr": "1"})
    assert written.exists()


def test__folder_that_is_not_there__raises(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        opened(tmp_path / "nowhere" / "fit.pt")


def test__folder__has_a_file_for_each_fit(tmp_path):
    other = {**IDENTITY, "n_components": "3"}
    opened(tmp_path).keep("run 0", lambda: {"n": 1})
    opened(tmp_path, identity=other).keep("run 0", lambda: {"n": 2})
    assert len(list(tmp_path.iterdir())) == 2
    assert opened(tmp_path).recall("run 0") == {"n": 1}
    opened(tmp_path).remove()
    assert opened(tmp_path).recall("run 0") is None
    assert opened(tmp_path, identity=other).recall("run 0") == {"n": 2}


def test__path_in_the_working_folder__needs_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened("fit.pt").keep("run 0", lambda: {"n": 1})
    assert opened("fit.pt").recall("run 0") == {"n": 1}
