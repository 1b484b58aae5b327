"""`to_litert`, `to_onnx`, `to_saved_model`: convert, check, put in place."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from slim_keras.export.arguments import check_model, check_name, check_path
from slim_keras.export.calibration import Calibration, calibration
from slim_keras.export.check import (
    Exported,
    check_difference,
    check_samples,
    check_sequences,
    compare,
    compare_streams,
)
from slim_keras.export.micro import (
    Micro,
    check_micro,
    header,
    open_micro,
)
from slim_keras.export.runtime import aborts, child_environment, need, open_runtime
from slim_keras.export.signature import inputs_of, layers_of

# The largest differences that pass, see `Exported.difference`.
_TOLERANCES = {
    None: 1e-4,
    "float16": 1e-2,
    "weights": 0.1,
    "full": 0.3,
    "full16": 0.1,
}


def to_litert(
    model: keras.Model,
    path: str | Path,
    *,
    batch_size: int | None = None,
    quantize: str | None = None,
    representative_data: Any = None,
    runtime: str = "litert",
    tolerance: float | None = None,
) -> Exported:
    """Writes a LiteRT file of built-in operators, for the plain interpreter.

    With runtime="micro" the file is for LiteRT Micro, the interpreter of
    microcontrollers, and is checked there. It takes sequences of a fixed length, or
    one step of `streaming(model)`.

    The batch size and the length are free where they are free in the model. The masks
    of `Masking` and of `Embedding(mask_zero=True)` are part of the file. Dropout is
    off. The interpreter copies the sequence at every step of its loop: feed very long
    sequences to the file of `streaming(model)`. On TensorFlow, Keras'
    `model.export(path, format="litert")` makes files of built-in operators as well
    with the layers of `slim_keras`, and of Flex operators with Keras' own.

    Args:
        model: A Sequential or functional model in float32. Keras' own recurrent
            layers, and `keras.layers.RNN` around a cell, are made of operators that
            LiteRT does not have; `slim_keras.LSTM` is LSTM in operators that it has.
        path: The file, `NAME.tflite`. For LiteRT Micro also `NAME.h`: a C header with
            the file as the array `NAME_data` of `NAME_length` bytes, and
            `NAME_arena_size`, the bytes of RAM that the interpreter takes.
        batch_size: The batch size of the file, where the model leaves it free. Files of
            a fixed size are smaller, and the interpreter can optimise more. Default:
            free, and 1 for LiteRT Micro, which resizes nothing.
        quantize: `None` for float32; `"float16"` for half the size; `"weights"` for
            weights of 8 bits, those of 1,024 elements and more (LiteRT's dynamic range
            quantisation); `"full"` or `"full16"` for activations of 8 or 16 bits, too,
            with inputs and outputs of float32. LiteRT does not quantise activations
            inside loops over time: give these two a model of `streaming`, or one
            without recurrent layers. A state of 8 bits loses what a step adds to a
            long memory; take `"full16"` where `"full"` differs too much and no input
            is a word. `Exported.saved` says what quantisation saved: nothing, where
            all weights are small.
        representative_data: For `"full"` and `"full16"`, an array of typical inputs
            (a list or dict of arrays for several inputs) from which LiteRT finds the
            ranges of the activations, 100 or more; for a model of `streaming` whole
            sequences, `(sequences, steps, features)`. They check the file, too; random
            inputs check other files.
        runtime: `"litert"`, the interpreter of phones and Linux boards, or `"micro"`,
            that of microcontrollers: the extra `[micro]` has it. The latter takes no
            `quantize="float16"` or `"weights"`. Default: `"litert"`.
        tolerance: The largest difference from the model that passes, absolute for
            outputs up to one and relative to the greatest beyond. A file of a
            streaming model is compared at every step of a stream. Default: 1e-4;
            quantised 1e-2 (`"float16"`), 0.1 and for `"full"` 0.3.

    Returns:
        An `Exported`: path, size, the largest difference, the bytes saved, and LiteRT
        Micro's RAM.

    Raises:
        ValueError: The model cannot be converted, the file differs too much, or an
            argument does not fit the model.
        FileNotFoundError: The folder of `path` does not exist.
        ImportError: A package of the extra `[export]` or `[micro]` is missing.

    Example:

    ```python
    model = keras.Sequential([keras.Input((None, 8)), IndyLSTM(100)])
    print(export.to_litert(model, "model.tflite", quantize="float16"))
    print(export.to_litert(export.streaming(model), "step.h", runtime="micro"))
    ```
    """
    if runtime not in ("litert", "micro"):
        raise ValueError(
            f"`runtime` must be 'litert' or 'micro'. Received: runtime={runtime!r}"
        )
    if quantize not in _TOLERANCES:
        known = ", ".join(map(repr, _TOLERANCES))
        raise ValueError(f"`quantize` must be one of {known}. Received: {quantize!r}")
    if (quantize in ("full", "full16")) != (representative_data is not None):
        raise ValueError(
            "`representative_data` goes with `quantize='full'` and `'full16'`, and "
            f"these need it. Received: quantize={quantize!r}, representative_data of "
            f"type {type(representative_data).__name__}"
        )
    integers = [x.name for x in inputs_of(model) if "float" not in x.dtype]
    if quantize == "full16" and integers:
        raise ValueError(
            "LiteRT's quantisation of 16 bits takes no integer inputs, such as words: "
            "take quantize='full', or export what follows the `Embedding`. Received: "
            f"quantize='full16' and the integer inputs {integers}"
        )
    suffix = ".tflite"
    if runtime == "micro":
        need("tensorflow", "tflite_micro", extra="micro")
        check_micro(model, quantize)
        batch_size = batch_size or inputs_of(model)[0].shape[0] or 1
        if Path(path).suffix == ".h":
            suffix = ".h"
            check_name(Path(path))
    else:
        need("tensorflow", "ai_edge_litert")
    check_model(model, batch_size)
    ranges = None
    if representative_data is not None:
        ranges = calibration(model, representative_data, batch_size)
    tolerance = _TOLERANCES[quantize] if tolerance is None else tolerance
    options = {"kind": "litert", "batch_size": batch_size, "quantize": quantize}
    return _write(model, path, suffix, tolerance, ranges, runtime, **options)


def to_onnx(
    model: keras.Model,
    path: str | Path,
    *,
    batch_size: int | None = None,
    tolerance: float = 1e-4,
) -> Exported:
    """Writes an ONNX file.

    Args:
        model: A Sequential or functional model in float32.
        path: The file, `NAME.onnx`.
        batch_size: As in `to_litert`.
        tolerance: As in `to_litert`.

    Returns:
        An `Exported`: path, size, and the largest difference found.

    Raises:
        ValueError: The model cannot be converted, the file differs too much, or an
            argument does not fit the model.
        FileNotFoundError: The folder of `path` does not exist.
        ImportError: A package of the extra `[export]` is missing.

    Example:

    ```python
    model = keras.Sequential([keras.Input((None, 8)), IndyLSTM(100)])
    print(export.to_onnx(model, "model.onnx"))
    ```
    """
    need("tensorflow", "tf2onnx", "onnxruntime")
    return _write(model, path, ".onnx", tolerance, kind="onnx", batch_size=batch_size)


def to_saved_model(
    model: keras.Model, path: str | Path, *, tolerance: float = 1e-4
) -> Exported:
    """Writes a SavedModel, a folder that TensorFlow reads and serves.

    Args:
        model: A Sequential or functional model in float32.
        path: The folder. A SavedModel that lies there is replaced.
        tolerance: As in `to_litert`.

    Returns:
        An `Exported`: path, size, and the largest difference found.

    Raises:
        ValueError: The model cannot be converted, the file differs too much, or an
            argument does not fit the model.
        FileNotFoundError: The folder of `path` does not exist.
        ImportError: TensorFlow is missing.

    Example:

    ```python
    export.to_saved_model(model, "model")
    serve = tf.saved_model.load("model").signatures["serving_default"]
    ```
    """
    need("tensorflow")
    return _write(model, path, "", tolerance, kind="saved_model")


def _write(
    model,
    path,
    suffix,
    tolerance,
    ranges: Calibration | None = None,
    runtime=None,
    **options,
):
    """Converts and checks beside the path, so that a bad file never appears there."""
    path, batch_size = Path(path), options.get("batch_size")
    check_model(model, batch_size)
    check_path(path, suffix)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as at:
        made = Path(at) / f"made{'.tflite' if suffix == '.h' else suffix}"
        convert = _here if keras.backend.backend() == "tensorflow" else _in_child
        convert(model, made, ranges.samples if ranges else None, options)
        with _opened(made, runtime, ranges) as file:
            found = _difference(model, file, ranges, batch_size)
        check_difference(found, tolerance)
        files = [made, *made.rglob("*")] if made.is_dir() else [made]
        size = sum(f.stat().st_size for f in files if f.is_file())
        plain = made.with_name(f"float32{made.suffix}")
        saved = plain.stat().st_size - size if plain.exists() else None
        arena = file.arena if isinstance(file, Micro) else None
        written = Exported(path, size, found, saved, arena)
        if suffix == ".h":
            content = made.read_bytes()
            made = made.with_suffix(suffix)
            about = [
                f"`{model.name}` for LiteRT Micro, quantize={options['quantize']!r}.",
                f"{written}.",
                "Include this file once: it holds the numbers.",
            ]
            made.write_text(header(content, file, path.stem, about))
        if path.is_dir():
            os.replace(path, Path(at) / "old")
        os.replace(made, path)
    return written


@contextlib.contextmanager
def _opened(made, runtime, ranges):
    """A file in the interpreter for which it was made."""
    if runtime == "micro":
        with open_micro(made) as file:
            yield file
        return
    if ranges is not None and aborts(made):
        raise ValueError(
            "`representative_data` must span what the model will see: LiteRT's "
            "interpreter cannot run the file made with its ranges."
        )
    yield open_runtime(made)


def _difference(model, file, ranges, batch_size):
    batch_size = batch_size or inputs_of(model)[0].shape[0]
    if ranges is None:
        samples = check_samples(model, batch_size)
        sequences = check_sequences(model, batch_size)
    else:
        samples = ranges.samples[:: max(1, len(ranges.samples) // 20)]
        sequences = ranges.sequences
        if sequences is not None:
            sequences = sequences[np.arange(batch_size or 20) % len(sequences)]
    found = compare(model, file, samples)
    if sequences is None:
        return found
    return max(found, compare_streams(model, file, sequences))


def _here(model, path, samples, options):
    from slim_keras.export.convert import convert

    convert(model, path, samples=samples, **options)


def _in_child(model, path, samples, options):
    """Converts under Keras' TensorFlow backend, which this process does not run."""
    folder = path.parent / "child"
    folder.mkdir()
    model.save(folder / "model.keras")
    # From Keras 3.16 on a wrapper hands masks on if it is told to, and no file says so.
    masking = [bool(layer.supports_masking) for layer in layers_of(model)]
    told = {"path": str(path), "masking": masking}
    (folder / "options.json").write_text(json.dumps(told | options))
    if samples is not None:
        stacked: Any = {k: np.stack([s[k] for s in samples]) for k in samples[0]}
        np.savez(folder / "samples.npz", **stacked)
    finished = subprocess.run(
        [sys.executable, "-m", "slim_keras.export.convert", str(folder)],
        env=child_environment() | {"KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
    )
    if (folder / "error.txt").exists():
        raise ValueError((folder / "error.txt").read_text())
    if finished.returncode:
        raise RuntimeError(f"The conversion failed:\n{finished.stderr[-4000:]}")
