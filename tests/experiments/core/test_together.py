"""Runs trained as one program end where each of them ends alone."""

import shutil

import keras
import pytest
from filelock import FileLock

from experiments.core import data, training
from experiments.core.results import read_rows
from experiments.datasets.mnist import sample
from tests.experiments.grid.support import alone, histories, rows, start, write_grid

if keras.config.backend() != "jax":
    pytest.skip("JAX alone trains so", allow_module_level=True)

# The last batch is smaller than the others, in training and in evaluations.
REVIEWS = """
batch_size = 64
validation_split = 0.13
dropout = 0.2
seeds = [3, 4]
eta = [0.01, 1e38]
"""
DIGITS = """
experiment = "pixel_mnist"
data = "sample"
seeds = [3, 4]
eta = [2e-4, 1e-4]
epochs = 1
stack = "plain"
layers = 1
units = 3
dropout = 0.2
"""


@pytest.fixture
def reviews(tmp_path):
    path = write_grid(tmp_path, "")
    path.write_text(path.read_text().replace("seeds = [3]", REVIEWS))
    return path


def assert_alike(output, expected):
    """The same rows and epochs of the runs that are expected, up to rounding."""
    for read in (rows, histories):
        found, other = read(output), read(expected)
        for name in other:
            pairs = zip(
                *map(keras.tree.flatten, (found[name], other[name])), strict=True
            )
            for one, two in pairs:
                close = pytest.approx(two, rel=1e-4) if isinstance(two, float) else two
                assert one == close


class Interrupted(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def interrupt(monkeypatch):
    """Ends a training after some epochs, those of all its runs counted."""

    def after(epochs):
        kept, keep = [], training.keep

        def end(*args):
            if len(kept) == epochs:
                raise Interrupted
            keep(*args)
            kept.append(args)

        monkeypatch.setattr(training, "keep", end)

    return after


def test_every_run_ends_where_it_ends_alone(reviews, tmp_path):
    one, many = tmp_path / "one", tmp_path / "many"
    assert alone(reviews, one, "seed=4") == [0, 1]
    assert start(reviews, many, "--engine=vmap", "--jobs=4") == 0
    assert_alike(many, one)
    found = rows(many).values()
    assert sorted(row["status"] for row in found) == ["diverged"] * 2 + ["finished"] * 2
    # What several runs took together says nothing of one.
    assert {row["seconds_per_epoch"] for row in read_rows(many / "results.jsonl")} == {
        None
    }


# The rates follow schedules, so that there is a program for each eta.
def test_a_deep_stack_with_a_schedule_ends_where_it_ends_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "TRAIN", 80)
    monkeypatch.setattr(sample, "TEST", 20)
    path = tmp_path / "grid.toml"
    path.write_text(DIGITS)
    one, many = tmp_path / "one", tmp_path / "many"
    assert alone(path, one, "seed=4") == [0] * 2
    assert start(path, many, "--engine=vmap", "--jobs=4") == 0
    assert len(rows(many)) == 4
    assert_alike(many, one)


def test_goes_on_after_an_interruption(reviews, tmp_path, interrupt, monkeypatch):
    """In a program again, or each run alone."""
    reviews.write_text(reviews.read_text().replace(", 1e38", ""))
    program = ["--engine=vmap", "--jobs=2"]
    whole, torn, other = (tmp_path / name for name in ("whole", "torn", "other"))
    assert start(reviews, whole, *program) == 0
    interrupt(3)
    with pytest.raises(Interrupted):
        start(reviews, torn, *program)
    assert sorted(map(len, histories(torn).values())) == [1, 2]
    monkeypatch.undo()
    shutil.copytree(torn, other)
    assert start(reviews, torn, *program) == 0
    assert alone(reviews, other) == [0, 0]
    assert_alike(torn, whole)
    assert_alike(other, whole)


@pytest.fixture
def turns(monkeypatch):
    """Seed and epoch of every order that is drawn, in the order of drawing."""
    drawn = []
    order = data.order

    def draw(count, seed, epoch):
        drawn.append((seed, epoch))
        return order(count, seed, epoch)

    monkeypatch.setattr(data, "order", draw)
    return drawn


SHORT = ["--set=eta=0.01", "--engine=vmap", "--jobs=2"]


def test_no_more_runs_in_a_program_than_jobs(reviews, tmp_path, turns, monkeypatch):
    reviews.write_text(reviews.read_text().replace("[3, 4]", "[3, 4, 5]"))
    output = tmp_path / "runs"
    assert start(reviews, output, *SHORT) == 0
    assert turns == [(3, 0), (4, 0), (3, 1), (4, 1), (5, 0), (5, 1)]
    # A run with its row is not trained again.
    expected = rows(output)
    (output / "results.jsonl").unlink()
    monkeypatch.setattr(data, "order", None)
    assert start(reviews, output, *SHORT) == 0
    assert rows(output) == expected


def test_runs_of_other_settings_have_another_program(reviews, tmp_path, turns):
    reviews.write_text(reviews.read_text() + "units = [4, 5]\n")
    output, change = tmp_path / "runs", "--set=epochs=1"
    assert start(reviews, output, *SHORT, change, "--jobs=4") == 0
    assert turns == [(3, 0), (4, 0)] * 2
    found = rows(output).values()
    assert sorted(row["units"] for row in found) == [4, 4, 5, 5]


def test_runs_on_other_data_have_another_program(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SLIM_KERAS_DATA", str(tmp_path))  # without reviews
    path = write_grid(tmp_path, "[[runs]]\n[[runs]]\ndata = 'imdb'\nseeds = [4]\n")
    output = tmp_path / "runs"
    assert start(path, output, *SHORT, "--set=epochs=1") == 1
    assert "seed=4" in capsys.readouterr().out
    assert [row["seed"] for row in rows(output).values()] == [3]


def test_a_run_that_fails_does_not_stop_the_others(reviews, tmp_path, capsys):
    reviews.write_text(reviews.read_text().replace("[3, 4]", "[3, 4, 5]"))
    output, program = tmp_path / "runs", [*SHORT, "--set=epochs=1", "--jobs=3"]
    assert start(reviews, output, *program) == 0
    used, damaged, _ = sorted(output.glob("*-seed*/"))
    for path in output.glob("*/row.json"):
        path.unlink()
    (output / "results.jsonl").unlink()
    (damaged / "last.weights.h5").write_text("junk")
    capsys.readouterr()
    with FileLock(used / ".lock"):
        assert start(reviews, output, *program) == 1
    out = capsys.readouterr().out
    assert "is being trained by another process" in out
    assert "last.weights.h5 is damaged" in out
    assert [row["seed"] for row in rows(output).values()] == [5]


def test_a_program_that_fails_does_not_stop_the_next(
    reviews, tmp_path, capsys, monkeypatch
):
    reviews.write_text(reviews.read_text().replace("[3, 4]", "[3, 4, 5]"))
    order = data.order

    def fail(count, seed, epoch):
        if seed == 4:
            raise RuntimeError("RESOURCE_EXHAUSTED")
        return order(count, seed, epoch)

    monkeypatch.setattr(data, "order", fail)
    output = tmp_path / "runs"
    assert start(reviews, output, *SHORT, "--set=epochs=1") == 1
    assert "RuntimeError: RESOURCE_EXHAUSTED" in capsys.readouterr().out
    assert [row["seed"] for row in rows(output).values()] == [5]


@pytest.mark.parametrize(
    ("lines", "hint"),
    [
        (DIGITS + "devices = 2", "devices 1"),
        (DIGITS + "tensorboard = true", "tensorboard false"),
        ('experiment = "adding"', "trains one run at a time"),
    ],
)
def test_what_one_program_cannot_do_is_refused(tmp_path, capsys, lines, hint):
    path = tmp_path / "grid.toml"
    path.write_text(lines)
    assert start(path, tmp_path / "runs", "--engine=vmap", "--jobs=2") == 2
    assert hint in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
