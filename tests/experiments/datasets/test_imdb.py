"""All sources of the reviews give the same arrays, or name what is damaged."""

import hashlib
import json
import os
import shutil
from collections import Counter
from functools import partial

import numpy as np
import pytest

from experiments.core.errors import UserError
from experiments.datasets import imdb, text, tfds
from experiments.datasets.imdb import npz, sources

from . import support
from .support import DATA, real_data

CORPUS = {
    "train": [
        ("A great, great film!<br /><br />I loved it.", 1),
        ("Don't miss it: the best since 1999 (really).", 1),
        ("Très beau — naïve and charming\tthroughout.", 1),
        ("The plot is bad. The acting is bad. It's all bad...", 0),
        ("What a waste of time; I left before the end", 0),
        ("A great waste, the film is a bore.", 0),
    ],
    "test": [
        ("The best film of them all", 1),
        ("Loved it. Loved it!", 1),
        ("Unseen words everywhere, yet great", 1),
        ("bad bad bad", 0),
        ("It is a bore & a waste", 0),
        ("bad bad bad", 0),
    ],
}
PREPARED = "imdb_reviews/plain_text/1.0.0"


@pytest.fixture(autouse=True)
def small(request, monkeypatch):
    if not request.node.get_closest_marker("real_data"):
        monkeypatch.setattr(sources, "PER_CLASS", 3)


def prepared():
    """What tensorflow-datasets prepares for these tests."""
    splits = {
        split: [{"text": review, "label": label} for review, label in examples]
        for split, examples in CORPUS.items()
    }
    return ["imdb_reviews", "plain_text", "1.0.0", splits]


def contents(changes=None):
    """The files of `aclImdb`, some of them changed or removed by None."""
    reviews = {
        f"aclImdb/{split}/{('neg', 'pos')[label]}/{number}_{(2, 9)[label]}.txt": (
            review.encode()
        )
        for split, examples in CORPUS.items()
        for number, (review, label) in enumerate(examples)
    }
    others = {
        "aclImdb/README": b"read me",
        "aclImdb/train/unsup/0_0.txt": b"nobody knows",
        "aclImdb/train/pos/._0_9.txt": b"\xff left by a file manager",
    }
    every = reviews | others | (changes or {})
    return {name: content for name, content in every.items() if content is not None}


def write_folder(place, changes=None):
    support.write_folder(place, contents(changes))


def write_archive(place, changes=None):
    support.write_archive(place / "aclImdb_v1.tar.gz", contents(changes))


@pytest.fixture
def write_npz(monkeypatch):
    """As Keras keeps it: ranks from 1, here with ties in another order than ours."""
    cut = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))
    texts = {
        split: [review.lower().translate(cut).split() for review, _ in examples]
        for split, examples in CORPUS.items()
    }
    counts = Counter(word for review in texts["train"] for word in review)
    ordered = sorted(counts, key=lambda word: (counts[word], word), reverse=True)
    ordered += sorted({word for review in texts["test"] for word in review} - {*counts})
    index = {word: rank for rank, word in enumerate(ordered, start=1)}
    arrays = {}
    for split, examples in CORPUS.items():
        arrays[f"x_{split}"] = np.empty(len(examples), object)
        arrays[f"x_{split}"][:] = [[index[word] for word in x] for x in texts[split]]
        arrays[f"y_{split}"] = np.array([label for _, label in examples])

    def write(place):
        np.savez(place / "imdb.npz", **arrays)
        (place / "imdb_word_index.json").write_text(json.dumps(index))
        content = (place / "imdb.npz").read_bytes()
        monkeypatch.setattr(npz, "SHA256", hashlib.sha256(content).hexdigest())

    return write


def load(data, place, **options):
    return imdb.load(data, place, num_words=20, length=8, **options)


def refused(place, match):
    support.refused(load, "imdb", place, match)


def test_every_source_gives_the_same_arrays(
    tmp_path, prepare, write_npz, without_child
):
    """In the folder itself, or in one below it that has the name of the data set."""
    origins = {
        write_folder: "folder aclImdb",
        write_archive: "archive aclImdb_v1.tar.gz",
        write_npz: "Keras imdb.npz",
        partial(prepare, PREPARED): f"tensorflow-datasets {PREPARED}",
    }
    loaded = []
    for number, (write, origin) in enumerate(origins.items()):
        for below in ("tfds",) if number == 3 else ("", "imdb"):
            place = tmp_path / f"{number}{below}"
            (place / below).mkdir(parents=True)
            write(place / below)
            loaded.append(load("imdb", place))
            assert loaded[-1].origin == origin
    assert len({data.checksum for data in loaded}) == 1


def test_the_arrays_are_those_of_the_reviews(tmp_path):
    write_folder(tmp_path)
    loaded = load("auto", tmp_path / "aclImdb")  # the folder itself may be named
    assert loaded.name == "imdb"
    assert loaded.x_train.shape == (6, 8)
    assert loaded.x_train.max() == 19
    assert loaded.x_train.dtype == loaded.y_train.dtype == np.int32
    assert sorted(loaded.y_test.tolist()) == [0, 0, 0, 1, 1, 1]
    # In the training texts "the" occurs 5 times, "a" 4 times, "bad", "great" and "is"
    # 3 times: their numbers are 4, 5 and, by the alphabet, 6, 7, 8.
    assert [0, 0, 0, 0, 1, 6, 6, 6] in loaded.x_test.tolist()
    other = imdb.load("imdb", tmp_path, num_words=10, length=4)
    assert (other.x_train.max(), other.x_train.shape) == (9, (6, 4))


def test_sources_are_taken_in_the_stated_order(tmp_path, write_npz):
    (tmp_path / PREPARED).mkdir(parents=True)
    write_folder(tmp_path)
    write_archive(tmp_path)
    write_npz(tmp_path)
    origins = []
    for name in ("imdb_reviews", "aclImdb", "aclImdb_v1.tar.gz", "imdb.npz"):
        origins.append(sources.find(tmp_path).origin.split()[0])
        path = tmp_path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert origins == ["tensorflow-datasets", "folder", "archive", "Keras"]
    assert sources.find(tmp_path) is None


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        (
            {"train/neg/4_2.txt": None},
            "holds 2 negative train reviews where IMDB has 3",
        ),
        ({"train/neg/44_2.txt": b"one more"}, "holds 4 negative train reviews"),
        ({"train/pos/9_9.txt": b"caf\xe9"}, r"train/pos/9_9.txt is not UTF-8"),
        ({"test/neg/9_8.txt": b"good"}, r"test/neg/9_8.txt has the rating 8"),
        ({"test/pos/9_5.txt": b"so so"}, r"test/pos/9_5.txt has the rating 5"),
        ({"test/pos/1_9.txt": b" \n\t...!"}, "has a review without words in test"),
        ({"test/pos/notes.doc": b"mine"}, r"test/pos/notes.doc is not a review"),
    ],
    ids=["missing", "more", "bytes", "bad", "middling", "wordless", "strange"],
)
@pytest.mark.parametrize("write", [write_folder, write_archive])
def test_what_is_wrong_with_the_reviews_is_said(tmp_path, write, changes, match):
    write(tmp_path, {f"aclImdb/{name}": content for name, content in changes.items()})
    refused(tmp_path, match)


def test_a_folder_without_reviews(tmp_path):
    (tmp_path / "aclImdb").mkdir()
    refused(tmp_path, "holds 0 negative train reviews where IMDB has 3")


def test_an_index_that_is_missing_damaged_or_of_something_else(tmp_path, write_npz):
    write_npz(tmp_path)
    index = tmp_path / "imdb_word_index.json"
    for content in ("", "[1, 2]", '{"the": "first"}', '{"the": 1}', '{"the": [1]}'):
        index.write_text(content)
        refused(tmp_path, "imdb_word_index.json does not hold the words of imdb.npz")
    index.unlink()
    refused(tmp_path, "imdb_word_index.json is missing")


class _Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["BOMB"],)


def test_another_npz_is_not_even_read(tmp_path, monkeypatch, write_npz):
    """It could run code."""
    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    write_npz(tmp_path)
    np.savez(tmp_path / "imdb.npz", x_train=np.array([_Bomb()]))
    with np.load(tmp_path / "imdb.npz", allow_pickle=True) as file:
        assert file["x_train"].shape == (1,)
    (tmp_path / "exploded").rmdir()  # so the bomb works
    refused(tmp_path, "imdb.npz is not the published file: delete it and get https")
    assert not (tmp_path / "exploded").exists()


def test_damaged_prepared_data_is_one_line_without_tensorflow(tmp_path, prepare):
    folder = prepare(PREPARED, tmp_path)
    (records,) = folder.glob("*-test.tfrecord*")
    records.write_bytes(records.read_bytes()[:-20])
    with pytest.raises(UserError) as caught:
        load("imdb", tmp_path)
    assert str(caught.value) == (
        f"{folder} is damaged (a file of records is missing, cut off or changed): "
        "prepare it again with tensorflow-datasets"
    )


@pytest.fixture(scope="module")
def reviews():
    return sources.find(DATA / "imdb").read()


class TestReal:
    pytestmark = real_data("imdb/aclImdb*.tar.gz", f"tfds/{PREPARED}")

    def test_prepared_data_are_the_reviews_of_the_archive(self, reviews, without_child):
        """Of one split: both are read by the same lines."""
        place = DATA / "tfds"
        source = tfds.source(place, PREPARED, ("test",), sources._converted)
        assert sorted(source.read()["test"]) == sorted(reviews["test"])

    def test_the_vocabulary_is_the_one_that_keras_users_know(self, reviews):
        x_train, y_train, x_test, y_test = text.to_arrays(
            reviews["train"], reviews["test"], num_words=5_000, length=500
        )
        for x, y in ((x_train, y_train), (x_test, y_test)):
            assert x.shape == (25_000, 500)
            assert np.bincount(y).tolist() == [12_500, 12_500]
            assert (x.min(), x.max()) == (0, 4_999)
        ranks = text.rank_words(text.normalise(one) for one, _ in reviews["train"])
        assert len(ranks) == 88_582
        ordered = sorted(ranks, key=ranks.get)
        assert " ".join(ordered[:12]) == "the and a of to is br in it i this that"
        # One review, numbered by hand, is a row with the label of its folder.
        review, label = reviews["test"][0]
        words = text.normalise(review).split(" ")
        numbers = [ranks.get(word, 5_000) + 3 for word in words]
        row = [1, *(number if number < 5_000 else 2 for number in numbers)][-500:]
        row = [0] * (500 - len(row)) + row
        same = (x_test == row).all(axis=1)
        assert y_test[same].tolist() == [label]
