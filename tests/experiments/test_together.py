"""Runs trained as one program end where each of them ends alone."""

import keras
import pytest
from filelock import FileLock

from experiments import training
from experiments.results import read_rows
from tests.experiments.grid_support import histories, rows, start, write_grid

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
    """The same rows and epochs, up to rounding."""
    for read in (rows, histories):
        found, other = read(output), read(expected)
        assert found.keys() == other.keys()
        for name in found:
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
    assert start(reviews, one, "--jobs=2") == 0
    assert start(reviews, many, "--engine=vmap", "--jobs=4") == 0
    assert_alike(many, one)
    found = rows(many).values()
    assert sorted(row["status"] for row in found) == ["diverged"] * 2 + ["finished"] * 2
    assert {row["reason"] for row in found if row["reason"]} != {None}
    # What several runs took together says nothing of one.
    assert {row["seconds_per_epoch"] for row in read_rows(many / "results.jsonl")} == {
        None
    }


def test_a_deep_stack_with_a_schedule_ends_where_it_ends_alone(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(DIGITS)
    one, many = tmp_path / "one", tmp_path / "many"
    assert start(path, one, "--jobs=2") == 0
    assert start(path, many, "--engine=vmap", "--jobs=2") == 0
    assert_alike(many, one)


@pytest.mark.parametrize("engine", ["vmap", "loop"])
def test_goes_on_after_an_interruption(
    engine, reviews, tmp_path, interrupt, monkeypatch
):
    change = "--set=eta=0.01"
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    assert start(reviews, whole, change, "--engine=vmap", "--jobs=2") == 0
    interrupt(3)
    with pytest.raises(Interrupted):
        start(reviews, torn, change, "--engine=vmap", "--jobs=2")
    assert sorted(map(len, histories(torn).values())) == [1, 2]
    monkeypatch.undo()
    assert start(reviews, torn, change, f"--engine={engine}", "--jobs=2") == 0
    assert_alike(torn, whole)


def test_no_more_runs_in_a_program_than_jobs(reviews, tmp_path, monkeypatch):
    counts = []
    order = training.order

    def count(examples, seed, epoch):
        counts.append((seed, epoch))
        return order(examples, seed, epoch)

    monkeypatch.setattr(training, "order", count)
    output, changes = tmp_path / "runs", ["--set=eta=0.01", "--set=epochs=1"]
    assert start(reviews, output, *changes, "--engine=vmap") == 0
    assert counts == [(3, 0), (4, 0)]


def test_a_run_whose_folder_is_in_use_fails_alone(reviews, tmp_path, capsys):
    output, changes = tmp_path / "runs", ["--set=eta=0.01", "--set=epochs=1"]
    assert start(reviews, output, *changes, "--engine=vmap", "--jobs=2") == 0
    first, second = sorted(output.glob("*-seed*/"))
    for folder in (first, second):
        (folder / "row.json").unlink()
    (output / "results.jsonl").unlink()
    capsys.readouterr()
    with FileLock(first / ".lock"):
        assert start(reviews, output, *changes, "--engine=vmap", "--jobs=2") == 1
    assert "is being trained by another process" in capsys.readouterr().out
    assert rows(output).keys() == {second.name}


def test_a_run_with_its_row_is_not_trained_again(reviews, tmp_path, monkeypatch):
    output, changes = tmp_path / "runs", ["--set=eta=0.01", "--set=epochs=1"]
    assert start(reviews, output, *changes, "--engine=vmap", "--jobs=2") == 0
    expected = rows(output)
    (output / "results.jsonl").unlink()
    monkeypatch.setattr(training, "order", None)
    assert start(reviews, output, *changes, "--engine=vmap", "--jobs=2") == 0
    assert rows(output) == expected


def test_a_schedule_has_one_eta(tmp_path, capsys):
    path = tmp_path / "grid.toml"
    path.write_text(DIGITS + "eta = [1e-3, 1e-4]\n")
    assert start(path, tmp_path / "runs", "--engine=vmap", "--jobs=4") == 1
    assert "schedule" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lines", "hint"),
    [
        ("devices = 2", "devices 1"),
        ("tensorboard = true", "tensorboard false"),
    ],
)
def test_what_one_program_cannot_do_is_refused(tmp_path, capsys, lines, hint):
    path = write_grid(tmp_path, lines)
    assert start(path, tmp_path / "runs", "--engine=vmap") == 2
    assert hint in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
