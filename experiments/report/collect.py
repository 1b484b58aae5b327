"""Finished runs, from the folder that trained them into the committed results."""

from dataclasses import dataclass, field
from pathlib import Path

from experiments.core.errors import UserError
from experiments.core.results import Row, append_row, read_rows, write_json
from experiments.report.rows import (
    check_trained,
    history_path,
    read_epochs,
    result_rows,
)


@dataclass
class Collected:
    """What became of the rows of a folder.

    Attributes:
        new: Runs that were copied.
        known: Runs that were there already.
        other: Runs that were there already with another row, which stays.
        samples: Runs on synthetic sample data, which are never copied.
    """

    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)


def collect(runs: Path, results: Path, busy: bool = False) -> Collected:
    """Copies the rows and epochs of runs that are not there yet.

    The epochs go first, so that a row never stands without them; what was cut short
    is made whole by collecting again.

    Args:
        runs: The `--output` of the experiments: `results.jsonl` and a folder a run.
        results: One JSONL file an experiment, and `histories/<run>.json`.
        busy: Whether the machine did other work, too: the rows are copied without
            their seconds per epoch.

    Raises:
        UserError: There are no runs, a line is damaged, or the epochs of a run are
            missing.
    """
    source = runs / "results.jsonl"
    if not source.exists():
        raise UserError(f"--collect {runs}: there is no {source}")
    collected = Collected()
    rows = read_rows(source)
    for number, row in enumerate(rows, start=1):
        check_trained(row, f"{source}, line {number}")
    # The last line may be being written. A run that was deleted and trained again has
    # several rows, and the epochs of the last one.
    for run, row in {row["run"]: row for row in rows}.items():
        row |= {"seconds_per_epoch": None} if busy else {}
        target = results / f"{row['experiment']}.jsonl"
        history = history_path(results, row)
        if row["data"] == "sample":
            collected.samples.append(run)
            continue
        known = result_rows(target) if target.exists() else []
        own = next((other for other in known if other["run"] == run), None)
        if own and not _same(own, row):
            collected.other.append(run)
            continue
        if own and (history.exists() or not row["epochs_finished"]):
            collected.known.append(run)
            continue
        remedy = "delete the folder and train the run again"
        epochs = read_epochs(runs / run / "history.json", row, remedy)
        history.parent.mkdir(parents=True, exist_ok=True)
        if epochs:
            write_json(history, epochs)
        append_row(target, row)
        collected.new.append(run)
    return collected


def _same(own: Row, row: Row) -> bool:
    """Whether two rows are one, but for seconds that one of them was left without."""
    if None in (own["seconds_per_epoch"], row["seconds_per_epoch"]):
        own, row = own | {"seconds_per_epoch": None}, row | {"seconds_per_epoch": None}
    return own == row
