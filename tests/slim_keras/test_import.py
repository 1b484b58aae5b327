"""What importing the library brings in, and that warnings are errors."""

import json
import os
import subprocess
import sys
import warnings

import pytest

from tests.slim_keras import support

PROGRAM = """
import json, sys
import keras
before = set(sys.modules)
import slim_keras
print(json.dumps([sorted(before), sorted(set(sys.modules) - before)]))
"""


def test_import_brings_in_the_chosen_backend_alone():
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=os.environ
        | {"KERAS_BACKEND": support.BACKEND, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    before, added = json.loads(finished.stdout.splitlines()[-1])
    frameworks = {"tensorflow", "jax", "torch"}
    roots = {name.split(".")[0] for name in added}
    assert roots & frameworks <= {support.BACKEND}
    assert not roots & {"experiments", "tests"}
    if support.BACKEND != "tensorflow":
        assert "tensorflow" not in before + added


def test_warnings_are_errors():
    with pytest.raises(UserWarning, match="this one"):
        warnings.warn("this one", UserWarning, stacklevel=1)
