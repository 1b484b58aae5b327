"""LiteRT Micro's interpreter as a program: a file may end the process that runs it.

`python micro_child.py NAME.tflite` writes a line of JSON that describes the file. Then
it reads the numbers of all inputs from standard input and writes those of all outputs
to standard output, until the input ends. It imports nothing of slim_keras, so that it
starts fast.
"""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from tflite_micro.python.tflite_micro.runtime import Interpreter
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

_LARGEST = 1 << 26  # bytes of an arena, more than microcontrollers have
_ALIGNMENT = 16


def main(path: str):
    """See above."""
    content = Path(path).read_bytes()
    interpreter = _interpreter(content, _LARGEST)
    about = _about(content)
    for port in about["inputs"]:
        port |= _described(interpreter.get_input_details(port["place"]))
    for port in about["outputs"]:
        port |= _described(interpreter.get_output_details(port["place"]))
    print(json.dumps(about | {"arena": _smallest_arena(content)}), flush=True)
    given: Any = sys.stdin.buffer
    taken = sys.stdout.buffer
    while given.peek(1):
        for x in about["inputs"]:
            count = np.prod(x["shape"], dtype=int) * np.dtype(x["dtype"]).itemsize
            array = np.frombuffer(given.read(count), x["dtype"]).reshape(x["shape"])
            interpreter.set_input(array, x["place"])
        interpreter.invoke()
        for y in about["outputs"]:
            taken.write(interpreter.get_output(y["place"]).tobytes())
        taken.flush()


def _interpreter(content, arena):
    """An interpreter that has run once, with zeros."""
    interpreter = Interpreter.from_bytes(content, arena_size=arena)
    interpreter.invoke()
    return interpreter


def _about(content):
    """The operators, and the names of inputs and outputs with their places."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    known = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    codes = (max(x.builtinCode, x.deprecatedBuiltinCode) for x in model.operatorCodes)
    [signature], graph = model.signatureDefs, model.subgraphs[0]

    def placed(ports, order):
        ports = [
            {"name": x.name.decode(), "place": list(order).index(x.tensorIndex)}
            for x in ports
        ]
        return sorted(ports, key=lambda x: x["place"])

    return {
        "operators": sorted(known[n] for n in codes),
        "inputs": placed(signature.inputs, graph.inputs),
        "outputs": placed(signature.outputs, graph.outputs),
    }


def _described(details):
    dtype = np.dtype(details["dtype"]).name
    return {"shape": details["shape"].tolist(), "dtype": dtype}


def _smallest_arena(content):
    """By bisection: the allocator counts what stays, not what it needs at first."""
    low, high = 0, _LARGEST
    while high - low > _ALIGNMENT:
        middle = (low + high) // (2 * _ALIGNMENT) * _ALIGNMENT
        if _fits(content, middle):
            high = middle
        else:
            low = middle
    return high


def _fits(content, arena):
    """Whether an arena is enough, in a fork: one that is not may end the process."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(RuntimeError):
            _interpreter(content, arena)
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


if __name__ == "__main__":
    main(sys.argv[1])
