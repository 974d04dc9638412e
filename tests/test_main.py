"""``python -m skwass`` on a few digits, and everything it refuses before it starts."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import skwass.__main__ as demonstration
from skwass import ImageToCloud


@pytest.fixture
def few_digits(monkeypatch):
    """70 digits to learn from and 40 held out, in place of 1,297 and 500."""
    seeds = []

    def load(seed):
        seeds.append(seed)
        data, labels = load_digits(return_X_y=True)
        clouds = ImageToCloud((8, 8)).fit_transform(data[:110])
        return demonstration.Digits(
            training=clouds[:70],
            held_out=clouds[70:],
            training_labels=labels[:70],
            labels=labels[70:110],
            images=data[70:110].reshape(-1, 8, 8),
        )

    monkeypatch.setattr(demonstration, "_load", load)
    return seeds


@pytest.fixture
def nothing_to_load(monkeypatch):
    def load(seed):
        pytest.fail("the work began")

    monkeypatch.setattr(demonstration, "_load", load)


# --- the whole way ----------------------------------------------------------------


def test_it_prints_a_table_and_writes_a_picture(few_digits, tmp_path, capsys):
    path = tmp_path / "digits.png"
    demonstration.main(["--epochs", "1", "--seed", "3", "--output", str(path)])
    assert few_digits == [3]
    out = capsys.readouterr().out
    table = out[: out.index("Picture: ")]
    assert table.isascii()  # any console can show it
    assert "70 clouds to learn from, 40 held out." in out
    assert "64 dimensions, 780 pairs of held-out clouds" in out
    assert out.splitlines()[-1] == f"Picture: {path}"
    with Image.open(path) as picture:
        picture.verify()
        assert picture.format == "PNG"
        assert picture.size == (1500, 750)
    with Image.open(path) as picture:
        assert len(np.unique(np.asarray(picture).reshape(-1, 4), axis=0)) > 50

    rows = re.findall(
        r"^(\S.*?) {2,}(-?\d\.\d{4}) +([\d.]+)% +(\d\.\d{3}) +([\d.]+) s +([\d,]+)$",
        out,
        re.MULTILINE,
    )
    names = [row[0] for row in rows]
    assert names == ["Wormhole", "linear OT, 32 points", "linear OT, 192 points"]
    for _, correlation, error, accuracy, _, speed in rows:
        assert 0.8 < float(correlation) <= 1
        assert 0 < float(error) < 50
        assert 0.5 < float(accuracy) <= 1
        assert int(speed.replace(",", "")) > 0


def test_the_picture_may_be_of_another_type(few_digits, tmp_path, capsys):
    path = tmp_path / "digits.SVG"
    demonstration.main(["--epochs", "1", "--output", str(path)])
    assert "<svg" in path.read_text(encoding="utf-8")
    assert str(path) in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [path]


def test_all_digits_are_there_and_none_is_on_both_sides():
    digits = demonstration._load(0)
    assert len(digits.training) == len(digits.training_labels) == 1297
    assert len(digits.held_out) == len(digits.labels) == len(digits.images) == 500
    # the images are those of the held-out clouds
    again = ImageToCloud((8, 8)).fit_transform(digits.images.reshape(500, 64))
    assert np.array_equal(again.points, digits.held_out.points)
    assert np.array_equal(again.weights, digits.held_out.weights)
    assert np.bincount(digits.labels, minlength=10).min() > 45
    other = demonstration._load(1)
    assert not np.array_equal(other.labels, digits.labels)


# --- the command line -------------------------------------------------------------


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "skwass", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
    )


def test_help_names_the_options():
    process = run("--help", PYTHONIOENCODING="ascii", COLUMNS="80")
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    assert process.stdout.startswith("usage: python -m skwass")
    for option in ("--epochs", "--seed", "--output"):
        assert option in process.stdout
    assert "default: wormhole-digits.png" in " ".join(process.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "--epochs: expected a positive integer, got '0'"),
        (["--epochs", "-3"], "--epochs: expected a positive integer, got '-3'"),
        (["--epochs", "x"], "--epochs: expected a positive integer, got 'x'"),
        (["--epochs", "1.5"], "--epochs: expected a positive integer, got '1.5'"),
        (["--seed", "-1"], "--seed: expected an integer from 0 to 2**32 - 1"),
        (["--seed", "4294967296"], "--seed: expected an integer from 0 to"),
        (["--seed", "x"], "--seed: invalid int value: 'x'"),
        (["--output", "/no/such/folder/x.png"], "no such folder: "),
        (["--output", "picture"], "--output: 'picture' ends in none of ."),
        (["--output", "picture.txt"], "--output: 'picture.txt' ends in none of "),
        (["--unheard-of"], "unrecognized arguments: --unheard-of"),
    ],
)
def test_bad_options_are_refused_before_the_work_begins(
    nothing_to_load, capsys, arguments, message
):
    with pytest.raises(SystemExit) as caught:
        demonstration.main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: python -m skwass")
    assert message in err


def test_a_folder_is_no_picture(nothing_to_load, capsys, tmp_path):
    folder = tmp_path / "folder.png"
    folder.mkdir()
    with pytest.raises(SystemExit) as caught:
        demonstration.main(["--output", str(folder)])
    assert caught.value.code == 2
    assert "folder.png is a folder" in capsys.readouterr().err


def test_without_matplotlib_the_extra_is_named_before_the_work_begins(
    nothing_to_load, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SystemExit, match=r"pip install 'skwass\[plot\]'"):
        demonstration.main([])


def test_a_bad_option_ends_the_process_with_two():
    process = run("--epochs", "0")
    assert process.returncode == 2
    assert "expected a positive integer" in process.stderr
    assert "Traceback" not in process.stderr
