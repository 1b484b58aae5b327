"""The settings that experiments share, as frozen dataclasses."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import click

from experiments.core import environment
from experiments.core.command import Integer, Name, Number, setting
from experiments.core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Common:
    """The settings of every experiment."""

    # The setting that says how long to train. A run that differs in nothing else and is
    # shorter is the start of a longer one.
    duration: ClassVar[str] = "epochs"

    batch_size: int = setting(32, Integer(min=1), "Examples in a step.")
    seed: int = setting(
        3,
        Integer(0, 2**32 - 1),
        "Seed of initial weights, dropout and the order of the examples.",
    )
    backend: str = setting(
        environment.default_backend,
        click.Choice(environment.BACKENDS),
        "Keras' backend; KERAS_BACKEND sets the default.",
        env="KERAS_BACKEND",
    )
    devices: int = setting(
        1,
        Integer(min=1),
        "Devices that share every batch: on JAX, and on TensorFlow if the optimizer "
        "clips no gradients.",
        identity=False,  # the numbers are the same, up to rounding
    )
    output: str = setting(
        "runs",
        Name(),
        "Folder for the run's own folder and for results.jsonl.",
        identity=False,
    )
    tensorboard: bool = setting(
        False,
        click.BOOL,
        "Write TensorBoard logs into the run's folder.",
        identity=False,
    )
    quiet: bool = setting(
        False, click.BOOL, "Print the last line and errors only.", identity=False
    )

    @property
    def note(self) -> str | None:
        """Advice on these settings before a run, if there is any."""
        return None


@dataclass(frozen=True, kw_only=True)
class OnDataSet(Common):
    """The settings of every experiment on a data set."""

    epochs: int = setting(10, Integer(min=1), "Times through the training examples.")
    data_dir: str | None = setting(
        None,
        Name(),
        "Folder with the data; SLIM_KERAS_DATA sets the default. Downloads go to the "
        "user's cache folder, ~/.cache/slim-keras on Linux.",
        identity=False,  # rows record the data, and not their place
    )


@dataclass(frozen=True, kw_only=True)
class Settings(OnDataSet):
    """The settings of every experiment on a data set without a validation part."""

    validation_split: float = setting(
        0.1,
        Number(min=0, max=1, max_open=True),
        "Part of the training examples kept to choose the epoch in the clean protocol; "
        "0 leaves this protocol out.",
    )


def data_setting(*names: str, help: str | None = None) -> Any:
    """The setting `data`.

    Args:
        names: The real data sets.
    """
    return setting(
        "auto",
        click.Choice(["auto", *names, "sample"]),
        help or "auto: the real data if found or downloaded, else a synthetic sample.",
        identity=False,  # rows record the data that were found
    )


def refuse_given(config: Common, owner: str, *names: str) -> None:
    """Refuses settings that change nothing but the name of a run.

    Args:
        owner: What takes these settings, in words.

    Raises:
        UserError: A setting differs from its default.
    """
    for name in names:
        if (value := getattr(config, name)) != getattr(type(config), name):
            shown = f"{value:g}" if isinstance(value, float) else value
            raise UserError(
                f"{name.replace('_', '-')} {shown}: only {owner} takes it; leave it out"
            )


def identity(settings: Common) -> dict[str, Any]:
    """The settings that the numbers of a run depend on."""
    return {
        each.name: getattr(settings, each.name)
        for each in fields(settings)
        if each.metadata["identity"]
    }
