"""Numbers, settings and tables as Markdown."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, fields
from typing import Any

import numpy as np
import pandas as pd

from experiments.core import command
from experiments.core.experiment import find
from experiments.report.lines import MEASURES, Line
from experiments.report.names import layer_name
from experiments.report.papers import NOTHING

_AXES = {"variant": "layer", "units": "n", "forget": "f", "length": "T"}
_AXES |= {"permuted": "pixels"}

# A setting among others, where it is not `name = value`.
_WORDS = {
    "units": "n = {}",
    "forget": "f = {}",
    "length": "T = {}",
    "epochs": "{} epochs",
    "classes": "{} classes",
    "strip": "{} stripped",
    "split": "{} split",
    "train_embedding": "embedding {}",
    **dict.fromkeys(("variant", "permuted", "stack"), "{}"),
}
_BOOLEAN = {
    "permuted": ("in order", "permuted"),
    "train_embedding": ("frozen", "trained"),
}

# Settings that the tables leave open: named even where they are the default.
_OPEN = {
    *("units", "eta", "forget", "epochs", "train_embedding"),
    *("classes", "strip", "split", "layers"),
}


def head(name: str) -> str:
    """What a column of a setting or a measure is called."""
    if name in MEASURES:
        return MEASURES[name].head
    if "." in name:  # a score that its experiment declares, maybe of a class
        score, *figure = name.split(".")
        return f"{' '.join(figure).replace('_', ' ')}, `{score}`"
    return _AXES.get(name, name)


def table(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; columns of numbers stand right, columns of words left."""
    frame = pd.DataFrame(list(rows), columns=list(columns), dtype=object)
    frame = frame.fillna(NOTHING).astype(str)
    sides = [
        "right" if frame.iloc[:, n].map(_number).all() else "left"
        for n in range(frame.shape[1])
    ]
    return frame.to_markdown(index=False, disable_numparse=True, colalign=sides)


def _number(cell: str) -> bool:
    return cell == NOTHING or cell.lstrip("+-")[:1].isdigit()


def folded(title: str, text: str) -> str:
    """Markdown that a reader opens with a click."""
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def spread(values: Sequence[float], digits: int = 4) -> str:
    """The mean and, of two or more, the sample standard deviation."""
    if not values:
        return NOTHING
    mean = f"{statistics.mean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(values):.{digits}f}"


def number(measure: str, values: Sequence[float]) -> str:
    """Values of a measure, with its decimals."""
    if measure in ("parameters", "recurrent") and values:
        return f"{statistics.mean(values):,.0f}"
    digits = MEASURES[measure].digits if measure in MEASURES else 4
    if measure in ("epoch", "chosen") and len(values) == 1:
        digits = 0
    return spread(values, digits)


def measured(line: Line | None, names: Iterable[str]) -> list[str]:
    """The cells of a line for some measures."""
    return [number(name, line.values(name) if line else []) for name in names]


def seeds(line: Line) -> str:
    """How many runs the numbers of a line are of."""
    diverged = len(line.rows) - len(line.finished)
    return f"{len(line.finished)}" + (f" ({diverged} diverged)" if diverged else "")


def value(name: str, setting: Any) -> str:
    """A setting in a column that bears its name."""
    if setting is None:
        return NOTHING
    if name in _BOOLEAN:
        return _BOOLEAN[name][setting]
    if name == "variant":
        return layer_name(setting)
    if name == "strip":
        return setting.replace(",", ", ") or "nothing"
    if name == "eta" and isinstance(setting, float):
        return np.format_float_scientific(setting, trim="-", exp_digits=1)
    return f"{setting:g}" if isinstance(setting, float) else str(setting)


def words(name: str, setting: Any) -> str:
    """A setting among others."""
    shown = setting[:8] if name.endswith("checksum") else value(name, setting)
    return _WORDS.get(name, f"{name.replace('_', ' ')} = {{}}").format(shown)


def describe(line: Line, known: Iterable[str] = ()) -> str:
    """The settings of a line that tables leave open or that are no defaults.

    Args:
        known: Settings that the reader knows already.
    """
    hidden = {"experiment", "data", *known}
    plain = {
        field.name: field.default
        for field in fields(find(line.experiment).settings)
        if field.default is not MISSING  # the same on every machine
    }
    return ", ".join(
        words(name, setting)
        for name, setting in line.settings.items()
        if name not in hidden and setting is not None
        if name in _OPEN or setting != plain.get(name, setting)
    )


def train_command(line: Line) -> str:
    """The command that trains the runs of a line, but for their seeds."""
    config = find(line.experiment).settings
    known = {field.name for field in fields(config)}
    settings = {n: s for n, s in line.settings.items() if n in known}
    options = command.arguments(config(**settings))
    return " ".join(["python -m", f"experiments.{line.experiment}", *options])
