"""What a grid shows: a live table of the runs, a line for each end, a report."""

import statistics
import time
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from experiments.core import progress
from experiments.core.results import Row
from experiments.grid.runs import Outcome, Run


class Display:
    """The screen of a grid, live while the block of a `with` runs.

    Args:
        runs: All runs of the grid.
        rows: Their rows, as far as they are finished already.
        jobs: Runs at a time, at least.
    """

    def __init__(self, runs: Sequence[Run], rows: dict[Run, Row], jobs: int = 1):
        self._runs = runs
        self._jobs = jobs
        self._rows = dict(rows)
        self._failed: dict[Run, Outcome] = {}
        self._running: dict[Run, str] = {}
        self._began: dict[Run, float] = {}
        self._seconds = {
            run: row["seconds_per_epoch"] * row["epochs_finished"]
            for run, row in rows.items()
            if row["seconds_per_epoch"] is not None
        }
        self._axes = [
            name
            for name in runs[0].settings
            if len({run.settings[name] for run in runs}) > 1
        ]
        self._console = Console(highlight=False)
        self._live = Live(
            get_renderable=self._screen,
            console=self._console,
            transient=True,
            refresh_per_second=2,
        )

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def running(self, run: Run, line: str) -> None:
        """A run goes on; the line is the last one that it printed."""
        self._began.setdefault(run, time.monotonic())
        self._running[run] = line

    def ended(self, run: Run, outcome: Outcome) -> None:
        """A run ended."""
        self._running.pop(run, None)
        if outcome.row is None:
            self._failed[run] = outcome
            self._say(f"failed: {self._name(run)}")
        else:
            self._rows[run] = outcome.row
            if run in self._began:
                self._seconds[run] = time.monotonic() - self._began[run]
            progress.Display(quiet=True).summary(outcome.row)
        self._say(self._summary())

    def report(self) -> None:
        """All runs in a table, then those that failed and what they said."""
        self._console.print(self._table(self._runs))
        for run, outcome in self._failed.items():
            self._say(f"\nfailed: {self._name(run)}\n{outcome.output}")
        self._say(self._summary())

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def _screen(self) -> Group:
        return Group(self._table(list(self._running)), Text(self._summary()))

    def _name(self, run: Run) -> str:
        values = (f"{name}={run.settings[name]}" for name in self._axes)
        return " ".join([run.experiment, *values])

    def _table(self, runs: Sequence[Run]) -> Table:
        table = Table(box=None, pad_edge=False)
        for name in (*self._axes, "state"):
            table.add_column(name, no_wrap=name == "state")
        for run in runs:
            values = [run.settings[name] for name in self._axes]
            shown = ("" if value is None else str(value) for value in values)
            table.add_row(*shown, self._state(run))
        return table

    def _state(self, run: Run) -> Text:
        if run in self._rows:
            row = self._rows[run]
            return Text(", ".join([row["status"], *progress.scores(row)]))
        if run in self._failed:
            return Text("failed")
        return Text(self._running.get(run, "left"))

    def _summary(self) -> str:
        running, failed = len(self._running), len(self._failed)
        left = len(self._runs) - len(self._rows) - failed - running
        parts = [f"{len(self._rows)} of {len(self._runs)} done"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{running} running"] if running else []
        parts += [f"{left} left"] if left else []
        seconds = self._seconds_left()
        if seconds:
            parts.append(f"about {timedelta(seconds=round(seconds))} to go")
        return ", ".join(parts)

    def _seconds_left(self) -> float | None:
        """By the finished runs; unknown without one."""
        if not self._seconds:
            return None
        ended = {*self._rows, *self._failed}
        seconds = 0.0
        for run in self._runs:
            if run in self._running:
                elapsed = time.monotonic() - self._began[run]
                seconds += max(0.0, self._expected(run) - elapsed)
            elif run not in ended:
                seconds += self._expected(run)
        waiting = len(self._runs) - len(ended)
        return seconds / max(1, len(self._running), min(self._jobs, waiting))

    def _expected(self, run: Run) -> float:
        """The mean seconds of the finished runs that are most like this one."""
        alike = {other: _alike(run, other) for other in self._seconds}
        most = max(alike.values())
        return statistics.mean(
            self._seconds[other] for other, common in alike.items() if common == most
        )


def _alike(run: Run, other: Run) -> int:
    """How many settings two runs have in common."""
    pairs = zip(run.settings.values(), other.settings.values(), strict=True)
    return sum(one == two for one, two in pairs)
