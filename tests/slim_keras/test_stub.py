"""What a static reader sees; mypy reads `typed.py` beside this file."""

from pathlib import Path

import slim_keras
from slim_keras import _stub

PACKAGE = Path(slim_keras.__file__).parent


def test_the_stub_is_that_of_the_code():
    """Otherwise run `python -m slim_keras._stub`."""
    assert (PACKAGE / "__init__.pyi").read_text(encoding="utf-8") == _stub.text()
