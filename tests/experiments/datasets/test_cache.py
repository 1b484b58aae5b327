"""The cache gives back what was put in, or builds it anew: never anything else."""

import os
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from experiments.datasets import Dataset, cache

DATASET = Dataset(
    "imdb",
    np.arange(12, dtype=np.int32).reshape(3, 4),
    np.array([0, 1, 0], np.int32),
    np.ones((1, 4), np.int32),
    np.array([1], np.int32),
    origin="a test",
    vocabulary=("", "naïve", "don't"),
)


def build():
    return DATASET


def fail():
    raise AssertionError("built again")


def same(one, other):
    fields = ("name", "origin", "checksum", "vocabulary")
    return all(getattr(one, field) == getattr(other, field) for field in fields)


def test_a_hit_gives_what_was_built(tmp_path):
    cache.fetch(tmp_path / "new", ["key", 1], build, Dataset)
    hit = cache.fetch(tmp_path / "new", ["key", 1], fail, Dataset)
    assert hit is not DATASET
    assert same(hit, DATASET)


@dataclass(frozen=True)
class Other:
    array: np.ndarray
    count: int


def test_other_classes_are_kept_too(tmp_path):
    """Under the same key they are other objects."""
    cache.fetch(tmp_path, "key", build, Dataset)
    other = Other(np.arange(3, dtype=np.float32), 7)
    cache.fetch(tmp_path, "key", lambda: other, Other)
    hit = cache.fetch(tmp_path, "key", fail, Other)
    assert hit.count == 7
    assert hit.array.dtype == np.float32
    np.testing.assert_array_equal(hit.array, [0, 1, 2])
    assert same(cache.fetch(tmp_path, "key", fail, Dataset), DATASET)


def test_another_key_is_built(tmp_path):
    cache.fetch(tmp_path, ["key", 1], build, Dataset)
    with pytest.raises(AssertionError, match="built again"):
        cache.fetch(tmp_path, ["key", 2], fail, Dataset)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_anywhere_is_noticed_and_mended(tmp_path, capsys, data):
    cache.fetch(tmp_path, "key", build, Dataset)
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] ^= data.draw(st.integers(1, 255))
    else:
        del content[place:]
    file.write_bytes(content)
    calls = []
    again = cache.fetch(tmp_path, "key", lambda: calls.append(1) or DATASET, Dataset)
    assert calls
    assert same(again, DATASET)
    assert "damaged" in capsys.readouterr().err
    assert same(cache.fetch(tmp_path, "key", fail, Dataset), DATASET)


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cache.fetch(tmp_path, "key", build, Dataset)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_said_and_no_harm(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert cache.fetch(tmp_path / "file", "key", build, Dataset) is DATASET
    assert "nothing was cached" in capsys.readouterr().err


def test_identity_tells_a_changed_file(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("one")
    os.utime(file, ns=(1, 1))
    before = cache.identity([file])
    assert before == [("a.txt", 3, 1)]
    file.write_text("two")
    os.utime(file, ns=(1, 2))
    assert cache.identity([file]) != before
