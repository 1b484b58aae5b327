"""One run of a grid: its row, and the process that trains it."""

import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from experiments.core import command
from experiments.core.experiment import Experiment, find
from experiments.core.results import Row, read_rows
from experiments.core.settings import Common, identity

ROOT = Path(__file__).parents[2]
PAUSE = 0.1  # seconds between two looks at the processes

# Several runs may share one GPU: none takes all of its memory at the start.
_SHARING = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


@dataclass(frozen=True)
class Run:
    """One run: the name of its experiment, and its complete settings."""

    experiment: str
    config: Common

    @property
    def declared(self) -> Experiment:
        """The experiment itself."""
        return find(self.experiment)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that its numbers depend on."""
        return identity(self.config)

    @property
    def known_by(self) -> dict[str, Any]:
        """The entries of its row that tell it from all other runs."""
        own = {"experiment": self.experiment, **self.settings}
        if hasattr(self.config, "data"):
            own["data"] = self.config.data
        return own

    @property
    def results(self) -> Path:
        """The file that its row goes to."""
        return Path(self.config.output) / "results.jsonl"

    def folder(self, row: Row) -> Path:
        """The folder that its row names."""
        return Path(self.config.output) / row["run"]

    def row(self, rows: Sequence[Row]) -> Row | None:
        """The row of this run, the last one if the data have changed."""
        for row in reversed(rows):
            if all(row.get(name) == value for name, value in self.known_by.items()):
                return row
        return None


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    row: Row | None  # its row, or `None` if it failed
    output: str  # the last lines that it printed

    @property
    def reason(self) -> str:
        """Why it failed, in one line."""
        return self.output.strip().rpartition("\n")[2].removeprefix("error: ")


# The last line of a run that goes on, or how it ended.
News = tuple[Run, str | Outcome]


def loop(runs: Sequence[Run], jobs: int) -> Generator[News]:
    """Trains each run in a process and reports on all of them.

    Args:
        runs: The runs; they start in this order.
        jobs: Runs at a time.
    """
    waiting = deque(runs)
    children: list[_Child] = []
    try:
        while waiting or children:
            while waiting and len(children) < jobs:
                children.append(_Child(waiting.popleft()))
            time.sleep(PAUSE)
            for child in tuple(children):
                news = child.news()
                if isinstance(news, Outcome):
                    children.remove(child)
                yield child.run, news
    finally:
        for child in children:
            child.stop()


class _Child:
    """The process of a run; it ends with this process, however that ends."""

    def __init__(self, run: Run):
        self.run = run
        # The lines of the run itself, and whatever libraries write.
        self._lines = tempfile.TemporaryFile()  # noqa: SIM115  stop() closes both
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        command_line = ["-m", "experiments.grid.child", f"experiments.{run.experiment}"]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, *command_line, *command.arguments(run.config)],
            stdin=subprocess.PIPE,
            stdout=self._lines,
            stderr=self._errors,
            env={**_SHARING, **os.environ, "PYTHONPATH": path},
        )

    def news(self) -> str | Outcome:
        if self._process.poll() is None:
            return _last(self._lines, 1)
        output = _last(self._errors, 1)
        if not output.startswith("error: "):
            output = "\n".join(
                filter(None, (_last(self._lines, 3), _last(self._errors, 20)))
            )
        if self._process.returncode < 0:
            output += f"\nended by signal {-self._process.returncode}"
        self.stop()
        return Outcome(self.run.row(read_rows(self.run.results)), output)

    def stop(self) -> None:
        with self._process:  # closes its input, waits for its end
            pass
        self._lines.close()
        self._errors.close()


def _last(file: IO[bytes], number: int) -> str:
    """The last whole lines of a file that a process writes."""
    size = os.fstat(file.fileno()).st_size
    # The process writes at the offset that it shares: it stays where it is.
    end = os.pread(file.fileno(), 8192, max(0, size - 8192))
    return "\n".join(end.decode(errors="replace").split("\n")[-number - 1 :][:-1])
