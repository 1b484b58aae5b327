"""Models as files for small devices and servers, whole or step by step.

`to_litert`, `to_onnx` and `to_saved_model` write any Keras model that holds layers of
`slim_keras`; `streaming` makes a model of one step of it, whose states are inputs and
outputs; `Stream` feeds that, or its file, with live input; `to_c` writes it as C. The
files need neither Keras nor this library. Their inputs and outputs have the keys of a
model made with dictionaries; else what is alone is called `input` or `output`, and
several `input_0`, `input_1` ... They need the extra `[export]`, and `to_c` a C compiler
in its place.
"""

from slim_keras.export.c import ExportedC as ExportedC, to_c as to_c
from slim_keras.export.check import Exported as Exported
from slim_keras.export.files import (
    to_litert as to_litert,
    to_onnx as to_onnx,
    to_saved_model as to_saved_model,
)
from slim_keras.export.stream import Stream as Stream
from slim_keras.export.streaming import streaming as streaming
