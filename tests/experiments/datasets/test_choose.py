"""Where a data set comes from, and what takes its place; and how each declares it."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from experiments.core.errors import UserError
from experiments.datasets import (
    choose as choosing,
    disk,
    ecg,
    glove,
    handwriting,
    imdb,
    mnist,
    network,
    newsgroups,
    spoken_digits,
)
from experiments.datasets.choose import Declared, cached, choose, required

URL = "http://example.org/set.txt"


def find(folder):
    path = folder / "set.txt"
    return (
        disk.Source(path, "a file", [path], path.read_text) if path.exists() else None
    )


SET = Declared("mine", "My Set", find, "set.txt", {URL: None}, "texts", lambda: "made")
OTHER = Declared("other", "The Other", lambda folder: None, "something else")


@pytest.fixture
def downloads(monkeypatch):
    """Counts what is downloaded, and writes it."""
    asked = []

    def download(urls, folder):
        asked.extend(urls)
        folder.mkdir(parents=True)
        (folder / "set.txt").write_text("downloaded")

    monkeypatch.setattr(network, "download", download)
    return asked


def content(*args, **options):
    name, source = choose(*args, **options)
    return name, source.read()


def test_a_named_folder_is_searched_and_nothing_else(tmp_path, monkeypatch, downloads):
    with pytest.raises(UserError, match=f"no My Set: none in {tmp_path}; let it be"):
        choose("mine", [SET], tmp_path)
    (tmp_path / "set.txt").write_text("on disk")
    for data in ("mine", "auto"):
        assert content(data, [SET, OTHER], tmp_path) == ("mine", "on disk")
    monkeypatch.setenv("SLIM_KERAS_DATA", str(tmp_path))
    assert content("auto", [SET]) == ("mine", "on disk")
    assert content("sample", [SET]) == ("sample", "made")
    for data in ("mine", "auto"):
        with pytest.raises(UserError, match=r"data_dir .* this folder does not exist"):
            choose(data, [SET], tmp_path / "nowhere")
    assert not downloads


def test_without_a_folder_it_is_downloaded_once(downloads):
    for data in ("mine", "auto"):
        assert content(data, [SET]) == ("mine", "downloaded")
    assert downloads == [URL]


def test_the_folder_of_tensorflow_datasets_is_searched(monkeypatch, downloads):
    home = Path(os.environ["TFDS_DATA_DIR"])
    home.mkdir()
    (home / "set.txt").write_text("prepared")
    assert content("auto", [SET]) == ("mine", "prepared")
    assert not downloads


def test_what_is_read_is_named_once(tmp_path, capsys):
    path = tmp_path / "set.txt"
    path.write_text("on disk")
    _, source = choose("mine", [SET], tmp_path)
    assert capsys.readouterr().err == ""  # the cache may have it
    assert [source.read(), source.read()] == ["on disk", "on disk"]
    assert capsys.readouterr().err == f"reading {path}\n"


def test_without_data_the_sample_is_announced_once(capsys):
    assert content("auto", [SET]) == ("sample", "made")
    said = capsys.readouterr().err
    for part in ("SAMPLE of synthetic texts", "no network", "--data-dir", "set.txt"):
        assert part in said
    assert choose("auto", [SET])[1].origin == "synthetic texts, sample.py"
    assert capsys.readouterr().err == ""


def test_what_was_asked_for_by_name_is_never_replaced():
    with pytest.raises(UserError, match=r"no My Set: none in .*no network") as caught:
        choose("mine", [SET])
    assert "\n" not in str(caught.value)
    with pytest.raises(
        UserError, match=r"no The Other: none in .*; name by --data-dir"
    ):
        choose("other", [SET, OTHER])  # nothing can be downloaded
    message = "data is 'mime': it must be auto, mine, other or sample"
    with pytest.raises(UserError, match=message):
        choose("mime", [SET, OTHER])


def test_what_was_built_is_cached_until_its_files_change(tmp_path):
    path = tmp_path / "set.txt"
    path.write_text("one")
    os.utime(path, ns=(1, 1))
    built = []

    def build(options=()):
        source = required(SET, tmp_path)

        def make():
            built.append(source.read())
            return choosing.Declared("x", source.read(), None, "x")

        kind = choosing.Declared
        return cached(source, [1], options, make, kind).title

    assert [build(), build()] == ["one", "one"]
    assert built == ["one"]
    path.write_text("two")
    os.utime(path, ns=(1, 2))
    assert build() == "two"
    assert build([3]) == "two"
    assert built == ["one", "two", "two"]


def test_a_file_that_vanishes_is_named(tmp_path):
    source = disk.Source(tmp_path, "a file", [tmp_path / "gone"], str)
    with pytest.raises(UserError, match=rf"{tmp_path} cannot be read .*gone"):
        cached(source, [1], [], str, str)


LOADERS = {
    "imdb": (imdb.load, "aclImdb/.*aclImdb_v1.tar.gz.*imdb_word_index.json"),
    "newsgroups": (
        newsgroups.load,
        "20_newsgroup/ or news20.tar.gz.*http://www.cs.cmu",
    ),
    "mnist": (mnist.load, "four idx files.*mnist.npz"),
    "spoken_digits": (spoken_digits.load, "recordings/.*free-spoken-digit-dataset"),
    "ecg": (ecg.load, "mitdb/.*physionet.org.*mitdb.tar.xz"),
    "omniglot": (
        partial(handwriting.load, count=4),
        "small1.zip and .*small2.zip from https://raw.github",
    ),
}


@pytest.mark.parametrize("name", LOADERS)
def test_every_data_set_says_how_to_get_it_and_has_a_sample(
    name, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(handwriting, "EVALUATED", 4)
    load, ways = LOADERS[name]
    with pytest.raises(UserError, match=f"none in {tmp_path}; .*{ways}"):
        load(name, tmp_path)
    assert load("auto", tmp_path).name == "sample"
    assert "SAMPLE of synthetic" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("load", "ways"),
    [
        (lambda place: glove.load(["the"], data_dir=place), "glove.6B.zip.*862 MB"),
        (lambda place: handwriting.load("pendigits", place), "pendigits.tra and"),
        (lambda place: handwriting.load("iam_ondb", place), "register for the licence"),
        (lambda place: newsgroups.load("newsgroups", place, split="bydate"), "qwone"),
    ],
    ids=["glove", "pendigits", "iam_ondb", "bydate"],
)
def test_what_has_no_sample_says_so_too(load, ways, tmp_path):
    for place in (tmp_path, None):
        with pytest.raises(UserError, match=f"none in .*; .*{ways}"):
            load(place)


def test_neither_keras_nor_tensorflow_is_imported():
    """They would fix the backend, and take the GPU, before the command chose."""
    code = (
        "import sys\n"
        "from experiments.datasets import (ecg, glove, handwriting, imdb, "
        "mnist, newsgroups, spoken_digits)\n"
        "handwriting.EVALUATED = 4\n"
        "handwriting.load('sample', count=4)\n"
        "for data in (ecg, imdb, mnist, spoken_digits): data.load('sample')\n"
        "glove.sample(newsgroups.load('sample').vocabulary, 4)\n"
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))\n"
    )
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (child.stdout, child.stderr) == ("[]\n", "")
