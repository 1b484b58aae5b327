"""What a static reader sees: the stub beside the package, by mypy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import slim_keras
from slim_keras import _stub
from tests.slim_keras import support

PACKAGE = Path(slim_keras.__file__).parent

RIGHT = """
import keras
import slim_keras
from slim_keras import DenseStack, IndRNN, LSTM, LSTM6, LSTM6Cell, LSTM10, get

LSTM6(100, forget=0.9, return_sequences=True, engine="scan", name="mine")
LSTM(8, "relu", "hard_sigmoid", False, use_cudnn=False, implementation=1)
LSTM10(8, recurrent_vector_initializer=slim_keras.BoundedUniform(2.0, 20), unroll=4)
IndRNN(8, activation=keras.ops.relu, recurrent_vector_constraint=None)
LSTM6Cell(8, recurrent_dropout=0.1, seed=1)
DenseStack(IndRNN(8), (2, 1), dropout=0.1, last_initializer="ones")
slim_keras.activations.hard_sigmoid_keras2(1.0)
get("lstm6")(100)
"""
# One error in each line.
WRONG = """
from slim_keras import IndRNN, LSTM, LSTM6, LSTM6Cell, PlainStack

LSTM6(100, forgot=0.9)
LSTM6(forget=0.9)
LSTM6("100")
LSTM6(100, recurrent_activation="sigmoid")
LSTM(8, use_cudnn=True)
LSTM6Cell(8, return_sequences=True)
PlainStack(IndRNN(8))
PlainStack(IndRNN(8), 2, normalisation="after")
"""


def test_the_stub_is_that_of_the_code():
    """Otherwise run `python -m slim_keras._stub`."""
    assert (PACKAGE / "__init__.pyi").read_text(encoding="utf-8") == _stub.text()


@pytest.mark.skipif(support.BACKEND != "tensorflow", reason="once is enough")
def test_mypy_checks_the_arguments(tmp_path):
    code = tmp_path / "code.py"
    code.write_text(RIGHT + WRONG)
    command = [sys.executable, "-m", "mypy", "--ignore-missing-imports", "code.py"]
    finished = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [x for x in finished.stdout.splitlines() if ": error: " in x]
    first = (RIGHT + WRONG).splitlines().index("LSTM6(100, forgot=0.9)")
    wanted = range(first + 1, len((RIGHT + WRONG).splitlines()) + 1)
    assert [int(line.split(":")[1]) for line in found] == list(wanted), found
