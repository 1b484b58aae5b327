"""The conversion itself, on TensorFlow: here, or for other backends in a child.

`python -m slim_keras.export.convert FOLDER` converts the `model.keras` of a folder.
"""

import json
import re
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from slim_keras import engine
from slim_keras.engine import trees
from slim_keras.engine.backends import backend
from slim_keras.export.signature import inputs_of, layers_of, name_outputs, pack

# Operators on quantised activations.
_ACTIVATIONS = {
    "full": "TFLITE_BUILTINS_INT8",
    "full16": "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8",
}


def convert(
    model: keras.Model,
    path: Path,
    kind: str,
    *,
    batch_size: int | None = None,
    quantize: str | None = None,
    samples: list[dict[str, np.ndarray]] | None = None,
):
    """Writes a file.

    Args:
        model: The model, on Keras' TensorFlow backend.
        path: Where the file goes.
        kind: `"litert"`, `"onnx"` or `"saved_model"`.
        batch_size: The batch size of the file, free by default.
        quantize: See `to_litert`.
        samples: Inputs for the calibration of activations.
    """
    signature = [
        tf.TensorSpec((batch_size or x.shape[0], *x.shape[1:]), x.dtype, x.name)
        for x in inputs_of(model)
    ]
    # ONNX has the engine's own loop, and stacks what it puts out.
    scan = backend.iterate
    if kind == "litert":
        scan = _no_loop if quantize in _ACTIVATIONS else _sliced_scan

    @tf.function(input_signature=signature, autograph=False)
    def function(*inputs):
        with engine.Export(scan):
            outputs = model(pack(model, list(inputs)), training=False)
        # A name of its own for each, also for an input that is put out as it is.
        return {k: tf.identity(y) for k, y in name_outputs(outputs).items()}

    try:
        _WRITERS[kind](model, function, path, quantize=quantize, samples=samples)
    except ValueError:
        raise
    except Exception as error:  # what converters raise is not public
        raise ValueError(f"`model` cannot be converted: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    foreign = re.search(r"(?:Flex|Select TF|TF Select) ops: (.+)", str(error))
    if not foreign and "TensorList" not in str(error):
        return f"{type(error).__name__}: {error}"
    operators = foreign[1] if foreign else "TensorList"
    reason = f"LiteRT has no built-in operator for {operators}."
    if "TensorList" in str(error):
        reason += (
            " Keras' own recurrent layers, `keras.layers.RNN` around a cell and, where "
            "the length is free, `TimeDistributed` are made of TensorList operators; "
            "the layers of `slim_keras`, `slim_keras.LSTM` among them, are not."
        )
    return reason


@trees.on_lists
def _sliced_scan(step, carry, rows, count, reverse):
    """The loop for LiteRT, which has no lists of free batch size."""
    _, like = step(carry, tf.constant(0), [r[0] for r in rows])
    # All that is put out has the shape of h. Of `like` only the dtypes are used, so
    # that its step does not stay in the file.
    shape = tf.concat([[count], tf.shape(carry[0])], axis=0)
    stacks = [tf.zeros(shape, s.dtype) for s in like]

    def body(t, carry, stacks):
        carry, new = step(carry, t, [tf.gather(r, t) for r in rows])
        stacks = [
            keras.ops.slice_update(s, (t, 0, 0), n[None])
            for s, n in zip(stacks, new, strict=True)
        ]
        return t + 1, carry, stacks

    _, carry, stacks = tf.while_loop(
        lambda t, *_: t < count, body, (tf.constant(0), carry, stacks)
    )
    return carry, stacks


def _no_loop(*_, **__):
    raise ValueError(
        "Activations are not quantised inside a loop over time: LiteRT's calibration "
        "of loops breaks down where the length is fixed. Quantise those of "
        "`slim_keras.export.streaming(model)`, which has no loop, or the weights "
        "alone: quantize='weights'."
    )


def _litert(model, function, path, *, quantize, samples):
    concrete = function.get_concrete_function()
    holder = tf.Module()  # the converter finds no weights of a Keras model
    holder.weights = [v.value for v in model.variables]
    path.write_bytes(_flat(concrete, holder, quantize, samples))
    if quantize is not None:  # what `Exported.saved` compares with
        path.with_name("float32.tflite").write_bytes(_flat(concrete, holder))


def _flat(concrete, holder, quantize=None, samples=None):
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], holder)
    if quantize is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize in _ACTIVATIONS:
        converter.target_spec.supported_ops = [tf.lite.OpsSet[_ACTIVATIONS[quantize]]]
        converter.representative_dataset = lambda: iter(samples)
    with warnings.catch_warnings():
        # TensorFlow's own calibration uses the interpreter that it warns of.
        warnings.filterwarnings("ignore", "\\s*Warning: tf.lite.Interpreter is depre")
        return converter.convert()


def _onnx(model, function, path, **_):
    import tf2onnx

    tf2onnx.convert.from_function(
        function, function.input_signature, output_path=str(path)
    )


def _saved_model(model, function, path, **_):
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", function)
    archive.write_out(str(path), verbose=False)


_WRITERS = {"litert": _litert, "onnx": _onnx, "saved_model": _saved_model}


def main(folder: Path):
    """Converts the model of a folder; says there in `error.txt` why it cannot."""
    options = json.loads((folder / "options.json").read_text())
    samples = None
    if (folder / "samples.npz").exists():
        stacked = np.load(folder / "samples.npz")
        count = len(next(iter(stacked.values())))
        samples = [{k: stacked[k][i] for k in stacked} for i in range(count)]
    try:
        model = _load(folder / "model.keras")
        for layer, told in zip(layers_of(model), options.pop("masking"), strict=True):
            layer.supports_masking = told
        convert(model, Path(options.pop("path")), samples=samples, **options)
    except ValueError as error:
        (folder / "error.txt").write_text(str(error))
        raise


def _load(path):
    try:
        return keras.saving.load_model(path, compile=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "Conversion runs on TensorFlow, so that under other backends of Keras the "
            "model is saved and loaded anew in another process, which failed: "
            f"{error}\nLayers and functions of yours load there if they are registered "
            "with Keras in a module that can be imported, not in a script or notebook. "
            "Or export with KERAS_BACKEND=tensorflow."
        ) from error


if __name__ == "__main__":
    main(Path(sys.argv[1]))
