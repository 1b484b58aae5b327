"""The same grid on a Ray cluster of two nodes, one of which is lost on the way."""

import signal

import psutil
import pytest

from experiments.core import command
from experiments.grid import cluster as grid_ray, definition
from experiments.grid.display import Display
from experiments.grid.runs import Outcome
from tests.experiments.grid.support import BACKEND, histories, rows, start, write_grid

cluster_utils = pytest.importorskip("ray.cluster_utils")

TWO = """
epochs = 12
variant = ["lstm6", "lstm_c6"]
"""


@pytest.fixture
def cluster():
    """Two nodes with a CPU each, so that each trains one run at a time."""
    made = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()


def process_of(run, node):
    """The process that trains a run on a node, if it is trained there."""
    ((raylet,),) = [node.all_processes["raylet"]]
    options = command.arguments(run.config)
    for process in psutil.Process(raylet.process.pid).children(recursive=True):
        words = process.cmdline()
        if "experiments.grid.child" in words and words[-len(options) :] == options:
            return process
    return None


def test_a_lost_node_changes_no_row(cluster, tmp_path, monkeypatch):
    path = write_grid(tmp_path, TWO)
    here, there = tmp_path / "here", tmp_path / "there"
    assert start(path, here, "--jobs=2") == 0

    (node,) = cluster.worker_nodes
    lost = []
    running = Display.running

    def lose(self, run, line):
        """Takes the node away in the midst of the first training seen there."""
        running(self, run, line)
        process = None if lost else process_of(run, node)
        if process is None or not line.startswith("epoch"):
            return
        process.send_signal(signal.SIGSTOP)  # so that it cannot finish meanwhile
        (folder,) = there.glob(f"imdb-{run.config.variant}-*/")
        if not (folder / "row.json").exists():
            cluster.remove_node(node, allow_graceful=False)
            lost.append(folder.name)
        process.send_signal(signal.SIGCONT)

    monkeypatch.setattr(Display, "running", lose)
    assert start(path, there, "--engine=ray", f"--address={cluster.address}") == 0
    assert len(lost) == 1
    assert rows(there) == rows(here)
    assert histories(there) == histories(here)
    assert lost[0] in rows(there)


@pytest.mark.parametrize(
    ("args", "hints"),
    [
        (["--gpus-per-run=1000"], ["--gpus-per-run", "1000"]),
        (["--cpus-per-run=1e9"], ["--cpus-per-run", "1e+09"]),
        (["--address=nowhere"], ["--address nowhere"]),
    ],
)
def test_what_no_cluster_can_give_is_one_line(args, hints, tmp_path, capfd):
    path = write_grid(tmp_path, TWO)
    assert start(path, tmp_path / "runs", "--engine=ray", *args) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    for hint in hints:
        assert hint in err


def test_files_of_a_run_on_a_foreign_disk_are_kept_here(tmp_path, monkeypatch):
    output = tmp_path / "runs"
    run, *_ = definition.read(write_grid(tmp_path, TWO), [BACKEND], str(output))
    outcome = Outcome({"run": "there"}, "")
    monkeypatch.setattr("ray.get", lambda reference: reference)
    files = {"row.json": b"{}", "config.json": b"[]"}
    assert grid_ray._outcome(run, (outcome, files)) == outcome
    kept = {path.name: path.read_bytes() for path in (output / "there").iterdir()}
    assert kept == files
    grid_ray._outcome(run, (outcome, {"row.json": b"[]"}))  # the same disk
    assert (output / "there" / "row.json").read_bytes() == b"{}"
