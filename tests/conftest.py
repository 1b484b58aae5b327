"""What all tests share."""

import gc
from contextlib import suppress

from hypothesis import settings

# Triton crashes where TensorFlow was loaded first.
with suppress(ImportError):
    import triton as triton

# The same examples every time; no test depends on how fast the machine is.
settings.register_profile("tests", deadline=None, derandomize=True, database=None)
settings.load_profile("tests")


def pytest_collection_finish():
    """Spares the garbage collector the hundreds of thousands of objects imported."""
    gc.collect()
    gc.freeze()
