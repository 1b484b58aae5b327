"""A compiler of C on this machine, and a run of a file with it."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_MAIN = """\
#include <stdio.h>
#include "{name}.h"

int main(int count, char **paths)
{{
    static {name}_state state;
    static float x[{macro}_INPUTS], y[{macro}_OUTPUTS];
    FILE *in, *out;
    if (count != 3 || !(in = fopen(paths[1], "rb")) || !(out = fopen(paths[2], "wb")))
        return 1;
    {name}_init(&state);
    while (fread(x, sizeof x, 1, in) == 1) {{
        {name}_step(&state, x, y);
        if (fwrite(y, sizeof y, 1, out) != 1)
            return 1;
    }}
    return fclose(out) != 0;
}}
"""


def command() -> list[str]:
    """The command of a C compiler: of the path, or that of PyPI's `ziglang`.

    Raises:
        ImportError: Neither is there.
    """
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return [path]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise ImportError(
        "`to_c` compares the file with the model and needs a C compiler for it: put "
        "cc, gcc or clang on the path, or pip install ziglang. With check=False it "
        "writes the file without a comparison."
    )


def run(
    folder: Path, name: str, sequences: np.ndarray, flags: Sequence[str] = ("-O2",)
) -> np.ndarray:
    """Compiles `NAME.c` of a folder and runs it.

    Args:
        folder: Where the file and its header lie; the program comes to lie there, too.
        name: The name.
        sequences: Inputs, `(sequences, steps, inputs)`.
        flags: For the compiler.

    Returns:
        The outputs, `(sequences, steps, outputs)`.

    Raises:
        RuntimeError: The file does not compile or run.
    """
    main, program = folder / "main.c", folder / "program"
    main.write_text(_MAIN.format(name=name, macro=name.upper()))
    sources = [str(folder / f"{name}.c"), str(main)]
    _finished([*command(), "-std=c99", *flags, *sources, "-o", str(program)])
    given, found = folder / "x", folder / "y"
    outputs = []
    for sequence in sequences:
        given.write_bytes(np.ascontiguousarray(sequence, "float32").tobytes())
        _finished([str(program), str(given), str(found)])
        y = np.frombuffer(found.read_bytes(), "float32")
        outputs.append(y.reshape(len(sequence), -1))
    return np.stack(outputs)


def _finished(command: Sequence[str]):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        raise RuntimeError(
            f"{command[0]} ended with {done.returncode}:\n{done.stderr[-4000:]}"
        )
