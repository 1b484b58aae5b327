"""What the tests of the experiments share."""

import os
from pathlib import Path

import keras
import pytest


@pytest.fixture(autouse=True)
def _without_numba(request, monkeypatch):
    """Where it does not compile its kernel, PyTorch's operators are quicker."""
    if request.path.parent == Path(__file__).parent:
        monkeypatch.setattr(
            "slim_keras.engine.resolve.installed", lambda module: module != "numba"
        )


@pytest.fixture(autouse=True, scope="session")
def _children_without_tensorflow(tmp_path_factory):
    """Keras would import TensorFlow to seed it, for seconds, where it is installed."""
    if keras.config.backend() == "tensorflow":
        yield
        return
    folder = tmp_path_factory.mktemp("without_tensorflow")
    (folder / "tensorflow.py").write_text("raise ImportError('left out')\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        yield
