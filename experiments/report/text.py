"""Numbers, settings and tables as Markdown."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, fields
from typing import Any

import numpy as np
import pandas as pd

from experiments.core import command
from experiments.core.experiment import find
from experiments.core.results import Row
from experiments.report.lines import SOLVED, Line
from experiments.report.names import layer_name
from experiments.report.papers import NOTHING

HEADS = {
    "variant": "layer",
    "units": "n",
    "forget": "f",
    "length": "T",
    "permuted": "pixels",
    "train": "train",
    "paper": "test, `paper`",
    "epoch": "epoch of it",
    "clean": "test, `clean`",
    "late": "test, epochs 95-100",
    "after_150": "test, epochs 151-200",
    "error": "error %",
    "mse": "lowest MSE",
    "mse_last": "last MSE",
    "solved": f"steps to MSE < {SOLVED}",
    "parameters": "weights",
    "recurrent": "weights of the layer",
    "cer": "test CER",
    "cer_beam": "by beam search",
    "gap": "test CER less train CER",
    "cer_train": "train CER at the end",
    "cer_last": "test CER at the end",
    "seconds": "seconds per epoch",
}
# How many decimals, where not 4; of whole numbers none.
_DECIMALS = {"epoch": 1, "chosen": 1, "seconds": 1, "late": 3, "error": 2, "solved": 0}

# Settings that the tables leave open: named even where they are the default.
_OPEN = {
    *("units", "eta", "forget", "epochs", "train_embedding"),
    *("classes", "strip", "split", "layers"),
}


def head(name: str) -> str:
    """What a column of a setting or a measure is called."""
    if "." in name:  # a score as its experiment declares it
        score, figure = name.split(".")
        return f"{figure.replace('_', ' ')}, `{score}`"
    return HEADS.get(name, name)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; columns of numbers stand right, columns of words left.

    Args:
        columns: The headings.
        rows: The cells.
    """
    frame = pd.DataFrame(list(rows), columns=list(columns))
    sides = [
        "right" if all(_number(cell) for cell in frame.iloc[:, place]) else "left"
        for place in range(len(columns))
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
    """Values of a measure, with the decimals that it has."""
    if measure in ("parameters", "recurrent") and values:
        return f"{statistics.mean(values):,.0f}"
    digits = _DECIMALS.get(measure, 4)
    if measure in ("epoch", "chosen") and len(values) == 1:
        digits = 0
    return spread(values, digits)


def seeds(line: Line) -> str:
    """How many runs the numbers of a line are of."""
    diverged = len(line.rows) - len(line.finished)
    return f"{len(line.finished)}" + (f" ({diverged} diverged)" if diverged else "")


def value(name: str, setting: Any) -> str:
    """A setting in a column that bears its name."""
    if setting is None:
        return NOTHING
    if name == "variant":
        return layer_name(setting)
    if name == "permuted":
        return "permuted" if setting else "in order"
    if name == "eta" and isinstance(setting, float):
        return np.format_float_scientific(setting, trim="-", exp_digits=1)
    return f"{setting:g}" if isinstance(setting, float) else str(setting)


def words(name: str, setting: Any) -> str:
    """A setting among others."""
    match name:
        case "units":
            return f"n = {setting}"
        case "forget":
            return f"f = {setting:g}"
        case "epochs":
            return f"{setting} epochs"
        case "train_embedding":
            return "embedding trained" if setting else "embedding frozen"
        case "classes":
            return f"{setting} classes"
        case "strip":
            return f"{setting.replace(',', ', ') or 'nothing'} stripped"
        case "layers":
            return f"{setting} layer{'s' if setting > 1 else ''}"
        case "variant" | "permuted" | "stack":
            return value(name, setting)
        case "length":
            return f"T = {setting}"
        case "split":
            return f"{setting} split"
    shown = setting[:8] if name.endswith("checksum") else value(name, setting)
    return f"{name.replace('_', ' ')} = {shown}"


def describe(lines: Sequence[Line], known: Iterable[str] = ()) -> list[str]:
    """In what lines beside each other stand apart from a table and from each other.

    Args:
        lines: Lines of one experiment.
        known: Settings that the reader knows already.

    Returns:
        For each line its open settings, those that are not the experiment's default
        and, if that leaves two lines alike, all in which the lines differ.
    """
    hidden = {"experiment", "data", *known}

    def text(line: Line, differing: set[str]) -> str:
        plain = _defaults(line.settings["experiment"])
        return ", ".join(
            words(name, setting)
            for name, setting in line.settings.items()
            if name not in hidden and setting is not None
            if name in _OPEN or name in differing or setting != plain.get(name, setting)
        )

    texts = [text(line, set()) for line in lines]
    if len(set(texts)) < len(texts):
        names = dict.fromkeys(name for line in lines for name in line.settings)
        differing = {
            n for n in names if len({str(x.settings.get(n)) for x in lines}) > 1
        }
        texts = [text(line, differing) for line in lines]
    return texts


def train_command(line: Line) -> str:
    """The command that trains the runs of a line, but for their seeds."""
    config = find(line.settings["experiment"]).settings
    known = {field.name for field in fields(config)}
    settings = {n: s for n, s in line.settings.items() if n in known}
    options = command.arguments(config(**settings))
    return " ".join(
        ["python -m", f"experiments.{line.settings['experiment']}", *options]
    )


def _defaults(experiment: str) -> Row:
    """The defaults that are the same on every machine."""
    return {
        field.name: field.default
        for field in fields(find(experiment).settings)
        if field.default is not MISSING
    }
