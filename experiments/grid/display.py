"""The screen of a grid: a live table, a line for each ended run, a report."""

import statistics
import time
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from experiments.core.progress import scored
from experiments.core.results import Row
from experiments.grid.runs import Outcome, Run

PAUSE = 0.5  # seconds between two pictures of the live table


class Display:
    """The screen of a grid, live while the block of a `with` runs.

    Nothing else may write to the terminal meanwhile.

    Args:
        runs: All runs of the grid.
        rows: The rows of the runs that are finished already.
        jobs: Runs at a time, at least.
    """

    def __init__(self, runs: Sequence[Run], rows: dict[Run, Row], jobs: int = 1):
        self._runs = runs
        self._scores = runs[0].declared.scores
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
            # A thread that draws it would count its lines while others are printed.
            auto_refresh=False,
        )
        self._drawn = 0.0

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def running(self, run: Run, line: str) -> None:
        """Shows the last line that a run printed."""
        now = time.monotonic()
        self._began.setdefault(run, now)
        self._running[run] = line
        if now - self._drawn > PAUSE:
            self._draw()

    def ended(self, run: Run, outcome: Outcome) -> None:
        """Prints how a run ended."""
        self._running.pop(run, None)
        if outcome.row is None:
            self._failed[run] = outcome
            self._say(f"failed: {self._name(run)}: {outcome.reason}")
        else:
            self._rows[run] = outcome.row
            if run in self._began:
                self._seconds[run] = time.monotonic() - self._began[run]
            found = scored(outcome.row, self._scores)
            if outcome.row["status"] != "finished":
                found.insert(0, outcome.row["status"])
            self._say(f"{self._name(run)}: {', '.join(found)}")
        if self._live.is_started:
            self._draw()
        else:  # no live table shows it
            self._say(self._summary())

    def report(self) -> None:
        """Prints all runs in a table, and then the last lines of the failed ones."""
        self._console.print(self._table())
        outputs: dict[str, list[str]] = {}
        for run, outcome in self._failed.items():
            outputs.setdefault(outcome.output, []).append(self._name(run))
        for output, names in outputs.items():
            self._say("\n" + "\n".join([f"failed: {n}" for n in names] + [output]))
        self._say(self._summary())

    def _say(self, text: str) -> None:
        wrap = not self._console.is_terminal  # a log keeps its lines whole
        self._console.print(text, markup=False, soft_wrap=wrap)

    def _draw(self) -> None:
        if self._live.is_started:
            self._live.refresh()
            self._drawn = time.monotonic()

    def _screen(self) -> Group:
        """The live table, with one line for each run at any width."""
        table = self._start("state")
        for run, line in tuple(self._running.items()):
            # The settings keep their width, the state gives way.
            table.add_row(
                *self._values(run), Text(line, "", no_wrap=True, overflow="ellipsis")
            )
        return Group(table, Text(self._summary()))

    def _name(self, run: Run) -> str:
        found = ((name, run.settings[name]) for name in self._axes)
        values = (f"{name}={value}" for name, value in found if value is not None)
        return " ".join([run.experiment, *values])

    def _values(self, run: Run) -> list[Text]:
        values = [run.settings[name] for name in self._axes]
        return [Text("" if v is None else str(v), no_wrap=True) for v in values]

    def _start(self, *more: str) -> Table:
        table = Table(box=None, pad_edge=False)
        for name in self._axes:
            table.add_column(name, no_wrap=True)
        for name in more:
            table.add_column(name)
        return table

    def _table(self) -> Table:
        rows = self._rows.values()
        scores = [s for s in self._scores if any(row.get(s.name) for row in rows)]
        table = self._start("state", *(score.name for score in scores))
        for run in self._runs:
            row = self._rows.get(run, {})
            state = "failed" if run in self._failed else row.get("status", "left")
            found = [(score.figure, row.get(score.name)) for score in scores]
            cells = [
                f"{values[figure]:.4f} (epoch {values['epoch']})" if values else ""
                for figure, values in found
            ]
            table.add_row(*self._values(run), state, *cells)
        return table

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
