"""The grids need Keras: they take the backend in use."""

import keras
import pytest


@pytest.fixture(autouse=True)
def _backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", keras.config.backend())
