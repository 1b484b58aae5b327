"""The runs of a grid as tasks on a Ray cluster.

A node needs this checkout under the same path as here, on a shared disk or in the same
image, and a folder for the runs under the path of `--output`. If that folder is on a
shared disk, a run whose node was lost goes on from its last epoch; otherwise it
starts again. Rows and small files come back to the process that started the grid.
"""

import logging
from collections.abc import Generator, Sequence
from typing import Any

from experiments.core.errors import UserError
from experiments.core.results import replacing
from experiments.grid.runs import News, Outcome, Run, loop

RETRIES = 10  # of a run whose node or worker was lost

Files = dict[str, bytes]


def on_cluster(
    runs: Sequence[Run], address: str | None, cpus: float, gpus: float
) -> Generator[News]:
    """Trains runs on a cluster and reports their progress.

    Args:
        address: The cluster, `"auto"` for this machine's; `None` starts one.
        cpus: CPU cores that a run reserves.
        gpus: GPUs that a run reserves; a part of one is shared.

    Raises:
        UserError: Ray is not installed, no cluster has the address, or this machine
            has less than a run reserves.
    """
    ray = _connect(address, cpus, gpus)
    try:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = ray.get_runtime_context().get_node_id()
        # On the driver's node, so that it is not lost with another one.
        strategy = NodeAffinitySchedulingStrategy(here, soft=False)
        board = (
            ray.remote(_Board)
            .options(num_cpus=0, scheduling_strategy=strategy)
            .remote()
        )
        task = ray.remote(_train).options(
            num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES
        )
        waiting = {task.remote(run, board): run for run in runs}
        while waiting:
            ended, _ = ray.wait(list(waiting), timeout=0.5)
            for run, line in ray.get(board.read.remote()).items():
                if run in waiting.values():
                    yield run, line
            for reference in ended:
                run = waiting.pop(reference)
                yield run, _outcome(run, reference)
    finally:
        ray.shutdown()


def _connect(address: str | None, cpus: float, gpus: float) -> Any:
    try:
        import ray
    except ImportError:
        raise UserError("--engine ray: Ray is not installed: pip install ray") from None
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        ray.init("local", include_dashboard=False, **quiet)
        here = ray.cluster_resources()
        for name, share in (("CPU", cpus), ("GPU", gpus)):
            if share > here.get(name, 0):
                ray.shutdown()
                raise UserError(
                    f"--{name.lower()}s-per-run {share:g}: this machine has "
                    f"{here.get(name, 0):g}"
                )
        return ray
    try:
        ray.init(address, **quiet)
    except (ray.exceptions.RayError, OSError, ValueError) as error:
        raise UserError(f"--address {address}: no Ray cluster: {error}") from None
    return ray


class _Board:
    """An actor with the last lines of the runs that have started."""

    def __init__(self) -> None:
        self._lines: dict[Run, str] = {}

    def write(self, run: Run, line: str) -> None:
        self._lines[run] = line

    def read(self) -> dict[Run, str]:
        return self._lines


def _train(run: Run, board: Any) -> tuple[Outcome, Files]:
    """The task: one run in a process of its own, on the node that Ray chose."""
    last = None
    for _, news in loop([run], jobs=1):
        if isinstance(news, Outcome):
            outcome = news
        elif news != last:
            board.write.remote(run, news)
            last = news
    files = run.folder(outcome.row).glob("*.json") if outcome.row else ()
    return outcome, {file.name: file.read_bytes() for file in files}


def _outcome(run: Run, reference: Any) -> Outcome:
    """The outcome of a task; writes its small files if the disk is not shared."""
    import ray

    try:
        outcome, files = ray.get(reference)
    except ray.exceptions.RayError as error:
        return Outcome(None, str(error))
    if outcome.row:
        folder = run.folder(outcome.row)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "row.json").exists():
            for name in sorted(files):  # row.json is last: it marks the run as done
                with replacing(folder / name) as beside:
                    beside.write_bytes(files[name])
    return outcome
