"""`to_litert`, `to_onnx`, `to_saved_model`: convert, check, put in place."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from slim_keras.export.check import Exported, check_samples, compare
from slim_keras.export.runtime import need
from slim_keras.export.signature import inputs_of, outputs_of, states_of
from slim_keras.export.stream import Stream

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
    tolerance: float | None = None,
) -> Exported:
    """Writes a LiteRT file of built-in operators, for the plain interpreter.

    The batch size and the length are free where they are free in the model. Masks are
    part of the file: those of `Masking` and of `Embedding(mask_zero=True)`. Dropout is
    off. The interpreter copies the sequence at every step of its loop, so that very
    long sequences are better fed to the file of `streaming(model)`.

    Args:
        model: A Sequential or functional model in float32. Keras' own recurrent
            layers, and `keras.layers.RNN` around a cell, are made of operators that
            LiteRT has not; `slim_keras.LSTM` is LSTM in operators that it has.
        path: The file, `NAME.tflite`.
        batch_size: The batch size of the file, where the model leaves it free. Files of
            a fixed size are smaller, and the interpreter can optimise more.
        quantize: `None` for float32; `"float16"` for half the size; `"weights"` for
            weights of 8 bits, those of 1,024 elements and more (LiteRT's dynamic range
            quantisation); `"full"` or `"full16"` for activations of 8 or 16 bits, too,
            with inputs and outputs of float32. Activations are not quantised inside
            loops over time, so that these two take models of `streaming`, and models
            without recurrent layers. A state of 8 bits loses what a step adds to a
            long memory; take `"full16"` where `"full"` differs too much and no input
            is a word.
        representative_data: For `"full"` and `"full16"`, an array of typical inputs
            from which the ranges of the activations are found, 100 or more; for a
            model of `streaming` whole sequences, `(sequences, steps, features)`. The
            file is checked with them, others with random inputs.
        tolerance: The largest difference from the model that passes, absolute for
            outputs up to one and relative to the greatest beyond. Default: 1e-4;
            quantised 1e-2 (`"float16"`), 0.1 and for `"full"` 0.3.

    Returns:
        An `Exported`: path, size, and the largest difference found.

    Raises:
        ValueError: The model cannot be converted, or the file differs too much.
        ImportError: A package of the extra `[export]` is missing.

    Example:

    ```python
    model = keras.Sequential([keras.Input((None, 8)), IndyLSTM(100)])
    print(export.to_litert(model, "model.tflite", quantize="float16"))
    ```
    """
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
    need("tensorflow", "ai_edge_litert")
    samples = None
    if representative_data is not None:
        samples = list(_calibration(model, representative_data))
    tolerance = _TOLERANCES[quantize] if tolerance is None else tolerance
    options = {"kind": "litert", "batch_size": batch_size, "quantize": quantize}
    return _write(model, path, ".tflite", tolerance, samples, **options)


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
        ValueError: The model cannot be converted, or the file differs too much.
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
        ValueError: The model cannot be converted, or the file differs too much.
        ImportError: TensorFlow is missing.

    Example:

    ```python
    export.to_saved_model(model, "model")
    serve = tf.saved_model.load("model").signatures["serving_default"]
    ```
    """
    need("tensorflow")
    return _write(model, path, "", tolerance, kind="saved_model")


def _write(model, path, suffix, tolerance, samples=None, **options):
    """Converts and checks beside the path, so that no bad file comes to lie there."""
    path = Path(path)
    if path.suffix != suffix and suffix:
        raise ValueError(
            f"`path` must end with {suffix!r}. Received: path={str(path)!r}"
        )
    replaceable = path.is_file() if suffix else (path / "saved_model.pb").exists()
    if path.exists() and not replaceable:
        raise ValueError(f"`path` is taken by something else: {str(path)!r}")
    inputs_of(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as at:
        made = Path(at) / f"made{suffix}"
        convert = _here if keras.backend.backend() == "tensorflow" else _in_child
        convert(model, made, samples, options)
        checked = samples or check_samples(model, options.get("batch_size"))
        found = compare(model, made, checked[:: max(1, len(checked) // 20)])
        if not found <= tolerance:
            raise ValueError(
                f"The file differs from `model` by {found:.2g}, more than "
                f"tolerance={tolerance:.2g}, and was not written. A recurrence can "
                "magnify rounding, most of all that of quantised weights; give "
                "`tolerance` if the difference is acceptable."
            )
        files = [made, *made.rglob("*")] if made.is_dir() else [made]
        size = sum(f.stat().st_size for f in files if f.is_file())
        if path.is_dir():
            os.replace(path, Path(at) / "old")
        os.replace(made, path)
    return Exported(path, size, found)


def _here(model, path, samples, options):
    from slim_keras.export.convert import convert

    convert(model, path, samples=samples, **options)


def _in_child(model, path, samples, options):
    """Converts under Keras' TensorFlow backend, which this process does not run."""
    folder = path.parent / "child"
    folder.mkdir()
    model.save(folder / "model.keras")
    (folder / "options.json").write_text(json.dumps({"path": str(path)} | options))
    if samples is not None:
        stacked: Any = {k: np.stack([s[k] for s in samples]) for k in samples[0]}
        np.savez(folder / "samples.npz", **stacked)
    finished = subprocess.run(
        [sys.executable, "-m", "slim_keras.export.convert", str(folder)],
        env=os.environ
        | {
            "KERAS_BACKEND": "tensorflow",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "CUDA_VISIBLE_DEVICES": "-1",  # a conversion leaves them to the parent
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if (folder / "error.txt").exists():
        raise ValueError((folder / "error.txt").read_text())
    if finished.returncode:
        raise RuntimeError(f"The conversion broke down:\n{finished.stderr[-4000:]}")


def _calibration(model, data):
    """Inputs of one sample each, of a streaming model those of all its steps."""
    inputs = inputs_of(model)
    states = states_of([x.name for x in inputs], outputs_of(model))
    if states:
        stream, batches = Stream(model, batch_size=len(data)), []
        for x in np.moveaxis(np.asarray(data), 1, 0):
            batches.append(stream.fed(x))
            stream.step(x)
    else:
        batches = [_by_name(inputs, data)]
    for batch in batches:
        for i in range(len(next(iter(batch.values())))):
            yield {name: x[i : i + 1] for name, x in batch.items()}


def _by_name(inputs, data):
    arrays = keras.tree.flatten(data)
    if len(arrays) != len(inputs):
        raise ValueError(
            f"`representative_data` must hold {len(inputs)} arrays, one per input. "
            f"Received: {len(arrays)}"
        )
    return {x.name: np.asarray(a, x.dtype) for x, a in zip(inputs, arrays, strict=True)}
