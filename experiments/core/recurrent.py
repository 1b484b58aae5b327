"""The recurrent layer of an experiment: its settings, and the layer they stand for."""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import click

from experiments.core import runner
from experiments.core.command import Number, setting
from experiments.core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Settings(runner.Settings):
    """The settings of an experiment around one recurrent layer."""

    variant: str = setting(
        "lstm6",
        click.STRING,
        "Recurrent layer, as slim_keras.get calls it: lstm, lstm6, lstm_c6, indrnn ...",
    )
    eta: float = setting(
        1e-3, Number(min=0, min_open=True), "Learning rate of the optimiser."
    )
    units: int = setting(100, click.IntRange(min=1), "Hidden units n.")
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


Config = TypeVar("Config", bound=Settings)


def complete(config: Config) -> Config:
    """The configuration with the variant's own forget constant where none is given.

    Args:
        config: The configuration.

    Raises:
        UserError: The variant is unknown or has no place for a given setting.
    """
    from slim_keras.variants import VARIANTS

    row = VARIANTS.get(config.variant)
    if row is None:
        raise UserError(
            f"variant {config.variant!r} is unknown; known: {', '.join(VARIANTS)}"
        )
    if config.gate_activation != "sigmoid" and not row.gated:
        raise UserError(
            f"gate-activation {config.gate_activation}: {row.key} computes no gate; "
            "leave it at sigmoid"
        )
    if row.constant_forget:
        forget = float(row.f) if config.forget is None else config.forget
        return replace(config, forget=forget)
    if config.forget is not None:
        raise UserError(
            f"forget {config.forget:g}: the forget gate of {row.key} is no constant; "
            "leave it out"
        )
    return config


def layer(config: Settings, **arguments: Any) -> Any:
    """The layer that a configuration describes.

    Args:
        config: A complete configuration.
        arguments: More arguments of the layer.

    Raises:
        UserError: The layer cannot be built so.
    """
    import slim_keras
    from slim_keras.activations import hard_sigmoid_keras2

    options: dict[str, Any] = {}
    if config.forget is not None:
        options["forget"] = config.forget
    if config.gate_activation == "hard_sigmoid_keras2":
        options["recurrent_activation"] = hard_sigmoid_keras2
    if config.initialisation == "authors":
        options |= _authors_initialisation(config)
    try:
        built = slim_keras.get(config.variant)(
            config.units,
            activation=config.activation,
            dropout=config.dropout,
            engine=config.engine,
            **options,
            **arguments,
        )
        _ = built.resolved_engine  # refused here, not by a trace of the first step
    except ValueError as error:
        raise UserError(str(error)) from None
    return built


def _authors_initialisation(config: Settings) -> dict[str, Any]:
    from slim_keras.bounds import JointOrthogonal
    from slim_keras.variants import VARIANTS

    row = VARIANTS[config.variant]
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
