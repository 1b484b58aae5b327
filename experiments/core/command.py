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
from click.core import ParameterSource

from experiments.core.errors import UserError

REQUIRED = dataclasses.MISSING


class Integer(click.IntRange):
    """An integer, in a range if one is given."""

    name = "integer"


class Number(click.FloatRange):
    """A finite float, in a range if one is given."""

    name = "number"

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class Name(click.ParamType):
    """A text that is not empty, for files and folders."""

    name = "text"

    def convert(self, value, param, ctx):
        if not str(value).strip():
            self.fail("it is empty; give a name or leave the option out.", param, ctx)
        return value


class Numbers(click.ParamType):
    """Positive integers with commas between them."""

    name = "numbers"

    def convert(self, value, param, ctx):
        try:
            numbers = [int(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is not a list of integers like 100,500", param, ctx)
        if min(numbers) < 1:
            self.fail(f"{value!r} holds a number below 1", param, ctx)
        return value


def setting(
    default: Any,
    type: Any,
    help: str,
    *,
    identity: bool = True,
    env: str | None = None,
) -> Any:
    """A field of a settings dataclass.

    Args:
        default: The default, or a function that returns it. `None` makes the setting
            optional, a tuple lets it be given many times, `REQUIRED` makes it the
            argument of the command instead of an option.
        type: The click type that reads and checks a value.
        help: The line in `--help`.
        identity: Whether the numbers of a run depend on the setting.
        env: The environment variable that sets the default.
    """
    metadata = {"type": type, "help": help, "identity": identity, "env": env}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def main(
    settings_class: type,
    run: Callable[[Any], int],
    args: Sequence[str] | None = None,
    *,
    help: str | None = None,
    resumes: bool = True,
) -> int:
    """Reads the command line, calls `run` and returns the exit status.

    Args:
        settings_class: The dataclass of settings.
        run: Takes the settings and returns the exit status.
        args: The arguments, `sys.argv[1:]` by default.
        help: The text of `--help`, the docstring of `run` by default.
        resumes: Whether the same command goes on after an interruption.

    Returns:
        The status of `run`; 2 after a user's error, with one line on stderr; 130 after
        Ctrl-C.
    """
    params = [_parameter(field) for field in _fields(settings_class)]
    if not any(isinstance(param, click.Argument) for param in params):
        params.append(_config_option(settings_class))
    command = click.Command(
        name=None,
        params=params,
        help=help or run.__doc__,
        callback=lambda **values: run(settings_class(**values)),
        context_settings={"max_content_width": 88, "show_default": True},
    )
    try:
        return command.main(args, standalone_mode=False)
    except click.BadParameter as error:
        return _fail(_blame(error, settings_class))
    except click.ClickException as error:
        return _fail(error.format_message())
    except click.Abort:
        goes_on = "; the same command goes on from here" if resumes else ""
        return _fail(f"interrupted{goes_on}", status=130)
    except UserError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else error)
    except Exception as error:
        if not out_of_memory(error):
            raise
        return _fail("out of memory; choose smaller sizes or a smaller batch")


def out_of_memory(error: BaseException) -> bool:
    """Whether a backend or NumPy could not allocate memory."""
    if isinstance(error, MemoryError):
        return True
    message = str(error).lower()
    signs = ("resource_exhausted", "out of memory", "can't allocate memory")
    return type(error).__name__ == "ResourceExhaustedError" or any(
        sign in message for sign in signs
    )


def _blame(error: click.BadParameter, settings_class: type) -> str:
    """The message, which names the environment variable if that set the default."""
    name = error.param and error.param.name
    if error.ctx and name:
        fields = {each.name: each for each in dataclasses.fields(settings_class)}
        env = fields[name].metadata["env"] if name in fields else None
        if env and error.ctx.get_parameter_source(name) is ParameterSource.DEFAULT:
            return f"{env}: {error.message}"
    return error.format_message()


def _fail(message: object, status: int = 2) -> int:
    print("error:", " ".join(str(message).split()), file=sys.stderr)
    return status


def _fields(settings_class: type) -> list[dataclasses.Field]:
    """The fields of the class, then the inherited ones."""
    return sorted(
        dataclasses.fields(settings_class),
        key=lambda field: field.name not in settings_class.__annotations__,
    )


def _parameter(field: dataclasses.Field) -> click.Parameter:
    type, help = field.metadata["type"], field.metadata["help"]
    make = field.default_factory
    default = field.default if make is dataclasses.MISSING else make()
    if default is REQUIRED:
        return click.Argument([field.name], type=type, help=help)
    flag = _flag(field)
    is_bool = type is click.BOOL
    return click.Option(
        [f"--{flag}/--no-{flag}" if is_bool else f"--{flag}", field.name],
        type=None if is_bool else type,
        default=default,
        multiple=isinstance(default, tuple),
        help=help,
    )


def _flag(field: dataclasses.Field) -> str:
    return field.name.replace("_", "-")


def _config_option(settings_class: type) -> click.Parameter:
    def read(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
        if path is not None:
            # Options override the map, and the map overrides defaults.
            ctx.default_map = read_toml(settings_class, path)

    return click.Option(
        ["--config"],
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        is_eager=True,
        expose_value=False,
        callback=read,
        help="TOML file with settings; options on the command line override it.",
    )


def read_toml(settings_class: type, path: Path) -> dict[str, Any]:
    """Reads and checks the settings in a TOML file.

    Returns:
        The values in the file, by field name.

    Raises:
        UserError: The file is not TOML, names an unknown setting or holds a value
            that the setting cannot take.
    """
    values = read_table(path)
    return {n: convert(settings_class, n, v, path) for n, v in values.items()}


def read_table(path: Path) -> dict[str, Any]:
    """The content of a TOML file; raises UserError if it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not valid TOML: {error}") from None


def convert(settings_class: type, name: str, value: object, source: object) -> Any:
    """Checks one value of one setting.

    Args:
        value: The value, as a TOML file or a command line gives it.
        source: Where the value comes from, for the error message.

    Returns:
        The value with the type of the field.

    Raises:
        UserError: The setting is unknown or cannot take the value.
    """
    known = {field.name: field for field in dataclasses.fields(settings_class)}
    if name not in known:
        raise UserError(
            f"{source}: unknown setting {name!r}; known: {', '.join(known)}"
        )
    one = known[name].metadata["type"].convert
    several = isinstance(known[name].default, tuple)
    try:
        # As text: 100.7 must not become an integer here, as it does not in a shell.
        if several and isinstance(value, list):
            return [one(str(item), None, None) for item in value]
        return one(str(value), None, None)
    except click.BadParameter as error:
        raise UserError(f"{source}: {name}: {error.message}") from None


def arguments(settings: Any) -> list[str]:
    """The command-line options that give the same settings.

    Fixed defaults are left out. A default that depends on the machine is spelled out.
    """
    options = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if value == field.default:
            continue
        flag = _flag(field)
        if isinstance(value, bool):
            options.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            options.append(f"--{flag}={value}")
    return options
