"""Runs exported files without Keras and TensorFlow: a script, run as a child.

    python child.py memory ARRAYS FILE             prints megabytes
    python child.py time ARRAYS OUT ROUNDS FILE ...

ARRAYS is an .npz with `x`, inputs `(sequences, calls, ...)`. Every call takes one of
them; a state, an input NAME with an output next_NAME, is zero at the start of a
sequence and fed back at each call. `time` runs the files in turns, in ROUNDS rounds,
and writes an .npz with the seconds of each sequence `(files, sequences)` and the
outputs of its last call `(files, sequences, ...)`. The seconds are those of the runtime
on one thread, `invoke` of LiteRT and `run_with_iobinding` of onnxruntime, without the
copies from and to Python.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

NEXT = "next_"
Arrays = dict[str, np.ndarray]
# The states at first, and a call: seconds and outputs.
Runtime = tuple[Arrays, Callable[[Arrays], tuple[float, Arrays]]]


def _litert(path: str) -> Runtime:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=1)
    interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner()
    inputs, outputs = runner.get_input_details(), runner.get_output_details()

    def call(arrays: Arrays) -> tuple[float, Arrays]:
        for name, details in inputs.items():
            interpreter.set_tensor(details["index"], arrays[name])
        start = time.perf_counter()
        interpreter.invoke()
        seconds = time.perf_counter() - start
        return seconds, {
            name: interpreter.get_tensor(details["index"])
            for name, details in outputs.items()
        }

    zeros = {
        name: np.zeros(details["shape"], details["dtype"])
        for name, details in inputs.items()
        if NEXT + name in outputs
    }
    return zeros, call


def _onnx(path: str) -> Runtime:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    binding = session.io_binding()

    def call(arrays: Arrays) -> tuple[float, Arrays]:
        for name, array in arrays.items():
            binding.bind_cpu_input(name, array)
        for name in names:
            binding.bind_output(name)
        start = time.perf_counter()
        session.run_with_iobinding(binding)
        seconds = time.perf_counter() - start
        return seconds, dict(zip(names, binding.copy_outputs_to_cpu(), strict=True))

    zeros = {
        x.name: np.zeros(x.shape, np.float32)
        for x in session.get_inputs()
        if NEXT + x.name in names
    }
    return zeros, call


def _open(path: str) -> Runtime:
    return {".tflite": _litert, ".onnx": _onnx}[Path(path).suffix](path)


def _run(runtime: Runtime, calls: np.ndarray) -> tuple[float, np.ndarray]:
    """Seconds of a sequence and its last output."""
    states, call = runtime
    total = 0.0
    for x in calls:
        seconds, outputs = call({"input": x, **states})
        states = {name: outputs[NEXT + name] for name in states}
        total += seconds
    return total, outputs["output"]


def _megabytes(field: str) -> float:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1000


def memory(arrays: str, path: str) -> None:
    """Prints how much memory a file adds to its process, at the peak."""
    x = np.load(arrays)["x"]
    if path.endswith(".tflite"):
        import ai_edge_litert.interpreter  # noqa: F401
    else:
        import onnxruntime  # noqa: F401
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = _megabytes("VmRSS")
    _run(_open(path), x[0])
    print(_megabytes("VmHWM") - before)


def measure(arrays: str, out: str, rounds: str, *paths: str) -> None:
    """The times and outputs of all files, in turns."""
    x = np.load(arrays)["x"]
    runtimes = [_open(path) for path in paths]
    for runtime in runtimes:
        _run(runtime, x[0])  # the first one prepares
    seconds: list[list[float]] = [[] for _ in paths]
    outputs: list[list[np.ndarray]] = [[] for _ in paths]
    for block in np.array_split(x, int(rounds)):
        for place, runtime in enumerate(runtimes):
            for calls in block:
                taken, output = _run(runtime, calls)
                seconds[place].append(taken)
                outputs[place].append(output)
    np.savez(out, seconds=np.array(seconds), outputs=np.array(outputs))


if __name__ == "__main__":
    _, task, *given = sys.argv
    tasks: dict[str, Callable[..., None]] = {"memory": memory, "time": measure}
    tasks[task](*given)
