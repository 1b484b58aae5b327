"""Small sets of reviews, written in every form that the loader reads."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from experiments.datasets import imdb, notice

from . import newsgroups_files

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")  # no test depends on how fast the machine is

PER_CLASS = 3
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

_TFDS_WRITER = """
import json, sys
import tensorflow_datasets as tfds
folder, corpus = sys.argv[1], json.loads(sys.argv[2])
tfds.dataset_builders.store_as_tfds_dataset(
    name="imdb_reviews",
    config="plain_text",
    version="1.0.0",
    data_dir=folder,
    features=tfds.features.FeaturesDict({
        "text": tfds.features.Text(),
        "label": tfds.features.ClassLabel(names=["neg", "pos"]),
    }),
    split_datasets={
        split: [
            (number, {"text": text, "label": label})
            for number, (text, label) in enumerate(examples)
        ]
        for split, examples in corpus.items()
    },
)
"""


def members(corpus=CORPUS):
    """Path inside `aclImdb` and content of every review."""
    for split, examples in corpus.items():
        for number, (text, label) in enumerate(examples):
            name = f"pos/{number}_9.txt" if label else f"neg/{number}_2.txt"
            yield f"{split}/{name}", text.encode()


def write_folder(place: Path, corpus=CORPUS) -> Path:
    for name, content in members(corpus):
        file = place / "aclImdb" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (place / "aclImdb" / "README").write_text("read me")
    return place / "aclImdb"


def write_archive(place: Path, corpus=CORPUS, extra=()) -> Path:
    path = place / "aclImdb_v1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in [
            ("aclImdb/README", b"read me"),
            ("aclImdb/train/unsup/0_0.txt", b"nobody knows"),
            ("aclImdb/train/pos/._0_9.txt", b"\xff left by a file manager"),
            *((f"aclImdb/{name}", content) for name, content in members(corpus)),
            *extra,
        ]:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def write_npz(place: Path, corpus=CORPUS) -> Path:
    """As Keras keeps it: ranks from 1, here with ties in another order than ours."""
    cut = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))
    texts = {
        split: [text.lower().translate(cut).split() for text, _ in examples]
        for split, examples in corpus.items()
    }
    counts = Counter(word for text in texts["train"] for word in text)
    ordered = sorted(counts, key=lambda word: (counts[word], word), reverse=True)
    ordered += sorted({word for text in texts["test"] for word in text} - set(counts))
    index = {word: rank for rank, word in enumerate(ordered, start=1)}
    arrays = {}
    for split, examples in corpus.items():
        rows = np.empty(len(examples), object)
        rows[:] = [[index[word] for word in text] for text in texts[split]]
        arrays[f"x_{split}"] = rows
        arrays[f"y_{split}"] = np.array([label for _, label in examples])
    np.savez(place / "imdb.npz", **arrays)
    (place / "imdb_word_index.json").write_text(json.dumps(index))
    return place / "imdb.npz"


@pytest.fixture(scope="session")
def tfds_original(tmp_path_factory) -> Path:
    """A data set prepared by tensorflow-datasets; not to be changed."""
    folder = tmp_path_factory.mktemp("prepared")
    subprocess.run(
        [sys.executable, "-c", _TFDS_WRITER, str(folder), json.dumps(CORPUS)],
        env=os.environ | {"NO_GCE_CHECK": "true"},
        capture_output=True,
        check=True,
    )
    return folder


@pytest.fixture
def write_tfds(tfds_original):
    def write(place: Path) -> Path:
        shutil.copytree(tfds_original, place, dirs_exist_ok=True)
        return place / "imdb_reviews" / "plain_text" / "1.0.0"

    return write


@pytest.fixture(autouse=True)
def alone(request, monkeypatch, tmp_path_factory):
    """No network, no data and no cache of whoever runs the tests; small sets pass."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TFDS_DATA_DIR", str(home / "tensorflow_datasets"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.delenv("SLIM_KERAS_DATA", raising=False)
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)

    def refuse(*_args, **_kwargs):
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "create_connection", refuse)
    if not request.node.get_closest_marker("real_data"):
        monkeypatch.setattr(imdb, "PER_CLASS", PER_CLASS)
        newsgroups_files.make_small(monkeypatch)
    notice.no_real_data.cache_clear()
