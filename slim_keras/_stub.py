"""Writes `__init__.pyi`: there a static reader sees every constructor's arguments.

    python -m slim_keras._stub

The signatures of the named classes are made at run time, where neither an IDE nor mypy
looks.
"""

import inspect
import json
from pathlib import Path

import slim_keras
from slim_keras.cells import SlimCell
from slim_keras.layers import SlimLayer
from slim_keras.stacks import Stack

_HEAD = """\
# Made by `python -m slim_keras._stub`.
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, SupportsIndex

from slim_keras import activations as activations
from slim_keras.bounds import (
    BoundedRecurrence as BoundedRecurrence,
    BoundedUniform as BoundedUniform,
    JointOrthogonal as JointOrthogonal,
)
from slim_keras.cells import SlimCell
from slim_keras.layers import SlimLayer as SlimLayer
from slim_keras.stacks import Stack
from slim_keras.variants import VARIANTS as VARIANTS

__version__: str

# What `keras.activations.get`, `keras.initializers.get` and so on take.
_Function = str | Mapping[str, Any] | Callable[..., Any] | None

def get(key: str) -> type[SlimLayer]: ...
"""

_TYPES = {
    "units": "SupportsIndex",
    "unroll": "bool | SupportsIndex",
    "seed": "Any",  # an integer or a keras.random.SeedGenerator
    "layer": "SlimLayer",
    "depth": "SupportsIndex",
    "normalization": 'Literal["after", "before"] | None',
    "trainable": "bool",
    "dtype": "Any",  # a name or a keras.DTypePolicy
    "name": "str | None",
    "use_cudnn": 'Literal["auto", False]',
    "implementation": "int",
}
_FUNCTIONS = ("activation", "initializer", "regularizer", "constraint")
_OF_KERAS = {"trainable": True, "dtype": None, "name": None}
_OF_KERAS_LSTM = {"use_cudnn": "auto", "implementation": 2}


def text() -> str:
    """The stub."""
    return _HEAD + "".join(
        f"\n{_class(cls)}"
        for cls in vars(slim_keras).values()
        if inspect.isclass(cls) and cls is not SlimLayer
        if issubclass(cls, (SlimCell, SlimLayer, Stack))
    )


def _class(cls: type) -> str:
    base = next(b for b in (SlimCell, SlimLayer, Stack) if issubclass(cls, b))
    positional, named = _parameters(cls)
    named |= _OF_KERAS if base is Stack else _OF_KERAS_LSTM | _OF_KERAS
    lines = [
        *(_line(name, default) for name, default in positional.items()),
        "*",
        *(_line(name, default) for name, default in named.items()),
    ]
    arguments = "".join(f"        {line},\n" for line in ("self", *lines))
    return (
        f"class {cls.__name__}({base.__name__}):\n"
        f"    def __init__(\n{arguments}    ) -> None: ...\n"
    )


def _parameters(cls: type) -> tuple[dict, dict]:
    """Arguments that may come by position, and those by name alone."""
    kinds: dict = {
        inspect.Parameter.POSITIONAL_OR_KEYWORD: {},
        inspect.Parameter.KEYWORD_ONLY: {},
    }
    # A stack hands what it does not know on to the class that all stacks share.
    for owner in (cls, Stack) if issubclass(cls, Stack) else (cls,):
        for name, parameter in inspect.signature(owner).parameters.items():
            if parameter.kind in kinds:
                kinds[parameter.kind].setdefault(name, parameter.default)
    positional, named = kinds.values()
    return positional, named


def _line(name: str, default: object) -> str:
    if name == "blocks":
        many = isinstance(default, tuple)
        kind = "Iterable[SupportsIndex]" if many else "SupportsIndex"
    elif name.endswith(_FUNCTIONS):
        kind = "_Function"
    else:
        kind = _TYPES.get(name, type(default).__name__)
    line = f"{name}: {kind}"
    if default is inspect.Parameter.empty:
        return line
    if isinstance(default, str):
        return f"{line} = {json.dumps(default)}"
    plain = default is None or isinstance(default, (bool, int, float, tuple))
    return f"{line} = {default!r}" if plain else f"{line} = ..."


if __name__ == "__main__":
    path = Path(__file__).with_name("__init__.pyi")
    path.write_text(text(), encoding="utf-8")
