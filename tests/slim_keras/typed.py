"""For mypy alone: calls that the stub of the package allows, and some that it refuses.

Where the stub allowed one of the latter, mypy would name its `type: ignore` as unused.
"""

import keras

import slim_keras
from slim_keras import (
    LSTM,
    LSTM6,
    LSTM10,
    DenseStack,
    IndRNN,
    LSTM6Cell,
    PlainStack,
    get,
)

LSTM6(100, forget=0.9, return_sequences=True, engine="scan", name="mine")
LSTM(8, "relu", "hard_sigmoid", False, use_cudnn=False, implementation=1)
LSTM10(8, recurrent_vector_initializer=slim_keras.BoundedUniform(2.0, 20), unroll=4)
IndRNN(8, activation=keras.ops.relu, recurrent_vector_constraint=None)
LSTM6Cell(8, recurrent_dropout=0.1, seed=1)
DenseStack(IndRNN(8), (2, 1), dropout=0.1, last_initializer="ones")
slim_keras.activations.hard_sigmoid_keras2(1.0)
get("lstm6")(100)

LSTM6(100, forgot=0.9)  # type: ignore[call-arg]
LSTM6(forget=0.9)  # type: ignore[call-arg]
LSTM6("100")  # type: ignore[arg-type]
LSTM6(100, recurrent_activation="sigmoid")  # type: ignore[call-arg]
LSTM(8, use_cudnn=True)  # type: ignore[arg-type]
LSTM6Cell(8, return_sequences=True)  # type: ignore[call-arg]
PlainStack(IndRNN(8))  # type: ignore[call-arg]
PlainStack(IndRNN(8), 2, normalisation="after")  # type: ignore[call-arg]
