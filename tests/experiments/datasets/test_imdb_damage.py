"""Damaged data: one line that names the file, whatever was asked for; no cache."""

import gzip
import json
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from experiments.core.errors import UserError
from experiments.datasets import imdb

from .conftest import CORPUS, write_archive, write_folder, write_npz


def refused(place, match):
    """The message is one line that names a file, under `imdb` and under `auto`."""
    for data in ("imdb", "auto"):
        with pytest.raises(UserError, match=match) as caught:
            imdb.load(data, place, 20, 8, cache_dir=place / "cache")
        assert str(place) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not (place / "cache").exists()


def replaced(split, number, text, label):
    corpus = {name: list(examples) for name, examples in CORPUS.items()}
    corpus[split][number] = (text, label)
    return corpus


def test_archive_cut_off(tmp_path):
    archive = write_archive(tmp_path)
    archive.write_bytes(archive.read_bytes()[:-200])
    refused(tmp_path, "aclImdb_v1.tar.gz is damaged")


def test_archive_with_a_wrong_checksum(tmp_path):
    archive = write_archive(tmp_path)
    content = bytearray(archive.read_bytes())
    content[-8] ^= 1
    archive.write_bytes(content)
    refused(tmp_path, "CRC")


# Named, because a gzip header holds the time and parallel workers compare names.
@pytest.mark.parametrize(
    "content",
    [b"", b"<html>404</html>", gzip.compress(b"text")],
    ids=["empty", "page", "no-tar"],
)
def test_archive_that_is_none(tmp_path, content):
    (tmp_path / "aclImdb.tar.gz").write_bytes(content)
    refused(tmp_path, r"aclImdb.tar.gz (is damaged|holds 0)")


def test_archive_with_other_content(tmp_path):
    write_archive(tmp_path, {"train": [], "test": []})
    refused(tmp_path, "holds 0 negative train reviews where IMDB has 3")


def test_archive_with_a_link_to_nothing(tmp_path):
    with tarfile.open(tmp_path / "aclImdb.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo("aclImdb/train/pos/0_9.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "1_9.txt"
        archive.addfile(link)
    refused(tmp_path, "holds 0 negative train reviews where IMDB has 3")


def test_archive_with_text_that_is_not_utf8(tmp_path):
    write_archive(tmp_path, extra=[("aclImdb/train/pos/9_9.txt", b"caf\xe9")])
    refused(tmp_path, r"train/pos/9_9.txt is not UTF-8")


def test_archive_with_a_wrong_rating(tmp_path):
    write_archive(tmp_path, extra=[("aclImdb/test/neg/9_8.txt", b"good")])
    refused(tmp_path, r"test/neg/9_8.txt has the rating 8")


@pytest.mark.parametrize("missing", ["train", "test/neg"])
def test_folder_without_a_class(tmp_path, missing):
    folder = write_folder(tmp_path)
    os.rename(folder / missing, tmp_path / "elsewhere")
    refused(tmp_path, rf"aclImdb/{missing}\S* cannot be listed")


def test_folder_with_something_that_cannot_be_read(tmp_path):
    strange = write_folder(tmp_path) / "test/pos/9_9.txt"
    strange.mkdir()
    refused(tmp_path, "9_9.txt")
    strange.rmdir()
    strange.symlink_to(tmp_path / "nowhere")
    refused(tmp_path, "9_9.txt")


def test_folder_unpacked_in_part(tmp_path):
    (write_folder(tmp_path) / "train/neg/4_2.txt").unlink()
    refused(tmp_path, "holds 2 negative train reviews where IMDB has 3")


def test_folder_with_a_review_too_many(tmp_path):
    (write_folder(tmp_path) / "train/neg/44_2.txt").write_text("one more")
    refused(tmp_path, "holds 4 negative train reviews")


@pytest.mark.parametrize("text", ["", " \n\t...!"])
def test_folder_with_an_empty_review(tmp_path, text):
    write_folder(tmp_path, replaced("test", 1, text, 1))
    refused(tmp_path, "aclImdb has a review without words in test")


def test_folder_with_a_strange_file(tmp_path):
    (write_folder(tmp_path) / "test/pos/notes.doc").write_text("mine")
    refused(tmp_path, r"test/pos/notes.doc is no review")


def test_folder_with_a_wrong_rating(tmp_path):
    (write_folder(tmp_path) / "test/pos/9_5.txt").write_text("so so")
    refused(tmp_path, r"test/pos/9_5.txt has the rating 5")


def test_npz_without_its_index(tmp_path):
    write_npz(tmp_path)
    (tmp_path / "imdb_word_index.json").unlink()
    refused(tmp_path, "imdb_word_index.json is missing")


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"the": "first"}', '{"the": null}'])
def test_npz_with_a_damaged_index(tmp_path, content):
    write_npz(tmp_path)
    (tmp_path / "imdb_word_index.json").write_text(content)
    refused(tmp_path, "imdb_word_index.json cannot be read")


def test_npz_with_the_index_of_something_else(tmp_path):
    write_npz(tmp_path)
    (tmp_path / "imdb_word_index.json").write_text(json.dumps({"the": 1}))
    refused(tmp_path, r"imdb.npz cannot be read .* is no rank in imdb_word_index.json")


def test_npz_cut_off(tmp_path):
    path = write_npz(tmp_path)
    path.write_bytes(path.read_bytes()[:-50])
    refused(tmp_path, "imdb.npz cannot be read")


def rewrite(path, **changes):
    with np.load(path, allow_pickle=True) as file:
        np.savez(path, **({name: file[name] for name in file} | changes))


def ragged(*rows):
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"y_test": np.array([0, 1, 0, 1, 0, 7])}, "labels other than 0 and 1"),
        ({"y_test": np.array([0, 1])}, "cannot be read"),
        ({"y_test": np.zeros((6, 2), int)}, "cannot be read"),
        ({"y_test": np.array([0.5] * 6)}, "cannot be read"),
        ({"x_test": np.ones((6, 4), int)}, "not as a row of lists"),
        ({"x_test": ragged(*[[1], [1], [1], [1], [1], 5])}, "cannot be read"),
        ({"x_test": ragged(*[[1], [1], [1], [1], [1], ["a"]])}, "is no rank"),
        ({"x_test": ragged(*[[1], [1], [1], [1], [1], [[]]])}, "cannot be read"),
        ({"x_test": ragged(*[[1], [1], [1], [1], [1], []])}, "without words"),
    ],
)
def test_npz_with_other_content(tmp_path, changes, match):
    rewrite(write_npz(tmp_path), **changes)
    refused(tmp_path, match)


def test_npz_without_one_of_its_arrays(tmp_path):
    path = write_npz(tmp_path)
    with zipfile.ZipFile(path) as file:
        kept = {n: file.read(n) for n in file.namelist() if n != "x_test.npy"}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in kept.items():
            file.writestr(name, content)
    refused(tmp_path, "x_test.npy")


class _Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["BOMB"],)


def test_npz_that_would_run_code(tmp_path, monkeypatch):
    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    path = write_npz(tmp_path)
    rewrite(path, x_train=ragged(_Bomb()))
    with np.load(path, allow_pickle=True) as file:
        assert pickle.dumps(_Bomb())
        assert file["x_train"].shape == (1,)
    assert (tmp_path / "exploded").exists()  # so the bomb works, and is read below
    (tmp_path / "exploded").rmdir()
    refused(tmp_path, r"it asks for \w+.mkdir")
    assert not (tmp_path / "exploded").exists()


def test_prepared_data_cut_off(tmp_path, write_tfds):
    (records,) = write_tfds(tmp_path).glob("*-test.tfrecord*")
    records.write_bytes(records.read_bytes()[:-20])
    refused(tmp_path, r"cannot be read as a prepared imdb_reviews \(DataLossError")


def test_prepared_data_without_its_description(tmp_path, write_tfds):
    (write_tfds(tmp_path) / "dataset_info.json").unlink()
    refused(tmp_path, "cannot be read as a prepared imdb_reviews")
