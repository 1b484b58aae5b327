"""The models that `experiments.edge` exports, whole or as one step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import experiments
from experiments import imdb
from experiments.speed.contenders import BASELINE

# Of handwriting: points, features, labels, layers in both directions, units.
POINTS, FEATURES, LABELS, DEPTH, WIDTH = 150, 4, 27, 3, 64

# The LiteRT files of a model, as `to_litert` calls them; words have no "full16".
Precisions = tuple[str | None, ...]
WHOLE: Precisions = (None, "float16", "weights")
WORDS: Precisions = (None, "weights", "full")
STEP: Precisions = (*WORDS, "full16")


@dataclass(frozen=True)
class Trained:
    """A trained IMDB model: its configuration, and the folder of its run."""

    config: imdb.Config
    folder: Path

    def load(self) -> Any:
        """The model."""
        model, _ = experiments.load(self.folder)
        return model


@dataclass(frozen=True)
class Subject:
    """A model to export."""

    model: str  # the kind: `"imdb"`, `"layer"` or `"handwriting"`
    layer: str  # the key of its recurrent layer, or `BASELINE`
    streamed: bool  # whether it is the model of one step
    # The precisions of its LiteRT files, as `to_litert` calls them.
    precisions: Precisions
    make: Callable[[], Any]  # the Keras model
    make_onnx: Callable[[], Any] | None = None  # that for ONNX, where it is another one

    @property
    def name(self) -> str:
        """A name for its files."""
        return f"{self.model}-{self.layer}" + ("-step" if self.streamed else "")


def subjects(trained: Sequence[Trained]) -> list[Subject]:
    """All models.

    Args:
        trained: The IMDB models, one per layer; one of them with `lstm`.
    """
    found = []
    for own in trained:
        key, layer = own.config.variant, partial(_layer, own.config)
        found += [
            Subject("imdb", key, False, WHOLE, own.load),
            Subject("imdb", key, True, WORDS, partial(_streaming, own.load)),
            Subject("layer", key, True, STEP, partial(_streaming, layer)),
            Subject("handwriting", key, False, WHOLE, partial(_handwriting, key)),
        ]
        if key == "lstm":
            # LiteRT has no built-in operators for the loop of Keras' LSTM.
            unrolled, looped = (partial(_keras_twin, own, u) for u in (True, False))
            cell = partial(_step, own.config)
            found += [
                Subject("imdb", BASELINE, False, (None,), unrolled, looped),
                Subject("layer", BASELINE, True, (None,), cell),
            ]
    return found


def _streaming(make: Callable[[], Any]) -> Any:
    from slim_keras import export

    return export.streaming(make())


def _layer(config: imdb.Config) -> Any:
    """The recurrent layer of the IMDB model alone, as sensors would feed it."""
    import keras

    import slim_keras

    return keras.Sequential(
        [
            keras.Input((None, config.embedding_dim)),
            slim_keras.get(config.variant)(config.units, activation=config.activation),
        ]
    )


def _handwriting(key: str) -> Any:
    """As large as a model of handwriting, with fresh weights."""
    import keras

    import slim_keras

    layers = [
        keras.layers.Bidirectional(slim_keras.get(key)(WIDTH, return_sequences=True))
        for _ in range(DEPTH)
    ]
    return keras.Sequential(
        [keras.Input((POINTS, FEATURES)), *layers, keras.layers.Dense(LABELS)]
    )


def _keras_twin(trained: Trained, unroll: bool) -> Any:
    """The trained model with Keras' own LSTM, with or without a loop."""
    import keras

    config = trained.config
    recurrent = keras.layers.LSTM(
        config.units, activation=config.activation, unroll=unroll
    )
    output = keras.layers.Dense(1, activation="sigmoid")
    twin = imdb.compiled(config, [imdb.embedding(config), recurrent, output])
    twin.set_weights(trained.load().get_weights())
    return twin


def _step(config: imdb.Config) -> Any:
    """One step of the layer by Keras' own cell, its states fed by hand."""
    import keras

    cell = keras.layers.LSTMCell(config.units, activation=config.activation)
    return cell_model([cell], config.embedding_dim)


def cell_model(layers: Sequence[Any], features: int) -> Any:
    """A model of one step of cells, whose states are fed by hand.

    Args:
        layers: Cells, and layers that treat each step alone, one after the other.
        features: The size of the input.
    """
    import keras

    x = y = keras.Input((features,), name="input")
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for place, layer in enumerate(layers):
        sizes = keras.tree.flatten(getattr(layer, "state_size", []))
        if not sizes:
            y = layer(y)
            continue
        names = [f"{letter}{place or ''}" for letter in "hc"[: len(sizes)]]
        states = [keras.Input((n,), name=k) for k, n in zip(names, sizes, strict=True)]
        y, new = layer(y, states)
        before |= zip(names, states, strict=True)
        after |= {f"next_{k}": s for k, s in zip(names, new, strict=True)}
    return keras.Model({"input": x} | before, {"output": y} | after)


def inputs(subject: Subject, reviews: np.ndarray, features: int) -> np.ndarray:
    """The inputs for the files of a subject, `(sequences, calls, 1, ...)`.

    Args:
        reviews: Word numbers, `(sequences, steps)`.
        features: Input features of the layer alone.
    """
    count, steps = reviews.shape
    rng = np.random.default_rng(0)
    if subject.model == "handwriting":
        shape = (count, 1, 1, POINTS, FEATURES)
        return rng.normal(size=shape).astype("float32")
    if subject.model == "layer":
        return rng.normal(size=(count, steps, 1, features)).astype("float32")
    if subject.streamed:
        return reviews[:, :, None].astype("int32")
    return reviews[:, None, None, :].astype("int32")
