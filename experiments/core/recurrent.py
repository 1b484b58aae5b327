"""The recurrent layer of an experiment: its settings, and the layer they describe."""

import functools
import runpy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from experiments.core import settings
from experiments.core.command import Integer, Number, setting
from experiments.core.errors import UserError

SHORT_MEMORY = 0.4  # the f of the authors' code, the default of LSTM6 and LSTM_C6
# Keras' own layers, the baselines, and the names of their classes.
BASELINES = {"keras_lstm": "LSTM", "gru": "GRU", "simple_rnn": "SimpleRNN"}


@dataclass(frozen=True, kw_only=True)
class Layer(settings.Common):
    """The settings of a recurrent layer and its training."""

    variant: str = setting(
        "lstm6",
        click.STRING,
        "Recurrent layer: lstm, lstm6, lstm_c6, indrnn ..., as slim_keras.get calls "
        "it, or Keras' own keras_lstm, gru, simple_rnn.",
    )
    eta: float = setting(
        1e-3, Number(min=0, min_open=True), "Learning rate of the optimiser."
    )
    units: int = setting(100, Integer(min=1), "Hidden units n.")
    forget: float | None = setting(
        None,
        Number(-1, 1, min_open=True, max_open=True),
        "Constant forget gate; the default is the variant's own.",
    )
    activation: str | None = setting(
        "tanh", click.Choice(["sigmoid", "tanh", "relu"]), "Of cell body and output."
    )
    gate_activation: str = setting(
        "sigmoid",
        click.Choice(["sigmoid", "hard_sigmoid_keras2"]),
        "Of the computed gates; hard_sigmoid_keras2 is clip(0.2 x + 0.5, 0, 1).",
    )
    initialisation: str = setting(
        "keras",
        click.Choice(["keras", "authors"]),
        "authors: one orthogonal matrix for all recurrent weights, zero biases.",
    )
    dropout: float = setting(
        0.0, Number(0, 1, max_open=True), "Part of the layer's inputs to drop."
    )
    engine: str = setting(
        "auto", click.STRING, "How the layer runs a sequence, its argument `engine`."
    )

    @property
    def note(self) -> str | None:
        """Advice on f, if the default differs from the one in the paper's figures."""
        row = variants().get(self.variant)
        if not row or row.f != SHORT_MEMORY or self.forget is not None:
            return None
        # Sigmoid is that of figures 7 and 8 of arXiv 1901.06401.
        activation = "sigmoid" if "U" in row.c else "tanh"
        return (
            f"{row.key} forgets {1 - row.f:.0%} a step with its default f = {row.f:g}; "
            f"on IMDB the gap to the LSTM closes with --forget 0.96 --activation "
            f"{activation} (docs/which-layer.md)"
        )


@dataclass(frozen=True, kw_only=True)
class Stacked(Layer, settings.OnDataSet):
    """The settings of layers on top of each other, on a data set in parts."""

    variant: str = setting(
        "indylstm", click.STRING, "Recurrent layer: lstm, indylstm, lstm_c6, gru ..."
    )
    layers: int = setting(2, Integer(min=1), "Recurrent layers on top of each other.")
    eta: float = setting(3e-3, Number(min=0, min_open=True), "Learning rate of Adam.")


@dataclass(frozen=True, kw_only=True)
class Settings(Layer, settings.Settings):
    """The settings of an experiment around a recurrent layer."""


Config = TypeVar("Config", bound=Layer)


@functools.cache
def variants() -> dict[str, Any]:
    """The library's table of variants, whose import would start Keras.

    A command refuses its settings by it at once.
    """
    beside = Path(__file__).parents[2] / "slim_keras" / "variants.py"
    return runpy.run_path(str(beside))["VARIANTS"]


def known() -> tuple[str, ...]:
    """All variants, ours and Keras'."""
    return (*variants(), *BASELINES)


def title(config: Layer) -> str:
    """The name of a run's folder."""
    return f"{config.variant}-n{config.units}-eta{config.eta:g}"


def baseline(key: str) -> Any:
    """The class of one of Keras' own layers."""
    import keras

    return getattr(keras.layers, BASELINES[key])


def complete(config: Config) -> Config:
    """The configuration with the variant's own forget constant if none is given.

    Raises:
        UserError: The variant is unknown or does not take a given setting.
    """
    key = config.variant
    if key not in known():
        raise UserError(f"variant {key!r} is unknown; known: {', '.join(known())}")
    row = variants().get(key)
    gated = row.gated if row else key != "simple_rnn"
    if config.gate_activation != "sigmoid" and not gated:
        raise UserError(
            f"gate-activation {config.gate_activation}: {key} computes no gate; leave "
            "it at sigmoid"
        )
    if row is None and config.engine != "auto":
        raise UserError(
            f"engine {config.engine}: Keras runs {key}; leave the option out"
        )
    if row and row.constant_forget:
        forget = float(row.f) if config.forget is None else config.forget
        return replace(config, forget=forget)
    if config.forget is not None:
        raise UserError(
            f"forget {config.forget:g}: the forget gate of {key} is not a constant; "
            "leave it out"
        )
    return config


def layer(config: Layer, **arguments: Any) -> Any:
    """The layer that a configuration describes.

    Raises:
        UserError: The layer refuses a setting.
    """
    import slim_keras
    from slim_keras.activations import hard_sigmoid_keras2

    options: dict[str, Any] = {"dropout": config.dropout, **arguments}
    if config.forget is not None:
        options["forget"] = config.forget
    if config.gate_activation == "hard_sigmoid_keras2":
        options["recurrent_activation"] = hard_sigmoid_keras2
    if config.initialisation == "authors":
        options |= _authors_initialisation(config)
    if config.variant in BASELINES:
        made = baseline(config.variant)
        return made(config.units, activation=config.activation, **options)
    try:
        built = slim_keras.get(config.variant)(
            config.units,
            activation=config.activation,
            engine=config.engine,
            **options,
        )
        _ = built.resolved_engine  # refused here, not by a trace of the first step
    except ValueError as error:
        raise UserError(str(error)) from None
    return built


def _authors_initialisation(config: Layer) -> dict[str, Any]:
    from slim_keras.bounds import JointOrthogonal

    if config.variant in BASELINES:  # orthogonal is Keras' default
        return {"unit_forget_bias": False} if config.variant == "keras_lstm" else {}
    row = variants()[config.variant]
    counts = {"matrices": len(row.matrix_blocks), "vectors": len(row.vector_blocks)}
    names = {
        "matrices": "recurrent_initializer",
        "vectors": "recurrent_vector_initializer",
    }
    options: dict[str, Any] = {
        names[part]: JointOrthogonal(**counts, part=part, seed=config.seed)
        for part, count in counts.items()
        if count
    }
    if "f" in row.having("b"):
        options["unit_forget_bias"] = False
    return options
