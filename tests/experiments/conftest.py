"""What the tests of the experiments share."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _without_numba(request, monkeypatch):
    """Where it does not compile its kernel, PyTorch's operators are quicker."""
    if request.path.parent == Path(__file__).parent:
        monkeypatch.setattr(
            "slim_keras.engine.resolve.installed", lambda module: module != "numba"
        )
