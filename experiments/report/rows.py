"""Reads result rows and puts runs together that differ only in their seed."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.core.checkpoint import History
from experiments.core.errors import UserError
from experiments.core.results import Row, read_rows
from experiments.report.lines import OPTIONAL, RECORD, Line
from experiments.report.names import layer_place

# Experiments whose rows are no training runs.
BENCHMARKS = ("speed", "edge", "microcontroller", "stream")


@dataclass(frozen=True)
class Results:
    """All rows of a folder."""

    lines: dict[str, list[Line]]  # of each experiment that trains
    speed: list[Row]  # of `experiments.speed`, oldest first
    edge: list[Row]  # of `experiments.edge`, oldest first
    samples: int  # how many rows of synthetic sample data were left out
    microcontroller: list[Row] = field(default_factory=list)  # its second part
    stream: list[Row] = field(default_factory=list)  # of `experiments.stream`


def read(folder: Path) -> Results:
    """Reads every JSONL file of a folder, and the epochs of the runs in them.

    Args:
        folder: The folder; its `histories/<run>.json` hold the epochs.

    Raises:
        UserError: The folder has no rows, a line is damaged, or a run stands in a file
            twice or has no epochs.
    """
    rows = [row for path in sorted(folder.glob("*.jsonl")) for row in result_rows(path)]
    if not rows:
        raise UserError(f"--rows {folder}: the folder has no result rows")
    speed, edge, microcontroller, stream = (
        [row for row in rows if row["experiment"] == name] for name in BENCHMARKS
    )
    trained = [row for row in rows if row["experiment"] not in BENCHMARKS]
    real = [row for row in trained if row["data"] != "sample"]
    lines = {
        experiment: _lines([r for r in real if r["experiment"] == experiment], folder)
        for experiment in sorted({row["experiment"] for row in real})
    }
    return Results(
        lines, speed, edge, len(trained) - len(real), microcontroller, stream
    )


def result_rows(path: Path) -> list[Row]:
    """The rows of a JSONL file.

    Raises:
        UserError: A line is not a result row, or its run stands in the file twice.
    """
    rows = read_rows(path, torn=False)
    runs: set[str] = set()
    for number, row in enumerate(rows, start=1):
        where = f"{path}, line {number}"
        if row.get("experiment") not in BENCHMARKS:
            check_trained(row, where)
            if row["run"] in runs:
                raise UserError(f"{where}: run {row['run']} stands in the file twice")
            runs.add(row["run"])
    return rows


def check_trained(row: Row, where: str) -> None:
    """Refuses a row that no training run wrote."""
    needed = RECORD - OPTIONAL | {"experiment", "data", "variant"}
    missing = sorted(needed - row.keys(), key=lambda name: (name != "experiment", name))
    if missing:
        raise UserError(f"{where} is not a result row: it has no {missing[0]}")
    for name in ("experiment", "run"):
        if Path(str(row[name])).name != row[name]:
            raise UserError(f"{where} is not a result row: {name} is {row[name]!r}")


def _lines(rows: Iterable[Row], folder: Path) -> list[Line]:
    together: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["seed"]):
        together[json.dumps(_settings(row), sort_keys=True)].append(row)
    groups = sorted(together.values(), key=lambda group: _order(_settings(group[0])))
    remedy = "delete it and --collect the run again"
    return [
        Line(
            number,
            _settings(group[0]),
            group,
            [read_epochs(history_path(folder, row), row, remedy) for row in group],
        )
        for number, group in enumerate(groups, start=1)
    ]


def history_path(folder: Path, row: Row) -> Path:
    """The file with the epochs of a run, in a folder of results."""
    return folder / "histories" / f"{row['run']}.json"


def _settings(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in RECORD}


def _order(settings: Row) -> tuple[Any, ...]:
    """The place of a line: by its layer, then by what the tables go through."""
    numbers = [settings.get(name) or 0 for name in ("units", "eta", "forget", "epochs")]
    place = layer_place(settings["variant"])
    return (place, *numbers, json.dumps(settings, sort_keys=True))


def read_epochs(path: Path, row: Row, remedy: str) -> History:
    """The epochs of a run, as many as its row says.

    Args:
        path: The JSON file that holds them.
        remedy: What the user can do about a missing or damaged file.

    Raises:
        UserError: The file is missing or damaged, or has another number of epochs.
    """
    if not row["epochs_finished"]:  # the run diverged in the first epoch
        return []
    try:
        history = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(history, list):
            raise ValueError
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing, the epochs of a run that has a row; {remedy}"
        ) from None
    except ValueError:
        raise UserError(f"{path} is not a JSON list; {remedy}") from None
    if len(history) != row["epochs_finished"]:
        raise UserError(
            f"{path} has {len(history)} epochs, the row of its run "
            f"{row['epochs_finished']}; {remedy}"
        )
    return history
