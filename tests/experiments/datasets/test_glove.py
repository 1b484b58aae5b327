"""GloVe vectors: which file is read, and that every word gets its own vector."""

import gzip
import lzma
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from experiments.core.errors import UserError
from experiments.datasets import glove
from experiments.datasets.glove import files

WORDS = ("", "the", "caf\xe9", "unheard", "don't")


@pytest.fixture(autouse=True)
def short_files(monkeypatch):
    monkeypatch.setattr(files, "_LINES", {})


def vector(word, dim):
    """As other programs print it: five digits, exponents too."""
    numbers = np.random.RandomState(len(word)).normal(size=dim) * 10.0 ** -(dim % 7)
    return [f"{number:.5g}" for number in numbers]


def content(dim=50, words=("the", ",", "caf\xe9", "don't", "\x85", "of")) -> bytes:
    return "".join(f"{w} {' '.join(vector(w, dim))}\n" for w in words).encode()


def write_txt(place, dim=50, cut=""):
    (place / f"glove.6B.{dim}d{cut}.txt").write_bytes(content(dim))


def write_gz(place, dim=50, cut="", suffix=".gz", pack=gzip.compress):
    (place / f"glove.6B.{dim}d{cut}.txt{suffix}").write_bytes(pack(content(dim)))


def write_xz(place, dim=50):
    write_gz(place, dim, suffix=".xz", pack=lzma.compress)


def write_zip(place, *dims):
    with zipfile.ZipFile(place / "glove.6B.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for dim in dims or (50, 100, 200, 300):
            file.writestr(f"glove.6B.{dim}d.txt", content(dim))


def load(place, dim=None, words=WORDS):
    return glove.load(words, dim, place)


@pytest.mark.parametrize("below", ["", "glove", "glove.6B"])
@pytest.mark.parametrize("dim", [50, 25])
@pytest.mark.parametrize("write", [write_txt, write_gz, write_xz, write_zip])
def test_every_kind_gives_each_word_its_vector(tmp_path, below, dim, write):
    (tmp_path / below).mkdir(exist_ok=True)
    write(tmp_path / below, dim)
    vectors = load(tmp_path)
    assert vectors.matrix.dtype == np.float32
    expected = [
        np.array(vector(word, dim), np.float32)
        if word in WORDS[1:3] + WORDS[4:]
        else np.zeros(dim, np.float32)
        for word in WORDS
    ]
    np.testing.assert_array_equal(vectors.matrix, expected)
    assert vectors.missing == 1
    again = load(tmp_path)
    assert again is not vectors
    assert (again.checksum, again.missing) == (vectors.checksum, 1)
    assert again.origin == vectors.origin


def test_the_dimension_is_chosen_from_a_zip(tmp_path):
    write_zip(tmp_path)
    assert load(tmp_path, 100).matrix.shape == (5, 100)  # and is kept
    vectors = load(tmp_path, 200)
    assert vectors.matrix.shape == (5, 200)
    assert vectors.origin == "glove.6B.zip: glove.6B.200d.txt"


def test_whole_files_come_before_parts_and_plain_ones_before_zips(tmp_path):
    origins = []
    writers = [
        lambda place: write_gz(place, cut=".top60k"),
        lambda place: write_zip(place, 50),
        write_xz,
        write_txt,
    ]
    for write in writers:
        write(tmp_path)
        origins.append(load(tmp_path, 50).origin)
    assert origins == [
        "glove.6B.50d.top60k.txt.gz",
        "glove.6B.zip: glove.6B.50d.txt",
        "glove.6B.50d.txt.xz",
        "glove.6B.50d.txt",
    ]


def test_without_a_dimension_it_is_that_of_the_example_or_the_only_one(tmp_path):
    write_txt(tmp_path, 50)
    assert load(tmp_path).matrix.shape == (5, 50)
    write_txt(tmp_path, 25)
    with pytest.raises(UserError, match=r"glove.6B.25d, glove.6B.50d; name the"):
        load(tmp_path)
    write_zip(tmp_path)
    assert load(tmp_path).matrix.shape == (5, 100)
    with pytest.raises(UserError, match=r"dim is 70, .* glove.6B.300d, glove.6B.50d$"):
        load(tmp_path, 70)


def test_several_kinds_of_one_dimension_are_not_mixed_up(tmp_path):
    write_txt(tmp_path)
    name = "glove.twitter.27B.50d.txt"
    (tmp_path / name).write_bytes(content())
    with pytest.raises(UserError, match=r"6B.50d, glove.twitter.27B.50d; name"):
        load(tmp_path, 50)
    (tmp_path / "glove.6B.50d.txt").unlink()
    assert load(tmp_path).origin == name


def test_words_with_blanks_inside_are_nobodys(tmp_path):
    """There are some in the vectors of the whole web."""
    odd = (
        f"the name@x {' '.join(vector('odd', 50))}\n. . . {' '.join(vector('', 50))}\n"
    )
    path = tmp_path / "glove.840B.50d.txt"
    path.write_bytes(odd.encode() + content())
    vectors = load(tmp_path)
    np.testing.assert_array_equal(
        vectors.matrix[1], np.array(vector("the", 50), np.float32)
    )


def refused(place, match):
    """The message is one line that names the file, and nothing is cached."""
    with pytest.raises(UserError, match=match) as caught:
        load(place, 50)
    assert str(place / "glove.6B.50d.txt") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path(os.environ["XDG_CACHE_HOME"]).exists()


LINES = content().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("damaged", "match"),
    [
        (b"", "has 0 lines where it should have 1"),
        (b"".join(LINES)[:-30], "line 6: .* numbers where there should be 50"),
        (b"".join(LINES)[:-2], "line 6: the file is cut off here"),
        (content(49), "line 1: 49 numbers where there should be 50"),
        (content(51), "line 1: 51 numbers where there should be 50"),
        (LINES[0] + content(300), "line 2: 300 numbers where there should be 50"),
        (LINES[0][:-1] + b"".join(LINES[1:]), "line 1: .* where there should be 50"),
        (b"6 50\n" + content(), "line 1: this is word2vec's header"),
        (b"\0\xff\n" * 99, "line 1: 0 numbers"),
        (LINES[0] + b"\n" + LINES[1], "line 2: 0 numbers"),
        (LINES[0] + LINES[2] + LINES[0], "line 3: 'the' was in line 1"),
        (b"the " + b"0 " * 49 + b"nan\n", "line 1: a number is not finite"),
        (b"the " + b"0 " * 49 + b"inf\n", "line 1: a number is not finite"),
        (b"the " + b"0 " * 49 + b"1e99\n", "line 1: a number is not finite"),
        (b"the " + b"0 " * 49 + b"zero\n", "line 1: could not convert .* b'zero';"),
        (b"the " + b"0 " * 48 + b" 0\n", "line 1: could not convert"),
        (b"the\t" + b"0\t" * 49 + b"0\n", "line 1: 0 numbers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damage_is_named_with_its_line(tmp_path, damaged, match):
    (tmp_path / "glove.6B.50d.txt").write_bytes(damaged)
    refused(tmp_path, match)


def test_a_file_that_is_known_and_too_short(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_LINES", {"glove.6B": 7})
    write_txt(tmp_path)
    refused(tmp_path, "has 6 lines where it should have 7")
    (tmp_path / "glove.6B.50d.txt").unlink()
    write_txt(tmp_path, cut=".top60k")
    assert load(tmp_path).missing == 1


@pytest.mark.parametrize("write", [write_gz, write_xz])
def test_a_compressed_file_that_was_cut(tmp_path, write):
    write(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    refused(tmp_path, r"is damaged after line \d")


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda raw: raw[:-40], "glove.6B.zip is damaged or not a .zip file"),
        (
            lambda raw: raw[:1000] + b"\xff" + raw[1001:],
            r"glove.6B.zip: glove.6B.50d.txt is damaged after line \d",
        ),
    ],
    ids=["cut", "changed"],
)
def test_damage_of_a_zip(tmp_path, damage, match):
    write_zip(tmp_path, 50)
    path = tmp_path / "glove.6B.zip"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=match):
        load(tmp_path)
