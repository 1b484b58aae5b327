"""What the tests of the experiments share."""

import pytest


@pytest.fixture(autouse=True)
def _without_numba(monkeypatch):
    """Its kernel pays where it is compiled, and these tests end before that."""
    monkeypatch.setattr(
        "slim_keras.engine.resolve.installed", lambda module: module != "numba"
    )
