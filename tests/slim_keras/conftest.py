"""What all tests of the library share."""

import numpy as np
import pytest
from hypothesis import settings

# The same examples every time; no test depends on how fast the machine is.
settings.register_profile("library", deadline=None, derandomize=True, database=None)
settings.load_profile("library")


@pytest.fixture
def rng():
    return np.random.default_rng(0)
