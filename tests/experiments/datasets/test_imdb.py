"""Which source is taken, and that all of them give the same arrays."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from experiments.core.errors import UserError
from experiments.datasets import imdb
from experiments.datasets.imdb import sources, tfds_reader

from .conftest import CORPUS, write_archive, write_folder, write_npz

ROOT = Path(__file__).parents[3]


def load(place, data="imdb", **options):
    return imdb.load(data, place, num_words=20, length=8, **options)


@pytest.mark.parametrize("write", [write_archive, write_npz])
def test_every_source_gives_the_same_arrays(tmp_path, write):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    write_folder(tmp_path / "one")
    write(tmp_path / "two")
    one, two = load(tmp_path / "one"), load(tmp_path / "two")
    assert one.name == two.name == "imdb"
    assert one.origin != two.origin
    assert one.checksum == two.checksum


def test_prepared_data_gives_the_same_arrays(tmp_path, write_tfds):
    write_folder(tmp_path / "one")
    write_tfds(tmp_path / "two")
    assert load(tmp_path / "one").checksum == load(tmp_path / "two").checksum


def test_the_arrays_are_those_of_the_reviews(tmp_path):
    write_folder(tmp_path)
    loaded = load(tmp_path)
    assert loaded.x_train.shape == (6, 8)
    assert loaded.x_train.dtype == loaded.y_train.dtype == np.int32
    assert sorted(loaded.y_test.tolist()) == [0, 0, 0, 1, 1, 1]
    # In the training texts "the" occurs 5 times, "a" 4 times, "bad", "great" and "is"
    # 3 times: their numbers are 4, 5 and, by the alphabet, 6, 7, 8.
    assert [0, 0, 0, 0, 1, 6, 6, 6] in loaded.x_test.tolist()
    assert loaded.origin == "folder aclImdb"


def test_sources_are_taken_in_the_stated_order(tmp_path, write_tfds):
    write_tfds(tmp_path)
    write_folder(tmp_path)
    write_archive(tmp_path)
    write_npz(tmp_path)
    origins = []
    for name in ("imdb_reviews", "aclImdb", "aclImdb_v1.tar.gz", "imdb.npz"):
        origins.append(sources.find(tmp_path).origin)
        path = tmp_path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert origins == [
        "tensorflow-datasets imdb_reviews/plain_text/1.0.0",
        "folder aclImdb",
        "archive aclImdb_v1.tar.gz",
        "Keras imdb.npz",
    ]
    assert sources.find(tmp_path) is None


@pytest.mark.parametrize("below", ["", "imdb", "tfds"])
def test_obvious_folders_below_are_searched(tmp_path, below):
    write_folder(tmp_path / below)
    assert load(tmp_path).name == "imdb"


def test_the_folder_of_the_reviews_itself_may_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SLIM_KERAS_DATA", str(write_folder(tmp_path)))
    assert load(None).name == "imdb"


def test_a_hit_reads_no_source(tmp_path):
    archive = write_archive(tmp_path)
    first = load(tmp_path, cache_dir=tmp_path / "cache")
    stat = archive.stat()
    archive.write_bytes(b"x" * stat.st_size)
    os.utime(archive, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = load(tmp_path, cache_dir=tmp_path / "cache")
    assert (second.checksum, second.origin) == (first.checksum, first.origin)
    os.utime(archive, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    with pytest.raises(UserError, match="damaged"):
        load(tmp_path, cache_dir=tmp_path / "cache")


def test_a_changed_review_is_read_again(tmp_path):
    folder = write_folder(tmp_path)
    before = load(tmp_path).checksum
    (folder / "test/neg/3_2.txt").write_text("quite another great text")
    assert load(tmp_path).checksum != before


def test_other_settings_are_other_arrays(tmp_path):
    write_folder(tmp_path)
    assert load(tmp_path).x_train.max() == 19
    assert imdb.load("imdb", tmp_path, 10, 8).x_train.max() == 9
    assert imdb.load("imdb", tmp_path, 20, 3).x_train.shape == (6, 3)


def test_without_data_the_sample_is_announced_once(capsys):
    loaded = load(None, "auto")
    assert loaded.name == "sample"
    assert loaded.checksum == load(None, "sample").checksum
    notice = capsys.readouterr().err
    for part in ("SAMPLE", "no network", "--data-dir", "aclImdb", "imdb.npz"):
        assert part in notice
    load(None, "auto")
    assert capsys.readouterr().err == ""


def test_without_data_imdb_is_an_error():
    with pytest.raises(UserError, match="no network") as caught:
        load(None)
    for part in ("tensorflow-datasets", "--data-dir", "aclImdb", "imdb_word_index"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_named_folder_without_the_reviews(tmp_path, capsys, monkeypatch):
    (tmp_path / "holiday.jpg").write_text("other content")
    monkeypatch.setattr(tfds_reader, "reachable", lambda: pytest.fail("asked"))
    with pytest.raises(UserError, match=f"none in {tmp_path}"):
        load(tmp_path)
    assert load(tmp_path, "auto").name == "sample"
    assert f"none in {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize("data", ["auto", "imdb"])
def test_a_named_folder_that_is_not_there(tmp_path, data):
    with pytest.raises(UserError, match=r"data_dir .* no such folder"):
        load(tmp_path / "nowhere", data)


def test_a_download_is_used_and_found_again(write_tfds, monkeypatch):
    monkeypatch.setattr(tfds_reader, "reachable", lambda: True)
    monkeypatch.setattr(tfds_reader, "download", write_tfds)
    first = load(None)
    assert first.name == "imdb"
    monkeypatch.setattr(tfds_reader, "reachable", lambda: pytest.fail("asked"))
    monkeypatch.setattr(tfds_reader, "read", lambda folder: pytest.fail("read"))
    assert load(None, "auto").checksum == first.checksum


def test_what_another_process_has_just_downloaded_is_used(write_tfds, monkeypatch):
    def reachable():
        write_tfds(tfds_reader.default_folder())  # after the first look
        return True

    def run(task, *given, **options):
        assert task == "read"
        return real(task, *given, **options)

    real = tfds_reader.run
    monkeypatch.setattr(tfds_reader, "reachable", reachable)
    monkeypatch.setattr(tfds_reader, "run", run)
    assert load(None).name == "imdb"


def test_a_failed_download_is_no_data(monkeypatch, capsys):
    monkeypatch.setattr(tfds_reader, "reachable", lambda: True)
    monkeypatch.setattr(tfds_reader, "download", lambda place: None)
    with pytest.raises(UserError, match=r"the download to .* failed"):
        load(None)
    assert load(None, "auto").name == "sample"
    assert "the download to" in capsys.readouterr().err


def test_a_network_that_never_answers_does_not_hang(monkeypatch):
    over = threading.Event()
    asked = threading.Event()

    def hang(*_args, **_kwargs):
        asked.set()
        over.wait()
        raise OSError

    monkeypatch.setattr(socket, "create_connection", hang)
    monkeypatch.setattr(tfds_reader, "PROBE_SECONDS", 0.2)
    try:
        with pytest.raises(UserError, match="no network"):
            load(None)
        assert asked.is_set()
    finally:
        over.set()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": "imdbb"}, "data is 'imdbb': it must be auto, imdb or sample"),
        ({"num_words": 4}, "num_words is 4"),
        ({"length": 0}, "length is 0"),
    ],
)
def test_arguments_out_of_range(options, message):
    with pytest.raises(UserError, match=message):
        imdb.load(**{"data": "sample"} | options)


def test_neither_keras_nor_tensorflow_is_imported(tmp_path, write_tfds):
    """They would fix the backend, and take the GPU, before the command chose."""
    write_tfds(tmp_path)
    code = (
        "import sys\n"
        "from experiments.datasets import imdb\n"
        f"imdb.PER_CLASS = {len(CORPUS['train']) // 2}\n"
        "imdb.load('imdb', sys.argv[1], cache_dir=sys.argv[1] + '/cache')\n"
        "imdb.load('sample')\n"
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))\n"
    )
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (child.stdout, child.stderr) == ("[]\n", "")
