"""Files for LiteRT Micro, the interpreter of microcontrollers."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from slim_keras.export.runtime import Runtime, child_environment
from slim_keras.export.signature import Port, inputs_of, vocabularies

_CHILD = Path(__file__).with_name("micro_child.py")


@dataclass(frozen=True)
class Micro(Runtime):
    """A file that runs in LiteRT Micro's interpreter, in a process of its own.

    Attributes:
        arena: The bytes of RAM that the interpreter needs.
        about: The file's `inputs`, `outputs` and `operators`, as JSON.
    """

    arena: int
    about: dict[str, Any]


def check_micro(model: keras.Model, quantize: str | None):
    """Refuses what cannot run in LiteRT Micro."""
    if quantize not in (None, "full", "full16"):
        raise ValueError(
            "`quantize` must be None, 'full' or 'full16' with runtime='micro': LiteRT "
            "Micro has no products of small weights and float32 activations. "
            f"Received: quantize={quantize!r}"
        )
    if vocabularies(model):
        raise ValueError(
            "`model` must have no `Embedding` with runtime='micro': LiteRT Micro does "
            "not find words by number. Export the layers behind it, and find them in "
            "the firmware, or take `slim_keras.export.to_c`."
        )
    for port in inputs_of(model):
        if None in port.shape[1:]:
            raise ValueError(
                "`model` must have a fixed length with runtime='micro': LiteRT Micro "
                "resizes nothing. Fix the length in `keras.Input`, or export one step: "
                "`slim_keras.export.streaming(model)`. Received: the input "
                f"{port.name!r} of shape {port.shape}"
            )


@contextlib.contextmanager
def open_micro(path: Path) -> Iterator[Micro]:
    """A file in LiteRT Micro's interpreter.

    Raises:
        ValueError: The interpreter does not take the file.
    """
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            [sys.executable, "-P", str(_CHILD), str(path)],
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
        ) as child,
    ):
        given: Any = child.stdin
        taken: Any = child.stdout
        line = taken.readline()
        if not line:
            raise ValueError(f"LiteRT Micro does not run `model`: {_reason(said)}")
        about = json.loads(line)
        said.seek(0)
        said.truncate()  # the words of arenas that were too small

        def run(arrays):
            try:
                for x in about["inputs"]:
                    given.write(arrays[x["name"]].astype(x["dtype"]).tobytes())
                given.flush()
                return {y["name"]: _read(taken, y) for y in about["outputs"]}
            except (OSError, ValueError) as error:  # the process has ended
                with contextlib.suppress(OSError):
                    given.close()
                raise ValueError(_reason(said)) from error

        yield Micro(
            [Port(x["name"], tuple(x["shape"]), x["dtype"]) for x in about["inputs"]],
            [y["name"] for y in about["outputs"]],
            run,
            about.pop("arena"),
            about,
        )


def _read(file, port):
    count = np.prod(port["shape"], dtype=int) * np.dtype(port["dtype"]).itemsize
    return np.frombuffer(file.read(count), port["dtype"]).reshape(port["shape"])


def _reason(said) -> str:
    """What the interpreter said before it ended; Python's traceback follows."""
    said.seek(0)
    words = said.read().split("Traceback")[0].split("\n")
    return "; ".join(line.strip() for line in words if line.strip()) or "it crashed"


def header(content: bytes, micro: Micro, name: str, about: list[str]) -> str:
    """A file as a C array, see `to_litert`.

    Args:
        content: The file.
        micro: What runs it.
        name: What the names in it begin with.
        about: What a comment says first, line by line.
    """
    ports = [
        f" * {kind} {x['place']}: {x['name']}, {x['dtype']} {tuple(x['shape'])}"
        for kind in ("input", "output")
        for x in micro.about[f"{kind}s"]
    ]
    rows = [
        "    " + " ".join(f"0x{byte:02x}," for byte in content[i : i + 12])
        for i in range(0, len(content), 12)
    ]
    return "\n".join(
        [
            "/*",
            *(f" * {line}" for line in about),
            " *",
            *ports,
            f" * operators: {', '.join(micro.about['operators'])}",
            " */",
            f"#ifndef {name.upper()}_H",
            f"#define {name.upper()}_H",
            "",
            "#ifndef __cplusplus",
            "#include <stdalign.h>",
            "#endif",
            "",
            "/* Bytes; of the arena at most, as its pointers had 64 bits here. */",
            f"enum {{ {name}_length = {len(content)}, "
            f"{name}_arena_size = {micro.arena} }};",
            "",
            f"alignas(16) static const unsigned char {name}_data[] = {{",
            *rows,
            "};",
            "",
            "#endif",
            "",
        ]
    )
