"""A frozen dataclass of settings as a command line and as a TOML file.

An experiment declares each setting once, with `setting(default, type, help)`; the
option, its `--help` line, the TOML key and every check of a value come from there.
"""

import dataclasses
import math
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from experiments.errors import UserError


class Number(click.FloatRange):
    """A finite float, in a range if one is given."""

    name = "number"

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


def setting(default: Any, type: Any, help: str, *, identity: bool = True) -> Any:
    """A field of a settings dataclass.

    Args:
        default: The default, or a function that returns it. `None` makes the setting
            optional.
        type: The click type that reads and checks a value.
        help: The line in `--help`.
        identity: Whether the numbers of a run depend on the setting.
    """
    metadata = {"type": type, "help": help, "identity": identity}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def main(
    settings_class: type, run: Callable[[Any], int], args: Sequence[str] | None = None
) -> int:
    """Reads the command line, runs the experiment and returns the exit status.

    Args:
        settings_class: The dataclass of settings.
        run: What to do with them; its docstring is the help text, what it returns
            the exit status.
        args: The arguments, `sys.argv[1:]` by default.

    Returns:
        The status of `run`; 2 after an error of the user's, which stands in one line
        on stderr; 130 after Ctrl-C.
    """
    command = click.Command(
        name=None,
        params=[*_options(settings_class), _config_option(settings_class)],
        help=run.__doc__,
        callback=lambda **values: run(settings_class(**values)),
        context_settings={"max_content_width": 88, "show_default": True},
    )
    prog_name = f"python -m {run.__module__}" if run.__module__ != "__main__" else None
    try:
        return command.main(args, prog_name=prog_name, standalone_mode=False)
    except click.ClickException as error:
        return _fail(error.format_message())
    except click.Abort:
        return _fail("interrupted; the same command goes on from here", status=130)
    except UserError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else error)


def _fail(message: object, status: int = 2) -> int:
    print("error:", " ".join(str(message).split()), file=sys.stderr)
    return status


def _fields(settings_class: type) -> list[dataclasses.Field]:
    """The fields, those that the class itself adds before the inherited ones."""
    return sorted(
        dataclasses.fields(settings_class),
        key=lambda field: field.name not in settings_class.__annotations__,
    )


def _options(settings_class: type) -> list[click.Parameter]:
    defaults = settings_class()
    options: list[click.Parameter] = []
    for field in _fields(settings_class):
        flag = field.name.replace("_", "-")
        is_bool = field.metadata["type"] is click.BOOL
        options.append(
            click.Option(
                [f"--{flag}/--no-{flag}" if is_bool else f"--{flag}", field.name],
                type=None if is_bool else field.metadata["type"],
                default=getattr(defaults, field.name),
                help=field.metadata["help"],
            )
        )
    return options


def _config_option(settings_class: type) -> click.Parameter:
    def read(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
        if path is not None:
            # Options on the command line go before the map, the map before defaults.
            ctx.default_map = read_toml(settings_class, path)

    return click.Option(
        ["--config"],
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        is_eager=True,
        expose_value=False,
        callback=read,
        help="TOML file with settings; options given beside it go before it.",
    )


def read_toml(settings_class: type, path: Path) -> dict[str, Any]:
    """Reads and checks the settings in a TOML file.

    Args:
        settings_class: The dataclass of settings.
        path: The file.

    Returns:
        The values that stand in the file, by field name.

    Raises:
        UserError: The file is not TOML, names an unknown setting or holds a value
            that the setting cannot take.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not valid TOML: {error}") from None
    types = {
        field.name: field.metadata["type"]
        for field in dataclasses.fields(settings_class)
    }
    for name, value in values.items():
        if name not in types:
            raise UserError(
                f"{path}: unknown setting {name!r}; known: {', '.join(types)}"
            )
        try:
            # As text, so that 100.7 is no integer here as little as in a shell.
            values[name] = types[name].convert(str(value), None, None)
        except click.BadParameter as error:
            raise UserError(f"{path}: {name}: {error.message}") from None
    return values
