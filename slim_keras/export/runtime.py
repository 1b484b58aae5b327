"""Files and models behind one face: inputs, outputs, arrays by name in and out."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from slim_keras.export.signature import Port, inputs_of, outputs_of, predict


@dataclass(frozen=True)
class Runtime:
    """Something that runs.

    Attributes:
        inputs: Its inputs.
        outputs: The names of its outputs.
        run: Arrays by name to arrays by name.
    """

    inputs: list[Port]
    outputs: list[str]
    run: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]


def need(*packages: str, extra: str = "export"):
    """Raises an ImportError that names the extra, unless the packages are there."""
    missing = [p for p in packages if importlib.util.find_spec(p) is None]
    if missing:
        names = " ".join(name.replace("_", "-") for name in missing)
        raise ImportError(
            f"`slim_keras.export` needs {' and '.join(missing)}: pip install {names}, "
            f"or the extra [{extra}]."
        )


# Calls a LiteRT file once, with zeros.
_ONCE = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
run = Interpreter(sys.argv[1], num_threads=1).get_signature_runner()
run(**{
    name: np.zeros([max(1, n) for n in x["shape"]], x["dtype"])
    for name, x in run.get_input_details().items()
})
"""


def aborts(path: Path) -> bool:
    """Whether LiteRT's interpreter ends the process that runs a file."""
    finished = subprocess.run(
        [sys.executable, "-c", _ONCE, str(path)],
        env=child_environment(),
        capture_output=True,
        check=False,
    )
    return finished.returncode < 0


def child_environment() -> dict[str, str]:
    """The environment in which a child finds this process' packages, and no GPU."""
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "CUDA_VISIBLE_DEVICES": "-1",
    }


def open_runtime(model: "keras.Model | str | Path | Runtime") -> Runtime:
    """A model, a `.tflite` or `.onnx` file or a SavedModel, ready to run."""
    if isinstance(model, Runtime):
        return model
    if isinstance(model, keras.Model):
        outputs = list(outputs_of(model))
        return Runtime(inputs_of(model), outputs, lambda arrays: predict(model, arrays))
    path = Path(model)
    if not path.exists():
        raise ValueError(f"There is no file {str(path)!r}.")
    if path.suffix == ".tflite":
        return _litert(path)
    if path.suffix == ".onnx":
        return _onnx(path)
    if path.is_dir():
        return _saved_model(path)
    raise ValueError(
        "A `.tflite` file, an `.onnx` file or the folder of a SavedModel can be run. "
        f"Received: {str(path)!r}"
    )


def _litert(path):
    need("ai_edge_litert")
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path), num_threads=1).get_signature_runner()
    inputs = [
        Port(
            name,
            tuple(None if n < 0 else int(n) for n in x["shape_signature"]),
            np.dtype(x["dtype"]).name,
        )
        for name, x in runner.get_input_details().items()
    ]
    outputs = list(runner.get_output_details())
    return Runtime(inputs, outputs, lambda arrays: runner(**arrays))


def _onnx(path):
    need("onnxruntime")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    inputs = [
        Port(
            x.name,
            tuple(n if isinstance(n, int) else None for n in x.shape),
            # "tensor(float)", "tensor(int32)"
            np.dtype(_ONNX_NAMES.get(x.type, x.type[7:-1])).name,
        )
        for x in session.get_inputs()
    ]
    outputs = [y.name for y in session.get_outputs()]

    def run(arrays):
        return dict(zip(outputs, session.run(outputs, arrays), strict=True))

    return Runtime(inputs, outputs, run)


_ONNX_NAMES = {"tensor(float)": "float32", "tensor(double)": "float64"}


def _saved_model(path):
    need("tensorflow")
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))  # its functions need it alive
    function = loaded.signatures["serving_default"]
    inputs = [
        Port(name, tuple(x.shape), x.dtype.name)
        for name, x in function.structured_input_signature[1].items()
    ]

    def run(arrays):
        tensors = {name: tf.constant(x) for name, x in arrays.items()}
        outputs = loaded.signatures["serving_default"](**tensors)
        return {name: y.numpy() for name, y in outputs.items()}

    return Runtime(inputs, list(function.structured_outputs), run)
