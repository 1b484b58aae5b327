"""Every test of the data sets is alone: no network, no data, no cache of the user."""

import shutil
import socket
import subprocess
import warnings

import pytest

from experiments.datasets import choose


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

    folder = tmp_path_factory.mktemp("prepared")
    no_search = pytest.MonkeyPatch()  # for a Google machine
    no_search.setenv("NO_GCE_CHECK", "true")
    with warnings.catch_warnings(action="ignore"):
        import tensorflow_datasets as tfds

        kinds = {
            "text": tfds.features.Text(),
            "label": tfds.features.ClassLabel(num_classes=10),
            "image": tfds.features.Image(shape=(28, 28, 1)),
            "audio": tfds.features.Audio(file_format="wav", sample_rate=8000),
            "audio/filename": tfds.features.Text(),
        }
        for module in (test_imdb, test_mnist, test_spoken_digits):
            name, config, version, splits = module.prepared()
            (first, *_), *_ = splits.values()
            tfds.dataset_builders.store_as_tfds_dataset(
                name=name,
                config=config,
                version=version,
                data_dir=folder,
                features=tfds.features.FeaturesDict({key: kinds[key] for key in first}),
                split_datasets={k: list(enumerate(v)) for k, v in splits.items()},
            )
    yield folder
    no_search.undo()


@pytest.fixture
def without_child(originals, monkeypatch):
    """Prepared data are read in this process, which has loaded TensorFlow already."""
    from experiments.datasets import tfds_child

    def run(command, **options):
        with warnings.catch_warnings(action="ignore"):
            tfds_child.read(*map(str, command[3:]))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("experiments.datasets.tfds.subprocess.run", run)


@pytest.fixture
def prepare(originals):
    """Writes one of them into a folder, and returns the folder of its files."""

    def write(name, place):
        shutil.copytree(originals / name, place / name)
        return place / name

    return write
