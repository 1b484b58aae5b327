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
    """The names of the runs in a folder, by what became of them."""

    new: list[str] = field(default_factory=list)  # copied
    known: list[str] = field(default_factory=list)  # in the results already
    other: list[str] = field(default_factory=list)  # the results keep another row
    samples: list[str] = field(default_factory=list)  # of sample data: never copied


def collect(runs: Path, results: Path, busy: bool = False) -> Collected:
    """Copies the rows and epochs of the runs that the results lack.

    The epochs of a run are copied before its row, so that no row lacks them. After an
    interruption the same command copies the rest.

    Args:
        runs: The `--output` of the experiments: `results.jsonl` and a folder a run.
        results: One JSONL file an experiment, and `histories/<run>.json`.
        busy: Whether the machine did other work, too. The copied rows then have no
            seconds per epoch.

    Raises:
        UserError: The folder has no rows, a line is damaged, or a run has no epochs.
    """
    source = runs / "results.jsonl"
    if not source.exists():
        raise UserError(f"--collect {runs}: the folder has no {source.name}")
    collected = Collected()
    rows = read_rows(source)
    for number, row in enumerate(rows, start=1):
        check_trained(row, f"{source}, line {number}")
    # A run that was deleted and trained again has several rows; its epochs are those
    # of the last row.
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
    """Whether two rows are equal, except for seconds that one of them lacks."""
    if None in (own["seconds_per_epoch"], row["seconds_per_epoch"]):
        own, row = own | {"seconds_per_epoch": None}, row | {"seconds_per_epoch": None}
    return own == row
