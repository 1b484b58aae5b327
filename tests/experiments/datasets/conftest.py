"""Every test of the data sets is alone: no network, no data, no cache of the user."""

import json
import os
import shutil
import socket
import subprocess
import sys

import pytest
from filelock import FileLock

from experiments.datasets import choose

_PREPARE = """
import json, sys
import numpy as np
import tensorflow_datasets as tfds
f = tfds.features
KINDS = {
    "text": f.Text(),
    "label": f.ClassLabel(num_classes=10),
    "image": f.Image(shape=(28, 28, 1)),
    "audio": f.Audio(file_format="wav", sample_rate=8000),
    "audio/filename": f.Text(),
}
ARRAYS = {"image": np.uint8, "audio": np.int64}
for name, config, version, splits in json.load(sys.stdin):
    (first, *_), *_ = splits.values()
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        config=config,
        version=version,
        data_dir=sys.argv[1],
        features=f.FeaturesDict({key: KINDS[key] for key in first}),
        split_datasets={
            split: [
                (number, {
                    key: np.array(value, ARRAYS[key]) if key in ARRAYS else value
                    for key, value in example.items()
                })
                for number, example in enumerate(examples)
            ]
            for split, examples in splits.items()
        },
    )
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TFDS_DATA_DIR", str(home / "tensorflow_datasets"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.delenv("SLIM_KERAS_DATA", raising=False)
    for proxy in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
        monkeypatch.delenv(proxy.upper(), raising=False)

    def refuse(*_args, **_kwargs):
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    choose._notice.cache_clear()


@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    """Small data sets that tensorflow-datasets has prepared; not to be changed."""
    from . import test_imdb, test_mnist, test_spoken_digits

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # the first worker prepares them for all
    folder /= "prepared"
    modules = (test_imdb, test_mnist, test_spoken_digits)
    sets = [module.prepared() for module in modules]
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            subprocess.run(
                [sys.executable, "-c", _PREPARE, str(folder)],
                input=json.dumps(sets),
                text=True,
                env=os.environ | {"NO_GCE_CHECK": "true"},
                capture_output=True,
                check=True,
            )
    return folder


@pytest.fixture
def prepare(originals):
    """Writes one of them into a folder, and returns the folder of its files."""

    def write(name, place):
        shutil.copytree(originals / name, place / name)
        return place / name

    return write
